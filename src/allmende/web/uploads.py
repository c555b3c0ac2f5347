"""Files that come in: counted while they are received, handed out as something to save."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler
from django.http import FileResponse, HttpRequest

from allmende.domain.access.documents import Document, DocumentIsTooLarge

CHUNK_BYTES = 1 << 16
# What a form says beside its file: names, kinds, the lines between the parts.
FORM_BYTES = 1 << 20
MEGABYTE = 1_000_000
# Whatever opens it: nothing in it runs, and it reaches nothing.
SANDBOX = "default-src 'none'; sandbox"


class UploadIsTooBig(RequestDataTooBig):
    """A form with a file that is larger than a document may be."""


class CountingHandler(FileUploadHandler):
    """Stops a form that carries more than a document may have, before more of it is kept."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.received_bytes = 0

    def handle_raw_input(self, *told: Any) -> None:
        """Refuse what says of itself that it is too large."""
        _, _, content_length, *_ = told
        if content_length > settings.DOCUMENT_BYTES_MAX + FORM_BYTES:
            raise UploadIsTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002 - Django's
        """Pass a piece on, as long as all of them together are not too large."""
        self.received_bytes += len(raw_data)
        if self.received_bytes > settings.DOCUMENT_BYTES_MAX + FORM_BYTES:
            raise UploadIsTooBig
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""


def refuse_document() -> DocumentIsTooLarge:
    """Return the refusal of a file that is larger than a document may be."""
    return DocumentIsTooLarge(most_megabytes=settings.DOCUMENT_BYTES_MAX // MEGABYTE)


def read_body(request: HttpRequest) -> Iterator[bytes]:
    """Yield the body of a request piece by piece, unless it says that it is too large."""
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if size > settings.DOCUMENT_BYTES_MAX:
        raise refuse_document()
    yield from read_pieces(request)


def read_pieces(request: HttpRequest) -> Iterator[bytes]:
    """Yield the body of a request piece by piece; whoever takes them stops at too many."""
    while piece := request.read(CHUNK_BYTES):
        yield piece


def hand_out(document: Document, file: BinaryIO) -> FileResponse:
    """Return a document as a file to save, never as a page to look at."""
    response = FileResponse(
        file, as_attachment=True, filename=document.name, content_type="application/pdf"
    )
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
