"""Archives of code as a job gets them: looked through before they are kept, and unpacked."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from allmende.backends.jobs import tar
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training import code_archives
from allmende.domain.training.code_archives import (
    MOST_FILES,
    UNSEEN,
    CodeHasTooManyFiles,
    CodeIsDamaged,
    Entry,
    NoCodeArchive,
    check_entry,
    check_tree,
)

CHUNK_BYTES = 2**20
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def count_entries(path: Path) -> int:
    """Return how many files, folders and links an archive holds, after all of it was checked."""
    with path.open("rb") as file:
        return len(_find_entries(file))


def hash_for_setup(path: Path, setup: str) -> str:
    """Return the hash of those files of an archive on which `setup` depends; "" without any."""
    try:
        with path.open("rb") as file:
            entries = _find_entries(file)
            return code_archives.hash_for_setup(
                setup, entries, lambda entry: _hash(file, entries[entry], entry.size_bytes)
            )
    except FileNotFoundError:
        return ""  # whoever starts with it says so


def unpack(path: Path, folder: Path) -> None:
    """Make a folder of an archive that is named by its hash; `CodeIsDamaged` where it is not so.

    The folder must not be there yet, and nobody else may reach it while it is filled.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise CodeIsDamaged(sha256=path.name) from error
    with file:
        if hashlib.file_digest(file, "sha256").hexdigest() != path.name:
            raise CodeIsDamaged(sha256=path.name)
        entries = _find_entries(file)
        folder.mkdir(mode=0o755)
        for entry, offset in entries.items():
            place = folder / entry.name
            (place if entry.is_folder else place.parent).mkdir(parents=True, exist_ok=True)
            if entry.is_file:
                mode = 0o755 if entry.is_executable else 0o644
                with os.fdopen(os.open(place, NEW, mode), "wb") as written:
                    for piece in read_part(file, offset, entry.size_bytes):
                        written.write(piece)
        for entry in entries:  # last, so that nothing is written through one
            if entry.target is not None:
                (folder / entry.name).symlink_to(entry.target)


def _find_entries(file: BinaryIO) -> dict[Entry, int]:
    """Return what an archive holds, and where each begins in it."""
    found: dict[Entry, int] = {}
    for count, (entry, offset) in enumerate(tar.list_entries(file)):
        if count > MOST_FILES:
            raise CodeHasTooManyFiles(most=MOST_FILES, largest=UNSEEN)
        name = entry.name.removeprefix("./")
        if name in ("", ".") and entry.is_folder:  # the folder itself, as `tar` writes it
            continue
        entry = replace(entry, name=name)
        check_entry(entry)  # at once: ten thousand names without end would fill the memory
        if entry in found:
            raise NoCodeArchive(problem=Sentence("Something is in it twice."))
        found[entry] = offset
    if not found:
        raise NoCodeArchive(problem=Sentence("There is nothing in it."))
    check_tree(found)
    return found


def _hash(file: BinaryIO, offset: int, size_bytes: int) -> str:
    digest = hashlib.sha256()
    for piece in read_part(file, offset, size_bytes):
        digest.update(piece)
    return digest.hexdigest()


def read_part(file: BinaryIO, offset: int, size_bytes: int) -> Iterator[bytes]:
    """Yield a part of a file piece by piece; less where the file ends before."""
    file.seek(offset)
    left_bytes = size_bytes
    while left_bytes and (piece := file.read(min(left_bytes, CHUNK_BYTES))):
        left_bytes -= len(piece)
        yield piece
