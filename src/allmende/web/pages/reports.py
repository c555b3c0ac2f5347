"""Final reports: the project writes, the office decides; and the list of what has ended."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.access.projects import ProjectState
from allmende.domain.access.reports import Report
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.trust.permissions import Permission, can_do, is_member
from allmende.services import projects, reports
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.reports import ReportForm
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import choose, translate
from allmende.wiring.letters import render_report

PAGE_SIZE = 50
DECISIONS: dict[str, Callable[..., Report]] = {
    "accept": lambda deed, project_id, _: reports.accept_report(deed, project_id),
    "return": lambda deed, project_id, why: reports.return_report(deed, project_id, why=why),
    "waive": lambda deed, project_id, why: reports.waive_report(deed, project_id, why=why),
    "lift": lambda deed, project_id, why: reports.lift_bar(
        deed, project_id, why=why, rules=load_access_rules()
    ),
}


def list_reports(request: HttpRequest) -> HttpResponse:
    """Show the projects that ended: report, unused rest, deadline of the data."""
    with_closed = bool(request.GET.get("all"))
    found = reports.list_reports(
        get_person(request),
        rules=load_access_rules(),
        now=now(),
        with_closed=with_closed,
        after=request.GET.get("after", ""),
        limit=PAGE_SIZE + 1,
    )
    shown = found[:PAGE_SIZE]
    context = {
        "views": shown,
        "with_closed": with_closed,
        "more": shown[-1].project.id if len(found) > PAGE_SIZE else "",
    }
    return render(request, "projects/reports.html", context)


def show_report(request: HttpRequest, project_id: str) -> HttpResponse:
    """Show a report; its project writes it here and hands it in."""
    if request.method == "POST":
        return _write(request, project_id)
    return _show(request, project_id)


def _write(request: HttpRequest, project_id: str) -> HttpResponse:
    form = ReportForm(request.POST)
    if not form.is_valid():
        return _show(request, project_id, form)
    deed = begin_deed(request)
    try:
        reports.write_report(deed, project_id, **form.cleaned_data)
        if request.POST.get("do") == "hand_in":
            reports.hand_in_report(deed, project_id, rules=load_access_rules())
    except InvalidInput as refusal:
        form.add_error(str(refusal.facts["field"]), translate(refusal.facts["problem"]))
        return _show(request, project_id, form)
    return redirect("report", project_id)


def _show(request: HttpRequest, project_id: str, form: ReportForm | None = None) -> HttpResponse:
    reader, rules = get_person(request), load_access_rules()
    view = reports.get_report(reader, project_id, rules=rules, now=now())
    report, project = view.report, view.project
    is_own = projects.is_own(reader, organisation_id=project.organisation_id, project_id=project.id)
    decides = can_do(reader, Permission.DECIDE_REPORT) and not is_member(
        reader, project.organisation_id
    )
    texts = {name: getattr(report, name) for name in ("results", "publications", "feedback")}
    can_write = is_own and report.is_open and can_do(reader, Permission.WRITE_REPORT)
    context = {
        "view": view,
        "report": report,
        "project": project,
        "facts": reports.gather_facts(reader, project_id, rules=rules),
        "form": form or ReportForm(initial=texts),
        "can_write": can_write and project.state is not ProjectState.CLOSED,
        "can_hand_in": project.state is ProjectState.ENDED,
        "can_decide": decides and report.state == "handed_in",
        "can_waive": decides and report.is_open and project.state is ProjectState.ENDED,
        "can_lift": decides and view.is_overdue and not report.lifted_because,
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "projects/report.html", context, status=status)


@require_POST
def decide_report(request: HttpRequest, project_id: str, decision: str) -> HttpResponse:
    """Accept, return or waive a report, or lift its bar."""
    deed = begin_deed(request)
    if decision not in DECISIONS:
        raise NotFound(kind="decision", id=decision)
    DECISIONS[decision](deed, project_id, request.POST.get("why", ""))
    return redirect("report", project_id)


def download_report(request: HttpRequest, project_id: str, language: str) -> HttpResponse:
    """Hand out a report as PDF to those who may see the project."""
    reader, rules, spoken = get_person(request), load_access_rules(), choose(language)
    view = reports.get_report(reader, project_id, rules=rules, now=now())
    facts = reports.gather_facts(reader, project_id, rules=rules)
    content = render_report(
        view.report, view.project, facts, authority=rules.authority, language=spoken
    )
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="report-{project_id}-{spoken}.pdf"'
    return response
