"""The incident log: what went wrong at a site, for everybody to read."""

from datetime import datetime
from typing import Annotated, Any

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.cli.reservations import TimeIsUnreadable
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.incidents import Impact, Incident, Report
from allmende.services import incidents
from allmende.services.incidents import IncidentView
from allmende.wiring.factory import load_factory

app = typer.Typer()

Began = Annotated[str, typer.Option("--from", help="When it began.")]
Ended = Annotated[str, typer.Option("--until", help="When it ended; left out while it lasts.")]
HowBad = Annotated[Impact, typer.Option(help="Whether nothing runs, or less.")]
Note = Annotated[str, typer.Option(help="For other operators; the public does not read it.")]
Where = Annotated[str, typer.Option(help="A partition of the site; left out, all of it.")]


@app.command("list")
def list_incidents(
    after: Annotated[str, typer.Option(help="Begin after this incident.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: AsJson = False,
) -> None:
    """List incidents, those noted last first, with what each cost."""
    found = incidents.list_incidents(
        acting_person(), factory=load_factory(), after=after, limit=limit
    )
    empty = Sentence("No incident so far.")
    show(found if json else [_row(each) for each in found], json=json, empty=empty)


@app.command("show")
def show_incident(incident_id: str, json: AsJson = False) -> None:
    """Show an incident with everything that was said of it, and the attempts that it cost."""
    view = incidents.get_incident(acting_person(), incident_id, factory=load_factory())
    if json:
        show(view, json=True)
        return
    show(_row(view))
    show([_said(entry) for entry in view.incident.entries])
    if view.lost:
        show(view.lost, columns=("key", "partition_id", "ended_at", "refunded_seconds"))


@app.command("report")
def report_incident(
    site: str,
    words: str,
    partition: Where = "",
    impact: HowBad = Impact.DEGRADED,
    began: Began = "",
    ended: Ended = "",
    note: Note = "",
    json: AsJson = False,
) -> None:
    """Note an incident, in words that everybody may read. The same again changes nothing."""
    deed = acting_deed()
    report = Report(
        site_id=site,
        partition_id=partition,
        impact=impact,
        began_at=_instant(began) or deed.now,
        ended_at=_instant(ended),
        words=words,
        note=note,
    )
    _show(incidents.report_incident(deed, report, factory=load_factory()), json=json)


@app.command("amend")
def amend_incident(
    incident_id: str,
    words: Annotated[str, typer.Option(help="What is said now; left out, as before.")] = "",
    partition: Annotated[str | None, typer.Option(help='A partition, or "" for all.')] = None,
    impact: Annotated[Impact | None, typer.Option(help="Whether nothing runs, or less.")] = None,
    began: Began = "",
    ended: Ended = "",
    note: Note = "",
    json: AsJson = False,
) -> None:
    """Say something new of an incident, such as its end. What was said before stays beside it."""
    deed, factory = acting_deed(), load_factory()
    known = incidents.get_incident(deed.actor, incident_id, factory=factory).incident.now
    report = Report(
        site_id=known.site_id,
        partition_id=known.partition_id if partition is None else partition,
        impact=impact or known.impact,
        began_at=_instant(began) or known.began_at,
        ended_at=_instant(ended) or known.ended_at,
        words=words or known.words,
        note=note,
    )
    _show(incidents.amend_incident(deed, incident_id, report, factory=factory), json=json)


def _show(incident: Incident, *, json: bool) -> None:
    if json:
        show(incident, json=True)
    else:
        show({"id": incident.id, **_said(incident.entries[-1])})


def _row(view: IncidentView) -> dict[str, Any]:
    now = view.incident.now
    return {
        "id": view.incident.id,
        "site": now.site_id,
        "partition": now.partition_id,
        "impact": now.impact,
        "began_at": now.began_at,
        "ended_at": now.ended_at,
        "lost attempts": view.lost_attempts,
        "refunded s": view.refunded_seconds,
        "words": now.words,
    }


def _said(entry: Any) -> dict[str, Any]:
    report = entry.report
    return {
        "at": entry.at,
        "by": entry.by,
        "impact": report.impact,
        "began_at": report.began_at,
        "ended_at": report.ended_at,
        "words": report.words,
        "note": report.note,
    }


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise TimeIsUnreadable(text=text) from None
