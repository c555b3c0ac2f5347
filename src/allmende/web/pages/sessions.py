"""Sessions: the button that opens one, and the files that were saved in it."""

from collections.abc import Mapping
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.services import session_files, session_passes
from allmende.web.acting import begin_deed, get_person
from allmende.web.downloads import hand_out_saved
from allmende.wiring.sessions import session_address
from allmende.wiring.tokens import new_ticket


@require_POST
def open_session(request: HttpRequest, job_id: str) -> HttpResponse:
    """Let the reader in to a session of their own, by the gate."""
    ticket = new_ticket()
    session_passes.make_ticket(
        begin_deed(request), job_id, ticket=ticket, workshop=wiring.workshop()
    )
    return redirect(session_address(job_id, ticket))


def download_file(request: HttpRequest, job_id: str, name: str) -> FileResponse:
    """Hand out a file that was saved in a session, to the members of its project."""
    return hand_out_saved(get_person(request), job_id, name)


def session_context(reader: Person, context: Mapping[str, Any]) -> dict[str, int]:
    """Return the files of a session that the reader may have; none of any other job."""
    if not context["is_session"] or not context["sees_log"]:
        return {}
    return session_files.list_files(reader, context["job"].id, workshop=wiring.workshop())
