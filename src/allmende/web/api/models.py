"""Trained models: their cards, their records, their files."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Schema

from allmende import wiring
from allmende.domain.training.models import Model
from allmende.domain.trust.permissions import Permission
from allmende.services import models
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, QueryId, Words, page_of

router = Router(tags=["models"])

FileName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$")]


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
    licence: str
    created_at: datetime
    files: list[ModelFileOut]


class ModelViewOut(ModelOut):
    """A model with its card and its training record."""

    card: str
    record: dict[str, Any]


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


@router.get("/{model_id}/check", response=list[Words], **takes(Permission.SEE_MODEL))
def verify_model(request: HttpRequest, model_id: PathId) -> list[Any]:
    """Compare the files and the record with what was registered; empty when all is unchanged."""
    backend_of = wiring.workshop().backend_of
    return models.verify_model_files(get_actor(request), model_id, backend_of=backend_of)


@router.get("/{model_id}/files/{name}", response=bytes, **takes(Permission.SEE_MODEL))
def read_model_file(request: HttpRequest, model_id: PathId, name: FileName) -> HttpResponse:
    """Download a file of your model; a file that was changed is not handed out."""
    backend_of = wiring.workshop().backend_of
    content = models.read_model_file(get_actor(request), model_id, name, backend_of=backend_of)
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
