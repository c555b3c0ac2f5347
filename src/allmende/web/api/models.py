"""Trained models: their cards, their records, their files."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from allmende import wiring
from allmende.domain.training.lineage_graphs import NodeKind
from allmende.domain.training.models import Model, Visibility
from allmende.domain.training.summaries import render_summary
from allmende.domain.trust.permissions import Permission
from allmende.services import model_papers, model_terms, models
from allmende.web import model_files
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import (
    After,
    Limit,
    Page,
    PathId,
    PathName,
    QueryId,
    Words,
    page_of,
)

router = Router(tags=["models"])


class ModelFileOut(Schema):
    """A file of a model, as it was when the training ended."""

    name: str
    size_bytes: int
    sha256: str


class ModelOut(Schema):
    """A model in a list."""

    id: str
    job_id: str
    project_id: str
    organisation_id: str
    name: str
    family: str
    version: int
    parents: list[str]
    visibility: Visibility
    licence: str
    keep_until: date | None
    deletion_asked_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    files: list[ModelFileOut]


class ModelViewOut(ModelOut):
    """A model with its card and its training record."""

    card: str
    record: dict[str, Any]


class TermsIn(Schema):
    """Who sees the model, under which licence, and until when its files are kept."""

    visibility: Visibility
    licence: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    keep_until: date | None = None


class NodeOut(Schema):
    """One thing in the history of a model."""

    id: str
    kind: NodeKind
    label: Words
    detail: Words
    model_id: str


class EdgeOut(Schema):
    """From the earlier to the later."""

    source: str
    target: str


class LineageOut(Schema):
    """Data, code and parents; job and attempts; energy; the model; what came of it."""

    nodes: list[NodeOut]
    edges: list[EdgeOut]


@router.get("", response=Page[ModelOut], **takes(Permission.SEE_MODEL))
def list_models(
    request: HttpRequest, project_id: QueryId | None = None, after: After = "", limit: Limit = 50
) -> dict[str, Any]:
    """List the models that you may see, the newest first."""
    found = models.list_models(
        get_actor(request), project_id=project_id or "", after=after, limit=limit
    )
    return page_of(found, limit=limit, key=lambda model: model.id)


@router.get("/{model_id}", response=ModelViewOut, **takes(Permission.SEE_MODEL))
def get_model(request: HttpRequest, model_id: PathId) -> Model:
    """Return a model with its card and its training record."""
    return models.get_model(get_actor(request), model_id)


@router.put("/{model_id}/terms", response=ModelOut, **takes(Permission.MANAGE_MODEL))
def set_terms(request: HttpRequest, model_id: PathId, body: TermsIn) -> Model:
    """Say who sees your model, under which licence, and until when its files are kept."""
    terms = model_terms.Terms(**body.dict())
    return model_terms.set_terms(begin_deed(request), model_id, terms)


@router.delete("/{model_id}/files", response=ModelOut, **takes(Permission.MANAGE_MODEL))
def delete_files(request: HttpRequest, model_id: PathId) -> Model:
    """Delete the files of your model for good. Card, record and certificate stay."""
    backend_of = wiring.workshop().backend_of
    return model_terms.delete_files(begin_deed(request), model_id, backend_of=backend_of)


@router.get("/{model_id}/certificate", response=dict[str, Any], **takes(Permission.SEE_MODEL))
def get_certificate(request: HttpRequest, model_id: PathId) -> Any:
    """Return the certificate of a deletion, with its place in the audit chain."""
    return model_terms.get_certificate(get_actor(request), model_id)


@router.get("/{model_id}/versions", response=list[ModelOut], **takes(Permission.SEE_MODEL))
def list_versions(request: HttpRequest, model_id: PathId) -> list[Model]:
    """List the versions of a model that you may see, the oldest first."""
    reader = get_actor(request)
    return models.list_versions(reader, models.get_model(reader, model_id))


@router.get("/{model_id}/lineage", response=LineageOut, **takes(Permission.SEE_MODEL))
def find_lineage(request: HttpRequest, model_id: PathId) -> Any:
    """Return where a model comes from, as a graph, and what was trained further from it."""
    return model_papers.find_lineage(get_actor(request), model_id)


@router.get("/{model_id}/bill-of-materials", response=dict[str, Any], **takes(Permission.SEE_MODEL))
def get_bill(request: HttpRequest, model_id: PathId) -> Any:
    """Return the bill of materials of a model, as CycloneDX 1.6."""
    return model_papers.build_bill(get_actor(request), model_id)


@router.get("/{model_id}/summary", response=dict[str, Any], **takes(Permission.SEE_MODEL))
def get_summary(request: HttpRequest, model_id: PathId) -> Any:
    """Return the public summary of the training content, in three parts."""
    return render_summary(model_papers.summarise_data(get_actor(request), model_id))


@router.get("/{model_id}/record.pdf", response=bytes, **takes(Permission.SEE_MODEL))
def get_record_sheet(
    request: HttpRequest, model_id: PathId, language: Literal["en", "de"] | None = None
) -> HttpResponse:
    """Download the training record as an accessible PDF."""
    reader = get_actor(request)
    return model_files.hand_out_record(reader, model_id, language=language or reader.language)


@router.get("/{model_id}/package", response=bytes, **takes(Permission.SEE_MODEL))
def get_package(request: HttpRequest, model_id: PathId) -> FileResponse:
    """Download a model as one zip: files, card, record, bill, summary, checksums."""
    return model_files.hand_out_package(get_actor(request), model_id)


@router.get("/{model_id}/check", response=list[Words], **takes(Permission.SEE_MODEL))
def verify_model(request: HttpRequest, model_id: PathId) -> list[Any]:
    """Compare the files and the record with what was registered; empty when all is unchanged."""
    backend_of = wiring.workshop().backend_of
    return models.verify_model_files(get_actor(request), model_id, backend_of=backend_of)


@router.get("/{model_id}/files/{path:name}", response=bytes, **takes(Permission.SEE_MODEL))
def read_model_file(request: HttpRequest, model_id: PathId, name: PathName) -> FileResponse:
    """Download a file of your model; a file that was changed is not handed out."""
    return model_files.hand_out_file(get_actor(request), model_id, name)
