"""The lock that says: the runner of this attempt lives. The kernel drops it when it dies.

A POSIX record lock, because it can be asked about without being taken, it is not inherited by
the commands that the runner starts, and it names its holder.
"""

import contextlib
import fcntl
import os
import struct
from pathlib import Path

# struct flock with a 64-bit off_t: type, whence, start, length, pid.
FLOCK = "hhqqi4x"


def take_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock until it is closed, or None if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def find_holder(path: Path) -> int | None:
    """Return the process that holds the lock, or None; never takes it, even for a moment."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            question = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
        finally:
            os.close(descriptor)
        return None if answer[0] == fcntl.F_UNLCK else answer[4]
    return None
