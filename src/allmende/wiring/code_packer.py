"""Makes a packed folder the archive of a job: `python -m allmende.wiring.code_packer FILE`.

Nothing is unpacked to a disk: what the folder has is listed, and written on to the output as the
archive that `allmende job submit` makes of the same folder. A file from outside may be made to
unpack to much more than it is, or its .gitignore to take for ever; whatever happens here ends with
this process, after so much memory and time. A refusal is told as JSON, and the exit code is 1.
"""

import gzip
import json
import stat
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from allmende.backends.jobs import tar
from allmende.backends.jobs.code import read_part
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.code_archives import (
    LONGEST_NAME_BYTES,
    MEGABYTE,
    MOST_FILES,
    MOST_PACKED_BYTES,
    UNSEEN,
    CodeHasTooManyFiles,
    Entry,
    NoCodeArchive,
    NoPackedFolder,
    NoPlainFile,
    PackedFolderIsTooLarge,
    check_name,
    show,
)
from allmende.wiring.code_folders import (
    IGNORING,
    MOST_LISTED,
    CodeFolder,
    choose_entries,
    is_left_out,
    read_ignoring,
)
from allmende.wiring.stranger_files import bound_process

CHUNK_BYTES = 2**20
ZIP, GZIP = b"PK", b"\x1f\x8b"
UNIX, ENCRYPTED, IS_UTF8 = 3, 0x1, 0x800  # in the headers of a zip
PACKERS_OWN = "__MACOSX"  # what macOS puts beside the folder that it packs
ROOT = PurePosixPath()
DAMAGED = Sentence("It is damaged, or of a kind that is not taken.")
Reader = Callable[[], Iterable[bytes]]
Listed = list[tuple[Entry, Reader]]


@contextmanager
def open_packed(file: BinaryIO) -> Iterator[CodeFolder]:
    """Yield what is to be brought of a folder that was packed as zip, tar.gz or tar.

    Where all of it lies in one folder, as it does when that was packed, it is what is in there;
    except in a tar that lists the folder itself, as `tar --directory FOLDER .` writes it.
    """
    start = file.read(2)
    with tempfile.TemporaryFile() as plain:
        if start == ZIP:
            listed = _list_zip(file)
        else:
            listed = _list_tar(_decompress(file, plain) if start == GZIP else file)
        readers = {entry.name: reader for entry, reader in listed}
        entries = choose_entries(_leave_out([entry for entry, _ in listed], readers), folder=".")
        yield CodeFolder(entries, lambda entry: _check_length(entry, readers[entry.name]()))


def main() -> None:
    """Write the archive of the file that the command line names."""
    bound_process()
    try:
        with Path(sys.argv[1]).open("rb") as file, open_packed(file) as folder:
            for piece in folder.pack():
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
    except Refusal as refusal:
        sys.stderr.write(json.dumps(Sentence(refusal.code(), refusal.facts).to_json()))
        sys.exit(1)


def _list_zip(file: BinaryIO) -> Listed:
    archive = zipfile.ZipFile(file)
    return _settle(
        (_describe(archive, each), partial(_read_zip, archive, each)) for each in archive.infolist()
    )


def _describe(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    if info.flag_bits & ENCRYPTED:
        raise NoPackedFolder(problem=Sentence("It is encrypted."))
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NoPackedFolder(problem=Sentence("It is compressed in an unusual way."))
    name = _read_name(info)
    mode = info.external_attr >> 16 if info.create_system == UNIX else 0
    if name.endswith("/"):
        return Entry(name=name.rstrip("/"), is_folder=True)
    if stat.S_ISLNK(mode) and info.file_size <= LONGEST_NAME_BYTES:
        return Entry(name=name, target=archive.read(info).decode(errors="surrogateescape"))
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise NoPlainFile(name=show(name))
    return Entry(name=name, size_bytes=info.file_size, is_executable=bool(mode & stat.S_IXUSR))


def _read_name(info: zipfile.ZipInfo) -> str:
    if not info.flag_bits & IS_UTF8:
        with suppress(UnicodeError):  # macOS writes UTF-8, and does not say so
            return info.filename.encode("cp437").decode()
    return info.filename


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as content:
        while piece := content.read(CHUNK_BYTES):
            yield piece


def _decompress(file: BinaryIO, plain: BinaryIO) -> BinaryIO:
    file.seek(0)
    with gzip.open(file) as content:
        while piece := content.read(CHUNK_BYTES):
            if plain.tell() + len(piece) > MOST_PACKED_BYTES:
                raise PackedFolderIsTooLarge(most_megabytes=MOST_PACKED_BYTES // MEGABYTE)
            plain.write(piece)
    return plain


def _list_tar(file: BinaryIO) -> Listed:
    try:
        return _settle(
            (entry, partial(read_part, file, offset, entry.size_bytes))
            for entry, offset in tar.list_entries(file)
        )
    except NoCodeArchive as refusal:
        raise NoPackedFolder(problem=refusal.facts["problem"]) from refusal


def _settle(found: Iterable[tuple[Entry, Reader]]) -> Listed:
    """Return what a file lists under the names that it has in the folder of the job."""
    listed, has_root = Listed(), False
    for count, (entry, reader) in enumerate(found):
        if count > MOST_LISTED:
            raise CodeHasTooManyFiles(most=MOST_FILES, largest=UNSEEN)
        name = entry.name.removeprefix("./")
        if name in ("", ".") and entry.is_folder:
            has_root = True
            continue
        check_name(name)
        if name.partition("/")[0] != PACKERS_OWN:
            listed.append((replace(entry, name=name), reader))
    return listed if has_root else _strip_top(listed)


def _strip_top(listed: Listed) -> Listed:
    tops = {entry.name.partition("/")[0] for entry, _ in listed}
    is_alone = len(tops) == 1 and all(e.is_folder or "/" in e.name for e, _ in listed)
    if not is_alone:
        return listed
    below = tops.pop() + "/"
    return [
        (replace(entry, name=entry.name.removeprefix(below)), reader)
        for entry, reader in listed
        if entry.name.startswith(below)
    ]


def _leave_out(entries: list[Entry], readers: Mapping[str, Reader]) -> Iterator[Entry]:
    """Yield what git would not ignore, with the folders that the file does not list itself."""
    paths = {PurePosixPath(each.name): each for each in entries}
    folders = {path for path, each in paths.items() if each.is_folder}
    folders |= {above for path in paths for above in path.parents if above.name}
    ignoring = {
        path.parent: read_ignoring(
            path.parent, b"".join(readers[each.name]()).decode(errors="surrogateescape")
        )
        for path, each in paths.items()
        if each.is_file and path.name == IGNORING
    }

    def stays(path: PurePosixPath, *, is_folder: bool) -> bool:
        above = [ignoring[each] for each in reversed(path.parents) if each in ignoring]
        return not is_left_out(path, above, is_folder=is_folder)

    kept = {ROOT}
    for path in sorted(folders, key=lambda each: len(each.parts)):
        if path.parent in kept and stays(path, is_folder=True):
            kept.add(path)
            yield Entry(name=str(path), is_folder=True)
    for each in entries:
        path = PurePosixPath(each.name)
        if not each.is_folder and path.parent in kept and stays(path, is_folder=False):
            yield each


def _check_length(entry: Entry, pieces: Iterable[bytes]) -> Iterator[bytes]:
    left_bytes = entry.size_bytes
    for piece in pieces:
        left_bytes -= len(piece)
        yield piece
    if left_bytes:
        raise NoPackedFolder(problem=DAMAGED)


if __name__ == "__main__":
    main()
