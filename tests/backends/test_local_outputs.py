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

# No file can be opened any more, as in a process that has too many open.
OUT_OF_FILES = """
import os, resource, sys
from pathlib import Path
from allmende.backends.jobs.outputs import list_files, read_file
from allmende.backends.slurm.places import list_below, open_below
home = Path(sys.argv[1])
asked = {
    "list_files": lambda: list_files(home / "out"),
    "read_file": lambda: read_file(home / "out", "model"),
    "list_below": lambda: list_below(home, "out"),
    "open_below": lambda: open_below(home, "out/model"),
}
found = {name: bool(ask()) for name, ask in asked.items()}
assert all(found.values()), found
free = os.open(os.devnull, os.O_RDONLY)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
for name, ask in asked.items():
    try:
        sys.exit(f"{name}: {ask()}")
    except OSError:
        pass
"""


def test_what_the_machine_cannot_open_now_is_not_taken_for_gone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/model").write_text("weights")
    told = subprocess.run(
        [sys.executable, "-c", OUT_OF_FILES, tmp_path], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


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
