"""What a job left is listed and deleted, whatever folders it made and took from itself."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from allmende.backends.jobs.outputs import list_files

# Rights mean nothing to root, who runs tests in containers.
PROGRAM = """
import os, sys
from pathlib import Path
from allmende.backends.jobs.outputs import remove_below
if not os.getuid():
    os.setuid(65534)
home = Path(sys.argv[1], "home")
(home / "out/deep/er").mkdir(parents=True)
(home / "out/deep/er/model").write_text("weights")
(home / "other").mkdir(mode=0o755)
(home / "out/link").symlink_to(home / "other")
for name, mode in (("out/deep/er", 0o500), ("out/deep", 0), ("out", 0o500)):
    (home / name).chmod(mode)
remove_below(home, ("out",))
assert [each.name for each in home.iterdir()] == ["other"]
assert (home / "other").stat().st_mode & 0o777 == 0o755
"""


def test_locked_folders_go_and_what_links_name_stays():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM, folder], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr


def test_folders_without_end_hide_nothing_else(tmp_path):
    (tmp_path / "b").write_text("b")
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("a", dir_fd=here)
        below = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert list_files(tmp_path) == {"b": 1}
    subprocess.run(["rm", "-r", tmp_path / "a"], check=True)  # pytest would not get down there
