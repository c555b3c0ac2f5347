"""Files that come in: counted while they are received, handed out as something to save."""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler
from django.http import FileResponse, HttpRequest, HttpResponse

from allmende.domain.access.documents import Document, DocumentIsTooLarge
from allmende.domain.basics.refusals import Refusal

CHUNK_BYTES = 1 << 16
# What a form says beside its file: names, kinds, the lines between the parts.
FORM_BYTES = 1 << 20
MEGABYTE = 1_000_000
# Whatever opens it: nothing in it runs, and it reaches nothing.
SANDBOX = "default-src 'none'; sandbox"


View = TypeVar("View", bound=Callable[..., HttpResponse])


class UploadIsTooBig(RequestDataTooBig):
    """A form with a file that is larger than the form takes; it carries the refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


def takes_file(most_bytes: int, refusal: type[Refusal]) -> Callable[[View], View]:
    """Mark a view whose form takes a file that is no document, with a limit of its own."""

    def mark(view: View) -> View:
        view.takes_file = most_bytes, refusal  # type: ignore[attr-defined]
        return view

    return mark


class CountingHandler(FileUploadHandler):
    """Stops a form that carries more than it may have, before more of it is kept."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.received_bytes = 0
        # Known before a view is called: the form is read first for its token against forgery.
        view = getattr(getattr(request, "resolver_match", None), "func", None)
        document = settings.DOCUMENT_BYTES_MAX, DocumentIsTooLarge
        self.most_bytes, self.refusal = getattr(view, "takes_file", document)

    def handle_raw_input(self, *told: Any) -> None:
        """Refuse what says of itself that it is too large."""
        _, _, content_length, *_ = told
        self._check(content_length)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002 - Django's
        """Pass a piece on, as long as all of them together are not too large."""
        self.received_bytes += len(raw_data)
        self._check(self.received_bytes)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self.most_bytes + FORM_BYTES:
            raise UploadIsTooBig(self.refusal(most_megabytes=self.most_bytes // MEGABYTE))


def read_body(request: HttpRequest) -> Iterator[bytes]:
    """Yield the body of a request piece by piece, unless it says that it is too large."""
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if size > settings.DOCUMENT_BYTES_MAX:
        raise DocumentIsTooLarge(most_megabytes=settings.DOCUMENT_BYTES_MAX // MEGABYTE)
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
