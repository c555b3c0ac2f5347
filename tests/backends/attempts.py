"""What the tests of the local backend ask about an attempt and its processes."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from allmende.backends.local.backend import LocalBackend

# A script waits here for its test, which a busy machine may keep from looking for a while.
HELD = "until [ -e go ]; do sleep 0.1; done"


def folder_of(backend: LocalBackend, key: str) -> Path:
    folder = backend.folders.find_attempt(key)
    assert folder is not None
    return folder


def log_of(backend: LocalBackend, key: str) -> bytes:
    return backend.read_log(key, offset=0, limit=100_000)


def let_go(backend: LocalBackend, key: str) -> None:
    """Let an attempt go on that is at `HELD`."""
    folder = folder_of(backend, key)
    (folder.parent.parent / "home/go").touch()


def list_drafts(folder: Path) -> list[Path]:
    """Return what a runner has not yet put in its place, or just has."""
    return list(folder.glob(".*"))


def read_those_left(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield what is in files, but for those that are gone when their turn comes."""
    for path in paths:
        with contextlib.suppress(OSError):
            yield path.read_bytes()


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def in_another_process(deed) -> int:
    """Run the deed in a fork of this process and return its id."""
    pid = os.fork()
    if pid == 0:
        try:
            deed()
            os._exit(0)
        finally:
            os._exit(1)
    return pid
