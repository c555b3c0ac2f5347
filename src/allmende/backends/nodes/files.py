"""Small files that are whole or absent: written beside, brought to the disk, then put in place.

Like everything that the node runner imports, this module knows the standard library only.
"""

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

MICROSECONDS = 1_000_000


def write_whole(path: Path, value: Any) -> None:
    """Write the value as JSON in place of whatever the file held."""
    draft = _write_draft(path, value)
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


def find_json(path: Path) -> dict[str, Any] | None:
    """Return the object in the file, or None when there is no such file."""
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return value


def read_tail(path: Path, limit: int) -> bytes:
    """Return the last `limit` bytes; nothing when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
            return file.read(limit)
    except FileNotFoundError:
        return b""


def is_disk_full(problem: OSError) -> bool:
    """Say whether it failed because there was no room, so that it may succeed later."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)


def _write_draft(path: Path, value: Any) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
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
