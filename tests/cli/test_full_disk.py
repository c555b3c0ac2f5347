"""A disk that is full before anything is opened: each command says so and changes nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ALLMENDE = [sys.executable, "-m", "allmende"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Return a home on a real file system of five mebibytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs a small file system of its own: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def call(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "ALLMENDE_HOME": str(home), "ALLMENDE_LANGUAGE": "en"}
    env.pop("ALLMENDE_DATABASE_URL", None)
    return subprocess.run(
        [*ALLMENDE, *arguments], env=env, capture_output=True, text=True, timeout=300, check=False
    )


def fill(home: Path) -> Path:
    filler = home / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return filler


def test_a_full_disk_is_said_in_a_sentence_whichever_command_opens_the_database(home: Path):
    assert call(home, "init").returncode == 0
    filler = fill(home)
    add = ("person", "add", "Ada", "ada@example.org")
    for arguments in (add, ("daemon",), ("serve", "--port", "1")):
        refused = call(home, *arguments)
        assert (refused.returncode, refused.stdout) == (5, ""), refused.stderr
        assert refused.stderr == (
            f"The disk is full, so nothing was changed. Make room under {home}, then try again.\n"
        )
    filler.unlink()
    assert call(home, "site", "list").returncode == 0
