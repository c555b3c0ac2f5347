"""Reservations: nodes out of service, a cap on power, nodes kept for one project."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from allmende import wiring
from allmende.domain.scheduling.reservations import ReservationKind, ReservationState
from allmende.domain.trust.permissions import Permission
from allmende.services import reservations
from allmende.services.reservations import Announcement, ReservationView
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, BodyId, Limit, Line, Page, PathId, page_of
from allmende.wiring.factory import load_factory

router = Router(tags=["reservations"])

Nodes = Annotated[int, Field(ge=0, le=10**6)]


class ReservationOut(Schema):
    """Nodes that others cannot use for a while; whom it concerns is empty for outsiders."""

    id: str
    partition_id: str
    kind: ReservationKind
    nodes: int
    node_names: list[str]
    project_id: str
    cap_watts: int | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    announced_at: datetime
    cancelled_at: datetime | None


class ReservationViewOut(Schema):
    """A reservation, where it stands, and how much of what was kept was used so far."""

    reservation: ReservationOut
    state: ReservationState
    used_node_seconds: int
    unused_node_seconds: int


class ReservationIn(Schema):
    """Nodes by number or by name; a project for which they are kept, or a cap, or neither."""

    partition_id: BodyId
    nodes: Nodes = 0
    node_names: tuple[BodyId, ...] = ()
    project_id: BodyId | None = None
    cap_watts: Annotated[int, Field(ge=0, le=10**11)] | None = None
    starts_at: datetime | None = None
    ends_at: datetime
    reason: Line


@router.get("", response=Page[ReservationViewOut], **takes(Permission.SEE_RESERVATION))
def list_reservations(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List reservations, the latest start first."""
    found = reservations.list_reservations(
        get_actor(request), now=wiring.now(), after=after, limit=limit
    )
    return page_of(found, limit=limit, key=lambda view: view.reservation.id)


@router.get("/{reservation_id}", response=ReservationViewOut, **takes(Permission.SEE_RESERVATION))
def get_reservation(request: HttpRequest, reservation_id: PathId) -> ReservationView:
    """Return one reservation."""
    return reservations.get_reservation(get_actor(request), reservation_id, now=wiring.now())


@router.post("", response={201: ReservationOut}, **takes(Permission.RESERVE_NODES))
def announce_reservation(request: HttpRequest, body: ReservationIn) -> Status[Any]:
    """Announce a reservation. The same once more changes nothing.

    Maintenance and caps on power take an operator.
    """
    announcement = Announcement(
        partition_id=body.partition_id,
        nodes=body.nodes,
        node_names=body.node_names,
        project_id=body.project_id or "",
        cap_watts=body.cap_watts,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        reason=body.reason,
    )
    deed = begin_deed(request)
    return Status(201, reservations.announce(deed, announcement, factory=load_factory()))


@router.post("/{reservation_id}/cancel", response=ReservationOut, **takes(Permission.RESERVE_NODES))
def cancel_reservation(request: HttpRequest, reservation_id: PathId) -> Any:
    """Cancel a reservation; what runs inside it goes on. Cancelling again changes nothing."""
    return reservations.cancel(begin_deed(request), reservation_id)
