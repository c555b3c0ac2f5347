"""Secrets of a project: set by name, never read back."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status
from pydantic import SecretStr

from allmende.domain.training.secrets import SecretFacts
from allmende.domain.trust.permissions import Permission
from allmende.services import project_secrets
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import PathId
from allmende.wiring.sealing import seal

router = Router(tags=["projects"])

SecretName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class SecretIn(Schema):
    """The value, which is kept sealed."""

    value: SecretStr


class SecretOut(Schema):
    """What may be told of a secret."""

    name: str
    set_by: str
    set_at: datetime


@router.get("", response=list[SecretOut], **takes(Permission.SEE_PROJECT))
def list_secrets(request: HttpRequest, project_id: PathId) -> list[SecretFacts]:
    """List the names of a project's secrets; at most 32."""
    return project_secrets.list_secrets(get_actor(request), project_id)


@router.put("/{secret}", response=SecretOut, **takes(Permission.SUBMIT_JOB))
def set_secret(
    request: HttpRequest, project_id: PathId, secret: SecretName, body: SecretIn
) -> SecretFacts:
    """Set a secret of a project, or give it another value."""
    value = body.value.get_secret_value()
    return project_secrets.set_secret(
        begin_deed(request), project_id, secret, value=value, seal=seal()
    )


@router.delete("/{secret}", response={204: None}, **takes(Permission.SUBMIT_JOB))
def remove_secret(request: HttpRequest, project_id: PathId, secret: SecretName) -> Status[None]:
    """Forget a secret; jobs that name it are refused from then on."""
    project_secrets.remove_secret(begin_deed(request), project_id, secret)
    return Status(204, None)
