"""A second look: applicants answer reviews and appeal, the office answers appeals."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.access.appeals import AppealState
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import appeals, rebuttals
from allmende.web.acting import begin_deed, get_person
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

PAGE_SIZE = 50


def list_appeals(request: HttpRequest) -> HttpResponse:
    """Show the appeals that wait for an answer, or all of them."""
    reader = get_person(request)
    state = None if request.GET.get("all") else AppealState.FILED
    after = request.GET.get("after", "")
    found = appeals.list_appeals(reader, state=state, after=after, limit=PAGE_SIZE + 1)
    shown, instant = found[:PAGE_SIZE], now()
    context = {
        "appeals": [(each, each.is_late(instant)) for each in shown],
        "shows_all": state is None,
        "more": shown[-1].id if len(found) > PAGE_SIZE else "",
        "can_answer": can_do(reader, Permission.ANSWER_APPEAL),
    }
    return render(request, "programme/appeals.html", context)


@require_POST
def answer_appeal(request: HttpRequest, appeal_id: str) -> HttpResponse:
    """Take the decision back, or let it stand."""
    answered = appeals.answer_appeal(
        begin_deed(request),
        appeal_id,
        is_upheld=request.POST.get("upheld") == "yes",
        answer=request.POST.get("why", ""),
        rules=load_access_rules(),
    )
    return redirect("programme_application", answered.application_id)


@require_POST
def file_appeal(request: HttpRequest, application_id: str) -> HttpResponse:
    """Appeal against the decision on one's own application."""
    reason, rules = request.POST.get("reason", ""), load_access_rules()
    appeals.file_appeal(begin_deed(request), application_id, reason=reason, rules=rules)
    return redirect("application", application_id)


@require_POST
def answer_reviews(request: HttpRequest, application_id: str) -> HttpResponse:
    """Answer the reviews of one's own application before the panel ranks."""
    text = request.POST.get("text", "")
    rebuttals.answer_reviews(begin_deed(request), application_id, text=text)
    return redirect("application", application_id)
