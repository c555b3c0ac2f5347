"""Documents of an application: PDF files that stand beside its answers, known by their content."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from allmende.domain.basics.refusals import Refusal

DOCUMENTS_MAX = 12  # of one application
NAME_MAX_LENGTH = 120
SUFFIX = ".pdf"
# Control, format (right-to-left marks, zero widths), surrogate, private, unassigned, line ends.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class TooManyDocuments(Refusal):
    """An application takes {most} documents. Remove one, or join two files into one."""


class DocumentIsTooLarge(Refusal):
    """The file has more than {most_megabytes} MB. Make its pictures smaller, or part it in two."""

    status = 413


class FileIsNoPdf(Refusal):
    """This is no PDF that can be read from its first to its last byte. Export it anew as PDF and
    choose that file; its name alone does not make it one."""

    status = 422


class PdfIsEncrypted(Refusal):
    """This PDF is encrypted, or asks for a password. Save it without protection: who reviews must
    be able to open it."""

    status = 422


class PdfIsActive(Refusal):
    """This PDF carries more than pages: scripts, programs to start, forms that send, or files
    inside it. Print it to a new PDF and choose that one."""

    status = 422


class DocumentKind(StrEnum):
    """What a document is to those who read the application."""

    PROPOSAL = "proposal"
    TIME_PLAN = "time_plan"
    CONTRACT = "contract"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file of an application; the same hash is the same file, whatever it is called."""

    id: str
    kind: DocumentKind
    name: str
    sha256: str
    size_bytes: int
    pages: int
    added_by: str
    added_at: datetime


def clean_name(name: str) -> str:
    """Return a name that is safe to show and to save under: no folders, no unseen characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    seen = "".join(
        " " if each in "\t\n\r" else each
        for each in unicodedata.normalize("NFC", last)
        if each in "\t\n\r" or unicodedata.category(each) not in UNSEEN
    )
    stem = " ".join(seen.split())
    if stem.lower().endswith(SUFFIX):
        stem = stem[: -len(SUFFIX)]
    stem = stem.strip(" .")[: NAME_MAX_LENGTH - len(SUFFIX)].rstrip(" .")
    return (stem or "document") + SUFFIX


def find_same(documents: Sequence[Document], sha256: str) -> Document | None:
    """Return the document with this content, or None."""
    return next((each for each in documents if each.sha256 == sha256), None)


def check_room(documents: Sequence[Document]) -> None:
    """Refuse one document more than an application takes."""
    if len(documents) >= DOCUMENTS_MAX:
        raise TooManyDocuments(most=DOCUMENTS_MAX)
