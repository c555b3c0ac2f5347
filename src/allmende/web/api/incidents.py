"""The incident log: everybody reads it, operators write it."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from allmende.domain.trust.incidents import Impact, Report
from allmende.domain.trust.permissions import Permission
from allmende.services import incidents
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, BodyId, Limit, OfSite, PathId, page_of
from allmende.wiring.factory import load_factory

router = Router(tags=["incidents"])

Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ReportOut(Schema):
    """What was said of an incident at one time; the note is empty for outsiders."""

    site_id: str
    partition_id: str
    impact: Impact
    began_at: datetime
    ended_at: datetime | None
    words: str
    note: str


class EntryOut(Schema):
    """A report, written down; who wrote it is empty for outsiders."""

    number: int
    report: ReportOut
    at: datetime
    by: str


class IncidentOut(Schema):
    """An incident with everything that was said of it, the earliest first."""

    id: str
    entries: list[EntryOut]


class LostAttemptOut(Schema):
    """An attempt that ended because its node died, and what came back for it."""

    key: str
    job_id: str
    partition_id: str
    ended_at: datetime
    refunded_seconds: int


class IncidentViewOut(Schema):
    """An incident and what it cost, counted from the records; `lost` is empty for outsiders."""

    incident: IncidentOut
    place: str
    lost_attempts: int
    refunded_seconds: int
    lost: list[LostAttemptOut]


class IncidentPage(Schema):
    """A page of incidents; `next` is the key to ask for the following one, null on the last."""

    items: list[IncidentViewOut]
    next: str | None


class ReportIn(Schema):
    """What to say: `words` are public, `note` is for operators. No partition is the whole site."""

    site_id: BodyId
    partition_id: BodyId | None = None
    impact: Impact
    began_at: datetime
    ended_at: datetime | None = None
    words: Words
    note: Words = ""


@router.get("", response=IncidentPage, **takes(Permission.SEE_FACTORY))
def list_incidents(
    request: HttpRequest, site_id: OfSite = "", after: After = "", limit: Limit = 50
) -> dict[str, Any]:
    """List incidents, those noted last first."""
    found = incidents.list_incidents(
        get_actor(request), factory=load_factory(), site_id=site_id, after=after, limit=limit
    )
    return page_of(found, limit=limit, key=lambda view: view.incident.id)


@router.get("/{incident_id}", response=IncidentViewOut, **takes(Permission.SEE_FACTORY))
def get_incident(request: HttpRequest, incident_id: PathId) -> Any:
    """Return one incident."""
    return incidents.get_incident(get_actor(request), incident_id, factory=load_factory())


@router.post("", response={201: IncidentOut}, **takes(Permission.REPORT_INCIDENT))
def report_incident(request: HttpRequest, body: ReportIn) -> Status[Any]:
    """Note an incident. The same again changes nothing."""
    deed = begin_deed(request)
    return Status(201, incidents.report_incident(deed, _report(body), factory=load_factory()))


@router.post("/{incident_id}/entries", response=IncidentOut, **takes(Permission.REPORT_INCIDENT))
def amend_incident(request: HttpRequest, incident_id: PathId, body: ReportIn) -> Any:
    """Say something new of an incident, such as its end; what was said before stays."""
    return incidents.amend_incident(
        begin_deed(request), incident_id, _report(body), factory=load_factory()
    )


def _report(body: ReportIn) -> Report:
    return Report(
        site_id=body.site_id,
        partition_id=body.partition_id or "",
        impact=body.impact,
        began_at=body.began_at,
        ended_at=body.ended_at,
        words=body.words,
        note=body.note,
    )
