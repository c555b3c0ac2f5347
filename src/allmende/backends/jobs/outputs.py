"""What a job left behind for people: its log, its progress, and the files of its output folder."""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from allmende.backends.nodes import files
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.scheduling.backends import ProgressFile

LARGEST_OUTPUT_BYTES = 256 * 2**20
DEEPEST = 100  # folders in each other, of which files are listed


class OutputTooLarge(Refusal):
    """{name} has {bytes} bytes, too many to pass on in one piece. Copy it from the work folder."""

    status = 413


def open_progress(
    measure: Callable[[str], int], read: Callable[..., bytes], job_ids: Iterable[str]
) -> Iterator[ProgressFile]:
    """Look up what each job has reported, one after the other."""
    for job_id in job_ids:
        yield ProgressFile(size_bytes=measure(job_id), read=partial(read, job_id))


def list_files(folder: Path) -> dict[str, int]:
    """Return name and size of each plain file below a folder; links are not followed.

    A trouble of the machine is raised: what cannot be listed now is not gone.
    """
    found: dict[str, int] = {}
    if folder.is_symlink():  # a job may put a link there, to what is not its own
        return found
    for place, folders, names in os.walk(folder, onerror=files.raise_trouble):
        here = Path(place)
        if len(here.relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        for path in (here / name for name in names):
            try:
                status = path.lstat()
            except OSError as problem:  # replaced while we looked, or closed to us
                files.raise_trouble(problem)
                continue
            if stat.S_ISREG(status.st_mode) and _is_inside(path, folder):
                found[path.relative_to(folder).as_posix()] = status.st_size
    return dict(sorted(found.items()))


def read_file(folder: Path, name: str, *, offset: int = 0, limit: int | None = None) -> bytes:
    """Return a piece of a plain file below a folder; `NotFound` for else, such as a way out."""
    path = folder / name
    is_way_out = ".." in Path(name).parts or folder.is_symlink()
    if not name or "\0" in name or is_way_out or not _is_inside(path, folder):
        raise NotFound(kind="file", id=name)
    file = files.open_plain(path)
    if file is None:
        raise NotFound(kind="file", id=name)
    return read_piece(file, name, offset=offset, limit=limit)


def read_piece(file: BinaryIO, name: str, *, offset: int, limit: int | None) -> bytes:
    """Return a piece of an open file and close it; without a limit `OutputTooLarge` is possible."""
    with file:
        size = os.fstat(file.fileno()).st_size
        if limit is None and size > LARGEST_OUTPUT_BYTES:
            raise OutputTooLarge(name=name, bytes=size)
        file.seek(max(0, offset))
        return file.read() if limit is None else file.read(max(0, limit))


def remove_below(home: Path, names: tuple[str, ...]) -> None:
    """Delete folders below a job's own; a link there is taken away, never followed."""
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        for name in names:
            _remove(name, descriptor)
    finally:
        os.close(descriptor)


def _remove(name: str, home: int) -> None:
    try:
        is_folder = stat.S_ISDIR(os.stat(name, dir_fd=home, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return
    if is_folder:
        _unlock(name, home)
        for _, folders, _, here in os.fwalk(name, dir_fd=home):
            for folder in folders:
                _unlock(folder, here)
        shutil.rmtree(name, dir_fd=home)
    else:
        os.unlink(name, dir_fd=home)


def _unlock(name: str, parent: int) -> None:
    """Give the owner of a folder the rights in it that a job may have taken; links are left."""
    opened = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        folder = os.open(name, opened, dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        os.chmod(f"/proc/self/fd/{folder}", 0o700)  # noqa: PTH101 - that folder, whatever its name is by now
    finally:
        os.close(folder)


def _is_inside(path: Path, folder: Path) -> bool:
    try:
        return path.parent.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):
        return False
