"""A folder of code on this machine: listed without what .gitignore leaves out, made one archive.

The same files give the same bytes, whenever and in whatever order they were written.
"""

import hashlib
import os
import stat
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from pathspec import GitIgnoreSpec

from allmende.domain.basics.sentences import Sentence
from allmende.domain.training import code_archives
from allmende.domain.training.code_archives import (
    MEGABYTE,
    MOST_BYTES,
    MOST_FILES,
    CodeHasTooManyFiles,
    CodeIsTooLarge,
    Entry,
    FileNotReadable,
    FolderHasNothing,
    NoPlainFile,
    NoSuchFolder,
    check_tree,
    say_largest,
    show,
)

CHUNK_BYTES = 2**20
NEVER, IGNORING = ".git", ".gitignore"
MOST_LISTED = 20 * MOST_FILES  # after so many nobody counts on: it is too much in any case
PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Ignoring:
    """What the .gitignore of a folder leaves out, of whatever lies below that folder."""

    folder: PurePath
    lines: GitIgnoreSpec

    def decide(self, path: PurePath, *, is_folder: bool) -> bool | None:
        """Say whether something is left out; None where no line is about it."""
        name = path.relative_to(self.folder).as_posix()
        return self.lines.check_file(f"{name}/" if is_folder else name).include


