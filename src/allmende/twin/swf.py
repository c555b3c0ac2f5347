"""The Standard Workload Format 2.2: one job a line, 18 numbers, comments that describe the machine.

Read in pieces, so that a trace of any length needs no more memory than its numbers. Lines that are
no jobs become findings with their number; nothing is guessed. Format: Feitelson and others, the
Parallel Workloads Archive.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allmende.twin.findings import Findings

FIELDS = 18
PIECE_BYTES = 1 << 22
GZIP = 16 + zlib.MAX_WBITS
(NUMBER, SUBMIT, _WAIT, RUN, ALLOCATED, _CPU, _MEMORY, REQUESTED, LIMIT) = range(9)
STATUS, USER, GROUP, _EXECUTABLE, QUEUE, PARTITION, PRECEDING, THINK = range(10, 18)

# What a line turned out to be.
JOB, TOO_FEW, TOO_MANY, NO_NUMBER = range(4)
COMMENT, NEWLINE, DOT, MINUS, PLUS = b";\n.-+"
NINE, ZERO = b"90"
BLANKS = b" \t\r"


class Piece(NamedTuple):
    """Jobs of a part of a file: a row of 18 whole numbers each, and the line each stood in."""

    rows: NDArray[np.int64]
    lines: NDArray[np.int64]


def read_header(path: Path) -> dict[str, str]:
    """Return what the comments at the head of a trace say: `MaxProcs`, `UnixStartTime` …"""
    header: dict[str, str] = {}
    begin = next(read_bytes(path, Findings()), b"")
    for line in begin.splitlines():
        if line.startswith(b";"):
            name, colon, value = line[1:].decode("utf-8", "replace").partition(":")
            if colon:
                header.setdefault(name.strip(), value.strip())
        elif line.strip():
            break
    return header


def read_pieces(path: Path, parse: Any, findings: Findings) -> Iterator[Piece]:
    """Yield the jobs piece by piece; `parse` is `parse_lines`, plain or compiled."""
    rest, line = b"", 1
    for new in read_bytes(path, findings):
        text, newline, rest = (rest + new).rpartition(b"\n")
        if newline:
            piece, line = _parse(text + newline, line, parse, findings)
            yield piece
    if rest:
        yield _parse(rest + b"\n", line, parse, findings)[0]


def read_bytes(path: Path, findings: Findings) -> Iterator[bytes]:
    """Yield what a file holds, unpacked; one that ends in the middle is read as far as it goes."""
    with path.open("rb") as file:
        if path.suffix != ".gz":
            while text := file.read(PIECE_BYTES):
                yield text
            return
        is_whole, packed, unpacker = False, b"", zlib.decompressobj(GZIP)
        while packed := packed or file.read(PIECE_BYTES // 4):
            try:
                text = unpacker.decompress(packed, PIECE_BYTES)
            except zlib.error as problem:
                findings.add("truncated", 0, str(problem))
                return
            packed = unpacker.unconsumed_tail
            is_whole = unpacker.eof
            if is_whole:  # one file may be several, one after the other
                packed, unpacker = unpacker.unused_data, zlib.decompressobj(GZIP)
            if text:
                yield text
        if not is_whole:
            findings.add("truncated", 0)


def _parse(text: bytes, line: int, parse: Any, findings: Findings) -> tuple[Piece, int]:
    lines = text.count(b"\n")
    rows = np.empty((lines, FIELDS), dtype=np.int64)
    kinds = np.empty(lines, dtype=np.int64)
    numbers = np.empty(lines, dtype=np.int64)
    count = parse(np.frombuffer(text, dtype=np.uint8), rows, kinds, numbers)
    rows, kinds, numbers = rows[:count], kinds[:count], numbers[:count] + line
    for code, name in ((TOO_FEW, "too_few_fields"), (TOO_MANY, "too_many_fields")):
        findings.add_many(name, numbers[kinds == code])
    findings.add_many("not_a_number", numbers[kinds == NO_NUMBER])
    is_job = kinds == JOB
    return Piece(rows[is_job], numbers[is_job]), line + lines


def parse_lines(text: Any, rows: Any, kinds: Any, numbers: Any) -> Any:
    """Read whole lines of numbers; return how many lines were no comments and not empty.

    Fractions are cut off. Numba-subset Python.
    """
    row, line, i, size = 0, 0, 0, text.size
    while i < size:
        field, kind, is_comment = 0, JOB, False
        while i < size and text[i] != NEWLINE:
            if is_blank(text[i]):
                i += 1
            elif text[i] == COMMENT and field == 0:
                is_comment = True
                while i < size and text[i] != NEWLINE:
                    i += 1
            else:
                i, value, is_number = parse_number(text, i, size)
                if not is_number:
                    kind = NO_NUMBER
                if field < FIELDS:
                    rows[row, field] = value
                field += 1
        i += 1
        if not is_comment and field > 0:
            if kind == JOB and field != FIELDS:
                kind = TOO_FEW if field < FIELDS else TOO_MANY
            kinds[row] = kind
            numbers[row] = line
            row += 1
        line += 1
    return row


def is_blank(character: Any) -> Any:
    """Say whether a character only keeps fields apart."""
    return character == 32 or character == 9 or character == 13


def parse_number(text: Any, i: Any, size: Any) -> Any:
    """Read one field; return where it ends, its whole part, and whether it is a number."""
    value, digits, sign, is_whole, is_number = 0, 0, 1, True, True
    if text[i] == MINUS or text[i] == PLUS:
        sign = -1 if text[i] == MINUS else 1
        i += 1
    while i < size and text[i] != NEWLINE and not is_blank(text[i]):
        character = text[i]
        if ZERO <= character <= NINE:
            digits += 1
            if is_whole and digits < 19:
                value = value * 10 + int(character) - ZERO
            elif is_whole:
                is_number = False  # larger than any time or count
        elif character == DOT and is_whole:
            is_whole = False
        else:
            is_number = False
        i += 1
    return i, sign * value, is_number and digits > 0
