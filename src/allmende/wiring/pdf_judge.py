"""Judges one PDF in a process of its own: `python -m allmende.wiring.pdf_judge FILE`.

A file from outside may be made to keep its reader busy or to fill the memory. Whatever happens
here ends with this process, after so much memory and time. It prints one word or the page count.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from allmende.wiring.stranger_files import bound_process

PAGES_MAX = 2_000
DEPTH_MAX = 200
TAIL_BYTES = 1024
HEADERS = (b"%PDF-1.", b"%PDF-2.")
# What runs, starts, sends or hides something: keys of dictionaries, and types of actions.
ACTIVE_KEYS = frozenset(
    {"/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/XFA", "/RichMediaContent"}
)
ACTIVE_ACTIONS = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToE",
        "/Rendition",
        "/RichMediaExecute",
    }
)
ENCRYPTED, ACTIVE, BROKEN = "encrypted", "active", "broken"


def judge(file: BinaryIO) -> str:
    """Return the number of pages of a harmless PDF, else the word for what is wrong with it."""
    if not _is_whole(file):
        return BROKEN
    reader = PdfReader(file)
    if "/Encrypt" in reader.trailer:
        return ENCRYPTED
    if any(_is_active(value) for value in _list_objects(reader)):
        return ACTIVE
    pages = sum(1 for page in reader.pages if page is not None)
    return str(pages) if 0 < pages <= PAGES_MAX else BROKEN


def _is_whole(file: BinaryIO) -> bool:
    """Say whether a file begins and ends as a PDF does, with nothing behind its end."""
    head = file.read(len(HEADERS[0]))
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    _, end, rest = file.read().rpartition(b"%%EOF")
    file.seek(0)
    return head in HEADERS and bool(end) and not rest.strip(b"\0\t\n\f\r ")


def _list_objects(reader: PdfReader) -> Iterator[Any]:
    """Yield every object of the file, also those that no page leads to."""
    numbers = {(number, generation) for generation, at in reader.xref.items() for number in at}
    numbers |= {(number, 0) for number in reader.xref_objStm}
    yield reader.trailer
    for number, generation in sorted(numbers):
        if number:
            yield IndirectObject(number, generation, reader).get_object()


def _is_active(value: Any, depth: int = 0) -> bool:
    """Say whether an object, or what stands inside it, is more than something to look at."""
    if depth > DEPTH_MAX:
        return True
    if isinstance(value, DictionaryObject):
        # Asked by its key, a value that stands elsewhere in the file is fetched.
        if ACTIVE_KEYS & value.keys() or ("/S" in value and value["/S"] in ACTIVE_ACTIONS):
            return True
        parts = [value.raw_get(key) for key in value]
    elif isinstance(value, ArrayObject):
        parts = list(list.__iter__(value))  # as it is, not fetched
    else:
        return False
    return any(
        _is_active(part, depth + 1) for part in parts if not isinstance(part, IndirectObject)
    )


def main() -> None:
    """Judge the file that the command line names."""
    bound_process()
    try:
        with Path(sys.argv[1]).open("rb") as file:
            word = judge(file)
    except Exception:  # noqa: BLE001 - whatever it is that the reader stumbles over
        word = BROKEN
    sys.stdout.write(word)


if __name__ == "__main__":
    main()