@dataclass(frozen=True)
class CodeFolder:
    """What is brought of a folder, and how its files are read."""

    entries: tuple[Entry, ...]  # by name
    read: Callable[[Entry], Iterable[bytes]]

    @property
    def size_bytes(self) -> int:
        """Return how much is in its files."""
        return sum(each.size_bytes for each in self.entries)

    def pack(self) -> Iterator[bytes]:
        """Yield the archive; `FileNotReadable` where a file changed since it was listed."""
        for each in self.entries:
            yield _header(each)
            if each.is_file:
                yield from self.read(each)
                yield bytes(-each.size_bytes % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def hash(self) -> str:
        """Return the SHA-256 of the archive."""
        digest = hashlib.sha256()
        for piece in self.pack():
            digest.update(piece)
        return digest.hexdigest()

    def hash_for_setup(self, setup: str) -> str:
        """Return the hash of those of its files on which `setup` depends."""
        return code_archives.hash_for_setup(setup, self.entries, self._hash_file)

    def _hash_file(self, entry: Entry) -> str:
        digest = hashlib.sha256()
        for piece in self.read(entry):
            digest.update(piece)
        return digest.hexdigest()


def open_folder(folder: Path) -> CodeFolder:
    """Return what is to be brought of a folder; a refusal names what cannot be, or is too much."""
    if not folder.is_dir():
        raise NoSuchFolder(folder=str(folder))
    root = folder.resolve()
    entries = choose_entries(islice(_walk(root), MOST_LISTED), folder=str(folder))
    return CodeFolder(entries, lambda entry: _read(root / entry.name, entry))


def choose_entries(found: Iterable[Entry], *, folder: str) -> tuple[Entry, ...]:
    """Return by name what was found in a folder; a refusal names what is too much or unfit."""
    entries = sorted(found, key=lambda each: each.name)
    _check_size(entries)
    check_tree(entries)
    if all(each.is_folder for each in entries):
        raise FolderHasNothing(folder=folder)
    return tuple(entries)


def is_left_out(path: PurePath, ignoring: Sequence[Ignoring], *, is_folder: bool) -> bool:
    """Say whether it is git's own, or the innermost .gitignore that is about it leaves it out."""
    if path.name == NEVER:
        return True
    decided = (each.decide(path, is_folder=is_folder) for each in reversed(ignoring))
    return next((each for each in decided if each is not None), False)


def read_ignoring(folder: PurePath, text: str) -> Ignoring:
    """Return what the text of a .gitignore leaves out of its folder."""
    try:
        return Ignoring(folder, GitIgnoreSpec.from_lines(text.splitlines()))
    except ValueError as error:  # a line that is no pattern
        name = show(str(folder / IGNORING))
        raise FileNotReadable(name=name, problem=f"{error}.") from error


def _walk(root: Path) -> Iterator[Entry]:
    waiting = [(root, _list_ignoring_above(root))]
    while waiting:
        here, ignoring = waiting.pop()
        ignoring = [*ignoring, *_read_ignoring(here)]
        for path in _list(here):
            name = path.relative_to(root).as_posix()
            status = _look(path, name)
            is_folder = stat.S_ISDIR(status.st_mode)
            if is_left_out(path, ignoring, is_folder=is_folder):
                continue
            yield _describe(path, name, status)
            if is_folder:
                waiting.append((path, ignoring))


def _describe(path: Path, name: str, status: os.stat_result) -> Entry:
    if stat.S_ISDIR(status.st_mode):
        return Entry(name=name, is_folder=True)
    if stat.S_ISLNK(status.st_mode):
        return Entry(name=name, target=str(path.readlink()))
    if not stat.S_ISREG(status.st_mode):
        raise NoPlainFile(name=show(name))
    is_executable = bool(status.st_mode & stat.S_IXUSR)
    return Entry(name=name, size_bytes=status.st_size, is_executable=is_executable)


def _list_ignoring_above(root: Path) -> list[Ignoring]:
    """Return what the folders above leave out, up to that of the repository, if there is one."""
    above, found = root, list[Ignoring]()
    while not (above / NEVER).exists():
        if above == above.parent:
            return []
        above = above.parent
        found = [*_read_ignoring(above), *found]
    return found


def _read_ignoring(folder: Path) -> list[Ignoring]:
    path = folder / IGNORING
    if not path.is_file():
        return []
    try:
        return [read_ignoring(folder, path.read_text(errors="surrogateescape"))]
    except OSError as error:
        raise FileNotReadable(name=show(str(path)), problem=error.strerror) from error


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise FileNotReadable(name=show(str(folder)), problem=f"{error.strerror}.") from error


def _look(path: Path, name: str) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise FileNotReadable(name=show(name), problem=f"{error.strerror}.") from error


def _check_size(entries: list[Entry]) -> None:
    """Refuse too much, and say which of the things in the folder have most of it."""
    counts, sizes = Counter[str](), Counter[str]()
    for each in entries:
        top = each.name.partition("/")[0]
        counts[top] += 1
        sizes[top] += each.size_bytes
    if len(entries) > MOST_FILES:
        largest = Sentence("Most are in {names}.", {"names": say_largest(counts)})
        raise CodeHasTooManyFiles(most=MOST_FILES, largest=largest)
    if sum(sizes.values()) > MOST_BYTES:
        megabytes = {name: -(-size // MEGABYTE) for name, size in sizes.items()}
        largest = Sentence("The largest are {names}.", {"names": say_largest(megabytes, "MB")})
        raise CodeIsTooLarge(most_megabytes=MOST_BYTES // MEGABYTE, largest=largest)


def _header(entry: Entry) -> bytes:
    """Return what stands before a file in the archive: nothing of times, owners or places."""
    header = tarfile.TarInfo(entry.name)
    header.mode = 0o755 if entry.is_folder or entry.is_executable else 0o644
    if entry.is_folder:
        header.type = tarfile.DIRTYPE
    elif entry.target is not None:
        header.type, header.linkname, header.mode = tarfile.SYMTYPE, entry.target, 0o777
    else:
        header.size = entry.size_bytes
    return header.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _read(path: Path, entry: Entry) -> Iterator[bytes]:
    """Yield a file that is as it was listed."""
    left_bytes = entry.size_bytes
    try:
        with os.fdopen(os.open(path, PLAIN), "rb") as file:
            while piece := file.read(CHUNK_BYTES):
                left_bytes -= len(piece)
                if left_bytes < 0:
                    break
                yield piece
    except OSError as error:
        raise FileNotReadable(name=show(entry.name), problem=f"{error.strerror}.") from error
    if left_bytes:
        raise FileNotReadable(name=show(entry.name), problem=Sentence("It changed meanwhile."))
