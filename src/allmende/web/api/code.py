"""Code of jobs: sent once as an archive, named by its hash in job files."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status

from allmende.domain.training.code_archives import CodeArchive
from allmende.domain.trust.permissions import Permission
from allmende.services import code_archives
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import PathId
from allmende.web.uploads import read_pieces
from allmende.wiring.code_archives import shelves

router = Router(tags=["projects"])
TAR = {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class CodeOut(Schema):
    """An archive of code; `workdir` is what a job file says to start in it."""

    sha256: str
    workdir: str
    size_bytes: int
    files: int
    added_by: str
    added_at: datetime


def _sends_tar(permission: Permission) -> dict[str, Any]:
    declared = takes(permission)
    body = {"required": True, "content": TAR}
    return {**declared, "openapi_extra": {**declared["openapi_extra"], "requestBody": body}}


@router.get("/{sha256}", response=CodeOut, **takes(Permission.SUBMIT_JOB))
def get_code(request: HttpRequest, project_id: PathId, sha256: Hash) -> CodeArchive:
    """Say whether a project has the archive with this SHA-256, so that it need not be sent."""
    return code_archives.get_archive(get_actor(request), project_id, sha256, shelves=shelves())


@router.post("", response={201: CodeOut}, **_sends_tar(Permission.SUBMIT_JOB))
def add_code(request: HttpRequest, project_id: PathId) -> Status[CodeArchive]:
    """Send a folder as an uncompressed tar, which is the body. The same again is the same."""
    deed = begin_deed(request)
    code_archives.check_may_send(deed.actor, project_id)
    with shelves().of(project_id).receive(read_pieces(request)) as incoming:
        added = code_archives.add_archive(deed, project_id, incoming=incoming, shelves=shelves())
    return Status(201, added)
