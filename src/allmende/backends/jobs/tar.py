"""Reads the plain part of tar: strict, without recursion, and with nothing large in memory.

The standard library's reader believes what a header says of sizes. Archives come from outside, so
here every number is digits, every extended header is short, and the end is the end.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.code_archives import Entry, NoCodeArchive, NoPlainFile, show

BLOCK_BYTES = 512
MOST_EXTENDED_BYTES = 64 * 1024
NUMBER = re.compile(rb" *([0-7]{1,11})[ \0]*")
RECORD = re.compile(rb"([0-9]{1,5}) ([^=]+)=")
FILE, LINK, FOLDER = b"0\0", b"2", b"5"
EXTENDED, GLOBAL, LONG_NAME, LONG_LINK = b"x", b"g", b"L", b"K"
# Records of an extended header that would change what follows it in another way.
UNKNOWN = re.compile(r"size|GNU\.sparse\..*|hdrcharset|SCHILY\.(realsize|filetype)")


def list_entries(file: BinaryIO) -> Iterator[tuple[Entry, int]]:
    """Yield what a tar holds in its order, and at which byte the content of each lies.

    `NoCodeArchive`, or `NoPlainFile`, for what is no tar of files, folders and links.
    """
    offset, given = 0, dict[str, str]()
    while block := _read_exactly(file, offset, BLOCK_BYTES):
        if block == bytes(BLOCK_BYTES):
            _check_end(file, offset)
            return
        _check_sum(block)
        size, kind = _number(block[124:136]), block[156:157]
        offset += BLOCK_BYTES
        if kind in (EXTENDED, GLOBAL, LONG_NAME, LONG_LINK):
            if size > MOST_EXTENDED_BYTES:
                raise NoCodeArchive(problem=Sentence("A header in it is too long."))
            given |= _read_extended(kind, _read_exactly(file, offset, size))
        else:
            yield _describe(block, kind, given, size=size), offset
            given = {}
        offset += -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _describe(block: bytes, kind: bytes, given: dict[str, str], *, size: int) -> Entry:
    prefix = _text(block[345:500]) if block[257:262] == b"ustar" and block[263:265] == b"00" else ""
    short = _text(block[:100])
    name = given.get("path", f"{prefix}/{short}" if prefix else short)
    if not kind or kind not in FILE + LINK + FOLDER or (size and kind not in FILE):
        raise NoPlainFile(name=show(name))
    is_folder = kind == FOLDER or (kind in FILE and name.endswith("/") and not size)
    return Entry(
        name=name.rstrip("/") if is_folder else name,
        target=given.get("linkpath", _text(block[157:257])) if kind == LINK else None,
        is_folder=is_folder,
        size_bytes=size,
        is_executable=kind in FILE and bool(_number(block[100:108]) & 0o100),
    )


def _read_extended(kind: bytes, content: bytes) -> dict[str, str]:
    """Return what an extended header says of the name and the link of what follows it."""
    if kind == LONG_NAME:
        return {"path": _text(content)}
    if kind == LONG_LINK:
        return {"linkpath": _text(content)}
    said, at = dict[str, str](), 0
    while at < len(content):
        record = RECORD.match(content, at)
        length = int(record[1]) if record else 0
        end = at + length
        if not record or record.end() >= end or content[end - 1 : end] != b"\n":
            raise NoCodeArchive(problem=Sentence("A header in it cannot be read."))
        said[_text(record[2])] = _text(content[record.end() : end - 1])
        at = end
    names = {"path", "linkpath"} if kind == GLOBAL else set[str]()
    if any(UNKNOWN.fullmatch(key) or key in names for key in said):
        raise NoCodeArchive(problem=Sentence("A header in it is of a kind that is not taken."))
    return {key: value for key, value in said.items() if key in ("path", "linkpath")}


def _read_exactly(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    found = file.read(count)
    if len(found) < count:
        raise NoCodeArchive(problem=Sentence("It ends too early."))
    return found


def _check_end(file: BinaryIO, offset: int) -> None:
    """Refuse whatever stands behind the end: another reader might find it."""
    file.seek(offset)
    while rest := file.read(BLOCK_BYTES * BLOCK_BYTES):
        if rest.strip(b"\0"):
            raise NoCodeArchive(problem=Sentence("Something stands behind its end."))


def _check_sum(block: bytes) -> None:
    as_blank = block[:148] + b" " * 8 + block[156:]
    if _number(block[148:156]) != sum(as_blank):
        raise NoCodeArchive(problem=Sentence("It is no tar, or a compressed or damaged one."))


def _number(field: bytes) -> int:
    found = NUMBER.fullmatch(field)
    if not found:
        raise NoCodeArchive(problem=Sentence("It is no tar, or a compressed or damaged one."))
    return int(found[1], 8)


def _text(field: bytes) -> str:
    """Return a name; bytes that are no UTF-8 are kept, for whoever refuses such names."""
    return field.split(b"\0", 1)[0].decode(errors="surrogateescape")
