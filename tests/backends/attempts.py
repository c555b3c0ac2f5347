"""What the tests of the local backend ask about an attempt and its processes."""

import os
from pathlib import Path

from allmende.backends.local.backend import LocalBackend


def folder_of(backend: LocalBackend, key: str) -> Path:
    folder = backend.folders.find_attempt(key)
    assert folder is not None
    return folder


def log_of(backend: LocalBackend, key: str) -> bytes:
    return backend.read_log(key, offset=0, limit=100_000)


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
