"""More time for a running project: the project asks, the office answers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from allmende.domain.access.application_forms import read_hours
from allmende.domain.access.changes import ChangeState
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import changes, projects
from allmende.web.acting import begin_deed, get_person
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

PAGE_SIZE = 50


def show_changes(request: HttpRequest, project_id: str) -> HttpResponse:
    """Show what a project asked for, with the form to ask, or to answer."""
    reader = get_person(request)
    if request.method == "POST":
        changes.ask_for_change(
            begin_deed(request),
            project_id,
            rules=load_access_rules(),
            months=_months(request.POST.get("months", "")) or 0,
            seconds=read_hours(request.POST.get("hours", ""), field=_("Hours")) or 0,
            partition_id=request.POST.get("partition", ""),
            back_seconds=read_hours(request.POST.get("back", ""), field=_("Hours back")) or 0,
            reason=request.POST.get("reason", ""),
        )
        return redirect("project_changes", project_id)
    project = projects.get_project(reader, project_id)
    found = changes.list_changes_of(reader, project_id)
    waiting = next((each for each in found if each.state is ChangeState.PENDING), None)
    is_own = projects.is_own(reader, organisation_id=project.organisation_id, project_id=project.id)
    governs = project.organisation_id in reader.organisation_ids
    is_running = now() < project.period.ends_at
    may_answer = can_do(reader, Permission.ANSWER_CHANGE) and not is_own
    rules = load_access_rules()
    context = {
        "project": project,
        "changes": found,
        "waiting": waiting,
        "limits": changes.find_limits(reader, project_id, rules=rules, now=now()),
        "places": changes.list_places(reader, project_id, rules=rules, now=now()),
        "can_ask": governs and is_running and waiting is None,
        "can_withdraw": governs and waiting is not None,
        "can_answer": may_answer and waiting is not None,
    }
    return render(request, "projects/changes.html", context)


def list_changes(request: HttpRequest) -> HttpResponse:
    """Show the requests that wait for an answer, or all of them."""
    reader, after = get_person(request), request.GET.get("after", "")
    state = None if request.GET.get("all") else ChangeState.PENDING
    found = changes.list_changes(reader, state=state, after=after, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    context = {
        "changes": shown,
        "shows_all": state is None,
        "more": shown[-1].id if len(found) > PAGE_SIZE else "",
    }
    return render(request, "programme/changes.html", context)


@require_POST
def answer_change(request: HttpRequest, change_id: str) -> HttpResponse:
    """Give what was asked for or a part, or decline."""
    deed, answer = begin_deed(request), request.POST.get("why", "")
    if request.POST.get("approve") == "yes":
        answered = changes.approve_change(
            deed,
            change_id,
            rules=load_access_rules(),
            months=_months(request.POST.get("months", "")),
            seconds=read_hours(request.POST.get("hours", ""), field=_("Hours")),
            back_seconds=read_hours(request.POST.get("back", ""), field=_("Hours back")),
            answer=answer,
        )
    else:
        answered = changes.decline_change(deed, change_id, answer=answer)
    return redirect("project_changes", answered.project_id)


@require_POST
def withdraw_change(request: HttpRequest, change_id: str) -> HttpResponse:
    """Take a request back."""
    withdrawn = changes.withdraw_change(begin_deed(request), change_id)
    return redirect("project_changes", withdrawn.project_id)


def _months(written: str) -> int | None:
    if not written.strip():
        return None
    try:
        return int(written)
    except ValueError as error:
        raise InvalidInput(field=_("Months"), problem=_("Give a whole number.")) from error
