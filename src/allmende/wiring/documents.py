"""The shelf of this installation: where documents lie, how large they are, who judges them."""

import subprocess
import sys
from functools import cache
from pathlib import Path

from django.conf import settings

from allmende.domain.access.documents import FileIsNoPdf, PdfIsActive, PdfIsEncrypted
from allmende.domain.basics.refusals import Refusal
from allmende.storage.document_files import Shelf
from allmende.wiring import home, pdf_judge

SECONDS_MAX = 40.0
REFUSALS: dict[str, type[Refusal]] = {
    pdf_judge.ENCRYPTED: PdfIsEncrypted,
    pdf_judge.ACTIVE: PdfIsActive,
}


@cache
def shelf() -> Shelf:
    """Return the shelf in the home."""
    most_bytes = settings.DOCUMENT_BYTES_MAX
    return Shelf(home.home() / "documents", judge=count_pages, most_bytes=most_bytes)


def count_pages(path: Path) -> int:
    """Return the pages of a PDF; a refusal for what is none, or is more than something to read."""
    # In a process of its own, which ends with whatever a file does to its reader.
    command = [sys.executable, "-m", pdf_judge.__name__, str(path)]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FileIsNoPdf from error
    word = ended.stdout.decode(errors="replace")
    if word.isdecimal():
        return int(word)
    raise REFUSALS.get(word, FileIsNoPdf)
