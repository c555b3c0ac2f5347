"""Small files that are whole or absent: written beside, brought to the disk, then put in place.

Like everything that the node runner imports, this module knows the standard library only.
"""

import contextlib
import errno
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any, BinaryIO

MICROSECONDS = 1_000_000
SECRETS = "secrets.json"  # in the folder of an attempt, from its order to its start
USUAL_MODE, PRIVATE_MODE = 0o666, 0o600  # of files, before the umask
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
# What the machine is short of. Nothing in a folder, whatever a job made of it, has these effects.
MACHINE_TROUBLES = FULL_DISK | {
    errno.EAGAIN,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EROFS,
    errno.ESTALE,  # as on a shared file system that has gone and come
    errno.ETIMEDOUT,
}


def write_whole(path: Path, value: Any, *, mode: int = USUAL_MODE) -> None:
    """Write the value as JSON in place of whatever the file held."""
    draft = _write_draft(path, value, mode=mode)
    draft.replace(path)
    _sync_folder(path.parent)


def write_lightly(path: Path, value: Any) -> None:
    """Write the value as JSON; whole for every reader, but lost if the machine dies now."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(value))
    draft.replace(path)


def write_once(path: Path, value: Any) -> bool:
    """Write the value as JSON unless the file is there already; say whether it was written."""
    draft = _write_draft(path, value)
    try:
        # A link never replaces: of several writers exactly one succeeds.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return True


def remove_folder(path: Path) -> None:
    """Remove a folder as far as that goes; a link in its place is left, and never followed."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(path, ignore_errors=True)


def find_json(path: Path) -> dict[str, Any] | None:
    """Return the object in the file, or None when there is no such file."""
    file = open_plain(path)
    if file is None:
        return None
    with file:
        value: dict[str, Any] = json.loads(file.read())
    return value


def read_part(path: Path, *, offset: int, limit: int) -> bytes:
    """Return up to `limit` bytes from `offset`; nothing behind the end or without a plain file."""
    file = open_plain(path)
    if file is None:
        return b""
    with file:
        file.seek(max(0, offset))
        return file.read(max(0, limit))


def measure(path: Path) -> int:
    """Return the size of a plain file in bytes; 0 where there is none."""
    file = open_plain(path)
    if file is None:
        return 0
    with file:
        return os.fstat(file.fileno()).st_size


def read_tail(path: Path, limit: int) -> bytes:
    """Return the last `limit` bytes; nothing when there is no plain file."""
    file = open_plain(path)
    if file is None:
        return b""
    with file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
        return file.read(limit)


def open_plain(path: Path) -> BinaryIO | None:
    """Return the file, open to read, or None for whatever else is there: a link, a folder, a pipe.

    A job may put any of these in the place of a file, and a pipe keeps its reader waiting for ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise_trouble(problem)
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def is_disk_full(problem: OSError) -> bool:
    """Say whether it failed because there was no room, so that it may succeed later."""
    return problem.errno in FULL_DISK


def is_machine_trouble(problem: OSError) -> bool:
    """Say whether the machine was at fault, and no job: it may succeed later."""
    return problem.errno in MACHINE_TROUBLES


def raise_trouble(problem: OSError) -> None:
    """Raise it where the machine was at fault: then nobody knows what there is."""
    if is_machine_trouble(problem):
        raise problem


def _write_draft(path: Path, value: Any, *, mode: int = USUAL_MODE) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that had this number and died
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(value, ensure_ascii=False).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
