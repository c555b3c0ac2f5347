"""Reports, interim and final: the project writes, the office decides.

And the list of what has ended.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from allmende.domain.access.projects import ProjectState
from allmende.domain.access.reports import RUNNING, Report, ReportKind, ReportState
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import projects, reports
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.reports import ReportForm
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import choose, translate
from allmende.wiring.letters import render_report

PAGE_SIZE = 50
DECISIONS: dict[str, Callable[..., Report]] = {
    "accept": lambda deed, project_id, _, kind: reports.accept_report(deed, project_id, kind=kind),
    "return": lambda deed, project_id, why, kind: reports.return_report(
        deed, project_id, why=why, kind=kind
    ),
    "waive": lambda deed, project_id, why, _: reports.waive_report(deed, project_id, why=why),
    "lift": lambda deed, project_id, why, _: reports.lift_bar(
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
    """Show the final report, or with `kind` the latest interim one; its project writes it here."""
    if request.method == "POST":
        return _write(request, project_id)
    return _show(request, project_id)


def _write(request: HttpRequest, project_id: str) -> HttpResponse:
    form = ReportForm(request.POST)
    if not form.is_valid():
        return _show(request, project_id, form)
    deed, kind = begin_deed(request), _kind(request)
    try:
        reports.write_report(deed, project_id, **form.cleaned_data, kind=kind)
        if request.POST.get("do") == "hand_in":
            reports.hand_in_report(deed, project_id, rules=load_access_rules(), kind=kind)
    except InvalidInput as refusal:
        form.add_error(str(refusal.facts["field"]), translate(refusal.facts["problem"]))
        return _show(request, project_id, form)
    return _go_to(project_id, kind)


def _show(request: HttpRequest, project_id: str, form: ReportForm | None = None) -> HttpResponse:
    reader, rules, kind = get_person(request), load_access_rules(), _kind(request)
    view = reports.get_report(reader, project_id, rules=rules, now=now(), kind=kind)
    report, project = view.report, view.project
    is_interim = kind is ReportKind.INTERIM
    is_running = project.state in RUNNING and now() < project.end
    is_own = projects.is_own(reader, organisation_id=project.organisation_id, project_id=project.id)
    decides = can_do(reader, Permission.DECIDE_REPORT) and not is_own
    texts = {name: getattr(report, name) for name in ("results", "publications", "feedback")}
    is_writer = is_own and can_do(reader, Permission.WRITE_REPORT)
    can_begin = is_writer and is_interim and is_running and report.state is ReportState.ACCEPTED
    begins = can_begin and (form is not None or "next" in request.GET)
    context = {
        "view": view,
        "report": report,
        "project": project,
        "facts": reports.gather_facts(reader, project_id, rules=rules, kind=kind),
        "form": form or ReportForm(initial={} if begins else texts),
        "is_interim": is_interim,
        "can_begin": can_begin and not begins,
        "can_write": begins
        or (is_writer and report.is_open and project.state is not ProjectState.CLOSED),
        "can_hand_in": is_running if is_interim else project.state is ProjectState.ENDED,
        "can_decide": decides and report.state == "handed_in",
        "can_waive": decides
        and not is_interim
        and report.is_open
        and project.state is ProjectState.ENDED,
        "can_lift": decides and view.is_overdue and not report.lifted_because,
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "projects/report.html", context, status=status)


@require_POST
def decide_report(request: HttpRequest, project_id: str, decision: str) -> HttpResponse:
    """Accept, return or waive a report, or lift its bar."""
    deed, kind = begin_deed(request), _kind(request)
    if decision not in DECISIONS:
        raise NotFound(kind="decision", id=decision)
    DECISIONS[decision](deed, project_id, request.POST.get("why", ""), kind)
    return _go_to(project_id, kind)


def download_report(request: HttpRequest, project_id: str, language: str) -> HttpResponse:
    """Hand out a report as PDF to those who may see the project."""
    reader, rules, spoken = get_person(request), load_access_rules(), choose(language)
    kind = _kind(request)
    view = reports.get_report(reader, project_id, rules=rules, now=now(), kind=kind)
    facts = reports.gather_facts(reader, project_id, rules=rules, kind=kind)
    content = render_report(
        view.report, view.project, facts, authority=rules.authority, language=spoken
    )
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="report-{project_id}-{spoken}.pdf"'
    return response


def _kind(request: HttpRequest) -> ReportKind:
    written = request.GET.get("kind", ReportKind.FINAL.value)
    try:
        return ReportKind(written)
    except ValueError as error:
        raise NotFound(kind="report", id=written) from error


def _go_to(project_id: str, kind: ReportKind) -> HttpResponse:
    address = reverse("report", args=[project_id])
    return redirect(f"{address}?kind=interim" if kind is ReportKind.INTERIM else address)
