"""Documents of an application: sent as they are, handed out as they came."""

from datetime import datetime
from typing import Annotated, Any

from django.http import FileResponse, HttpRequest
from ninja import Query, Router, Schema, Status

from allmende.domain.access.documents import Document, DocumentKind
from allmende.domain.trust.permissions import Permission
from allmende.services import documents
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import Line, PathId
from allmende.web.uploads import hand_out, read_body
from allmende.wiring.documents import shelf

router = Router(tags=["applications"])
PDF = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}


class DocumentOut(Schema):
    """A file of an application; `sha256` is that of its content."""

    id: str
    kind: DocumentKind
    name: str
    sha256: str
    size_bytes: int
    pages: int
    added_by: str
    added_at: datetime


def _sends_pdf(permission: Permission) -> dict[str, Any]:
    declared = takes(permission)
    body = {"required": True, "content": PDF}
    return {**declared, "openapi_extra": {**declared["openapi_extra"], "requestBody": body}}


@router.get(
    "/applications/{application_id}/documents",
    response=list[DocumentOut],
    **takes(Permission.SEE_APPLICATION),
)
def list_documents(request: HttpRequest, application_id: PathId) -> tuple[Document, ...]:
    """List the documents of an application."""
    return documents.list_documents(get_actor(request), application_id)


@router.post(
    "/applications/{application_id}/documents",
    response={201: DocumentOut},
    **_sends_pdf(Permission.EDIT_APPLICATION),
)
def add_document(
    request: HttpRequest,
    application_id: PathId,
    name: Annotated[Line, Query()],
    kind: DocumentKind = DocumentKind.OTHER,
) -> Status[Document]:
    """Add a PDF to a draft; the body is the file itself. The same file again is the same."""
    deed = begin_deed(request)
    documents.check_draft_of(deed.actor, application_id)
    with shelf().receive(read_body(request)) as incoming:
        added = documents.add_document(
            deed, application_id, kind=kind, name=name, incoming=incoming, shelf=shelf()
        )
    return Status(201, added)


@router.get(
    "/applications/{application_id}/documents/reusable",
    response=list[DocumentOut],
    **takes(Permission.SEE_APPLICATION),
)
def list_reusable(request: HttpRequest, application_id: PathId) -> tuple[Document, ...]:
    """List the files of your organisation's other applications that this one could use, too."""
    return documents.list_reusable(get_actor(request), application_id)


@router.post(
    "/applications/{application_id}/documents/{document_id}/reuse",
    response=DocumentOut,
    **takes(Permission.EDIT_APPLICATION),
)
def reuse_document(request: HttpRequest, application_id: PathId, document_id: PathId) -> Document:
    """Add a file of another application of the same organisation, without sending it again."""
    return documents.reuse_document(begin_deed(request), application_id, document_id)


@router.delete(
    "/applications/{application_id}/documents/{document_id}",
    response={204: None},
    **takes(Permission.EDIT_APPLICATION),
)
def remove_document(
    request: HttpRequest, application_id: PathId, document_id: PathId
) -> Status[None]:
    """Take a document from a draft."""
    documents.remove_document(begin_deed(request), application_id, document_id)
    return Status(204, None)


@router.get(
    "/applications/{application_id}/documents/{document_id}",
    **takes(Permission.SEE_APPLICATION),
)
def download_document(
    request: HttpRequest, application_id: PathId, document_id: PathId
) -> FileResponse:
    """Return the file, as it came."""
    found = documents.open_document(get_actor(request), application_id, document_id, shelf=shelf())
    return hand_out(*found)


@router.get("/reviews/{application_id}/documents/{document_id}", **takes(Permission.SEE_REVIEW))
def download_for_review(
    request: HttpRequest, application_id: PathId, document_id: PathId
) -> FileResponse:
    """Return the file to a reviewer who may read the application."""
    found = documents.open_for_review(
        begin_deed(request), application_id, document_id, shelf=shelf()
    )
    return hand_out(*found)
