"""Reservations: maintenance, a cap on power, and nodes kept for one project."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.fields import parse_duration
from allmende.services import reservations
from allmende.services.reservations import Announcement, ReservationView
from allmende.wiring.factory import load_factory

app = typer.Typer()


class TimeIsUnreadable(Refusal):
    """{text} is no instant. Write for example 2027-03-01T09:00+01:00."""

    status = 422


class GiveOneEnd(Refusal):
    """Say when it ends: either --until with an instant, or --for with a length such as 90m."""

    status = 422


@app.command("announce")
def announce_reservation(
    partition: Annotated[str, typer.Option(help="The partition whose nodes it takes.")],
    reason: Annotated[str, typer.Option(help="Why; people read it.")],
    nodes: Annotated[int, typer.Option(min=0, help="How many nodes.")] = 0,
    node: Annotated[list[str] | None, typer.Option(help="A node by name; repeat it.")] = None,
    project: Annotated[str, typer.Option(help="Keep the nodes for this project.")] = "",
    kilowatts: Annotated[
        float | None, typer.Option(min=0, help="A cap on power, instead of nodes.")
    ] = None,
    begin: Annotated[str, typer.Option("--from", help="Its start; at once when left out.")] = "",
    until: Annotated[str, typer.Option(help="Its end.")] = "",
    length: Annotated[str, typer.Option("--for", help="How long it lasts, such as 90m.")] = "",
    json: AsJson = False,
) -> None:
    """Announce nodes out of service, a cap on power, or nodes for one project."""
    deed = acting_deed()
    starts_at = _instant(begin) if begin else None
    announcement = Announcement(
        partition_id=partition,
        nodes=nodes,
        node_names=tuple(node or ()),
        project_id=project,
        cap_watts=None if kilowatts is None else round(kilowatts * 1000),
        starts_at=starts_at,
        ends_at=_end(until, length, begin=starts_at or deed.now),
        reason=reason,
    )
    announced = reservations.announce(deed, announcement, factory=load_factory())
    show(announced, json=json, columns=("id", "kind", "nodes", "starts_at", "ends_at", "reason"))


@app.command("list")
def list_reservations(
    after: Annotated[str, typer.Option(help="Begin after this reservation.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: AsJson = False,
) -> None:
    """List reservations, the latest start first."""
    found = reservations.list_reservations(
        acting_person(), now=wiring.now(), after=after, limit=limit
    )
    empty = Sentence("Nothing is reserved.")
    show(found if json else [_row(each) for each in found], json=json, empty=empty)


@app.command("show")
def show_reservation(reservation_id: str, json: AsJson = False) -> None:
    """Show one reservation, and what of it was used."""
    view = reservations.get_reservation(acting_person(), reservation_id, now=wiring.now())
    show(view if json else _row(view), json=json)


@app.command("cancel")
def cancel_reservation(reservation_id: str, json: AsJson = False) -> None:
    """Cancel a reservation; what runs inside it goes on. Cancelling again changes nothing."""
    cancelled = reservations.cancel(acting_deed(), reservation_id)
    if json:
        show(cancelled, json=True)
    else:
        say(Sentence("Reservation {reservation} is cancelled.", {"reservation": cancelled.id}))


def _row(view: ReservationView) -> dict[str, Any]:
    each = view.reservation
    return {
        "id": each.id,
        "state": view.state,
        "kind": each.kind,
        "partition": each.partition_id,
        "nodes": ", ".join(each.node_names) or each.nodes,
        "project": each.project_id,
        "starts_at": each.starts_at,
        "ends_at": each.ends_at,
        "reason": each.reason,
        "used node-s": view.used_node_seconds,
        "unused node-s": view.unused_node_seconds,
    }


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise TimeIsUnreadable(text=text) from None


def _end(until: str, length: str, *, begin: datetime) -> datetime:
    seconds = parse_duration(length) if length else None
    if bool(until) == bool(length) or (length and not seconds):
        raise GiveOneEnd
    return begin + timedelta(seconds=seconds) if seconds else _instant(until)
