"""Sessions: jobs that their owner opens while they run, and what was saved in them."""

from django.http import FileResponse, HttpRequest
from ninja import Router, Schema

from allmende import wiring
from allmende.domain.trust.permissions import Permission
from allmende.services import session_files, session_passes
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import PathId, PathName
from allmende.web.downloads import hand_out_saved
from allmende.wiring.sessions import session_address
from allmende.wiring.tokens import new_ticket

router = Router(tags=["jobs"])


class SessionOut(Schema):
    """Where a session opens: once, within a minute, in one browser."""

    address: str


class FileOut(Schema):
    """A file that was saved in a session."""

    name: str
    size_bytes: int


@router.post("/{job_id}/open", response=SessionOut, **takes(Permission.SUBMIT_JOB))
def open_session(request: HttpRequest, job_id: PathId) -> dict[str, str]:
    """Return the address that opens a session of your own: once, within a minute."""
    ticket = new_ticket()
    session_passes.make_ticket(
        begin_deed(request), job_id, ticket=ticket, workshop=wiring.workshop()
    )
    return {"address": session_address(job_id, ticket)}


@router.get("/{job_id}/files", response=list[FileOut], **takes(Permission.SEE_JOB))
def list_files(request: HttpRequest, job_id: PathId) -> list[dict[str, object]]:
    """List what was saved in a session of your project, by name; at most 200 files."""
    found = session_files.list_files(get_actor(request), job_id, workshop=wiring.workshop())
    return [{"name": name, "size_bytes": size} for name, size in found.items()]


@router.get("/{job_id}/files/{path:name}", response=bytes, **takes(Permission.SEE_JOB))
def read_file(request: HttpRequest, job_id: PathId, name: PathName) -> FileResponse:
    """Download what was saved in a session of your project."""
    return hand_out_saved(get_actor(request), job_id, name)
