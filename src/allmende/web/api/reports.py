"""Reports of projects, interim and final: written by the project, decided by the office."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from allmende.domain.access import reports as domain
from allmende.domain.access.reports import Report, ReportFacts, ReportKind, ReportState
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import reports
from allmende.services.reports import ReportView
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, Words, page_of
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["reports"])

LongText = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4 * domain.TEXT_MAX)]
Kind = Annotated[ReportKind, Query()]
REPORT = "/projects/{project_id}/report"


class ReportIn(Schema):
    """The texts of a report; what is missing may come later."""

    results: LongText
    publications: LongText = ""
    feedback: LongText = ""


class ReportReasonIn(Schema):
    """Why, in words that the members read."""

    why: Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4 * domain.REASON_MAX)]


class ReportOut(Schema):
    """What a project says of itself; `lifted_because`: why it bars nobody though overdue."""

    project_id: str
    kind: ReportKind
    number: int
    state: ReportState
    results: str
    publications: str
    feedback: str
    edited_at: datetime | None
    handed_in_at: datetime | None
    reason: str
    decided_at: datetime | None
    lifted_because: str


class ReportDatesOut(Schema):
    """A report with its dates; `due_at` is the first instant at which a final one is late."""

    report: ReportOut
    project_state: str
    ended_at: datetime
    due_at: datetime | None
    is_overdue: bool
    unused_seconds: int
    has_large_rest: bool
    data_deadline: datetime
    is_data_due: bool


class EnergyOut(Schema):
    """The joules that were found in one way."""

    method: str
    joules: int


class ReportFactsOut(Schema):
    """What the system knows of a project; as it was when the report was handed in."""

    organisation: str
    partition_id: str
    unit: TimeUnit
    starts_at: datetime
    ends_at: datetime
    granted_seconds: int
    used_seconds: int
    expired_seconds: int
    jobs: int
    completed_jobs: int
    models: list[str]
    energy: list[EnergyOut]
    acknowledgement: Words
    elsewhere: list[Words]


@router.get("/reports", response=Page[ReportDatesOut], **takes(Permission.SEE_REPORTS))
def list_reports(
    request: HttpRequest,
    with_closed: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List the projects that ended, with report, unused rest and the deadline of their data."""
    found = reports.list_reports(
        get_actor(request),
        rules=load_access_rules(),
        now=now(),
        with_closed=with_closed,
        after=after,
        limit=limit,
    )
    page = page_of(found, limit=limit, key=lambda each: each.project.id)
    return {**page, "items": [_dates(each) for each in found]}


@router.get(REPORT, response=ReportDatesOut, **takes(Permission.SEE_PROJECT))
def get_report(
    request: HttpRequest, project_id: PathId, kind: Kind = ReportKind.FINAL
) -> dict[str, Any]:
    """Return a report of a project, or the latest interim one; empty where nobody began."""
    reader, rules = get_actor(request), load_access_rules()
    return _dates(reports.get_report(reader, project_id, rules=rules, now=now(), kind=kind))


@router.get(f"{REPORT}/facts", response=ReportFactsOut, **takes(Permission.SEE_PROJECT))
def get_facts(
    request: HttpRequest, project_id: PathId, kind: Kind = ReportKind.FINAL
) -> ReportFacts:
    """Return what nobody has to write: hours, jobs, models, energy, the acknowledgement."""
    reader, rules = get_actor(request), load_access_rules()
    return reports.gather_facts(reader, project_id, rules=rules, kind=kind)


@router.put(REPORT, response=ReportOut, **takes(Permission.WRITE_REPORT))
def write_report(
    request: HttpRequest, project_id: PathId, body: ReportIn, kind: Kind = ReportKind.FINAL
) -> Report:
    """Write the texts of the report of your project, until it is handed in."""
    return reports.write_report(begin_deed(request), project_id, **body.dict(), kind=kind)


@router.post(f"{REPORT}/hand-in", response=ReportOut, **takes(Permission.WRITE_REPORT))
def hand_in_report(
    request: HttpRequest, project_id: PathId, kind: Kind = ReportKind.FINAL
) -> Report:
    """Hand in the report of your project: once it has ended, an interim one while it runs."""
    rules = load_access_rules()
    return reports.hand_in_report(begin_deed(request), project_id, rules=rules, kind=kind)


@router.post(f"{REPORT}/accept", response=ReportOut, **takes(Permission.DECIDE_REPORT))
def accept_report(
    request: HttpRequest, project_id: PathId, kind: Kind = ReportKind.FINAL
) -> Report:
    """Accept a report; a final one closes its project."""
    return reports.accept_report(begin_deed(request), project_id, kind=kind)


@router.post(f"{REPORT}/return", response=ReportOut, **takes(Permission.DECIDE_REPORT))
def return_report(
    request: HttpRequest, project_id: PathId, body: ReportReasonIn, kind: Kind = ReportKind.FINAL
) -> Report:
    """Return a report to its project, with a reason."""
    return reports.return_report(begin_deed(request), project_id, why=body.why, kind=kind)


@router.post(f"{REPORT}/waive", response=ReportOut, **takes(Permission.DECIDE_REPORT))
def waive_report(request: HttpRequest, project_id: PathId, body: ReportReasonIn) -> Report:
    """Ask for no report any more, which closes the project."""
    return reports.waive_report(begin_deed(request), project_id, why=body.why)


@router.post(f"{REPORT}/lift-bar", response=ReportOut, **takes(Permission.DECIDE_REPORT))
def lift_bar(request: HttpRequest, project_id: PathId, body: ReportReasonIn) -> Report:
    """Let those behind an overdue report hand in applications; the report stays due."""
    rules = load_access_rules()
    return reports.lift_bar(begin_deed(request), project_id, why=body.why, rules=rules)


def _dates(view: ReportView) -> dict[str, Any]:
    return {
        "report": view.report,
        "project_state": view.project.state.value,
        "ended_at": view.project.end,
        "due_at": view.due_at,
        "is_overdue": view.is_overdue,
        "unused_seconds": view.project.unused_seconds,
        "has_large_rest": view.has_large_rest,
        "data_deadline": view.data_deadline,
        "is_data_due": view.is_data_due,
    }
