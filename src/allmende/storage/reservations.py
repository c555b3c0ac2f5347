"""Reservations of nodes as rows."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models

from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.reservations import NodeReservation, ReservationKind

FIELDS = (
    "id", "partition_id", "nodes", "project_id", "cap_watts", "starts_at", "ends_at", "reason",
    "announced_at", "announced_by", "cancelled_at",
)  # fmt: skip


class ReservationRow(models.Model):
    """Nodes that others cannot use for a while."""

    id = models.CharField(primary_key=True, max_length=40)
    partition_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    nodes = models.PositiveIntegerField()
    node_names = models.JSONField()
    project_id = models.CharField(max_length=40)
    cap_watts = models.BigIntegerField(null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.TextField()
    announced_at = models.DateTimeField()
    announced_by = models.CharField(max_length=40)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "reservation"
        indexes = (models.Index(fields=("partition_id", "ends_at"), name="reservation_partition"),)


def save_reservation(reservation: NodeReservation) -> None:
    """Insert the reservation, or update it."""
    values: dict[str, Any] = {name: getattr(reservation, name) for name in FIELDS if name != "id"}
    values |= {"kind": reservation.kind.value, "node_names": list(reservation.node_names)}
    ReservationRow.objects.update_or_create(id=reservation.id, defaults=values)


def find_reservation(reservation_id: str) -> NodeReservation | None:
    """Return a reservation, or None."""
    row = ReservationRow.objects.filter(id=reservation_id).first()
    return _reservation(row) if row else None


def get_reservation(reservation_id: str) -> NodeReservation:
    """Return a reservation; `NotFound` when there is none."""
    found = find_reservation(reservation_id)
    if found is None:
        raise NotFound(kind="reservation", id=reservation_id)
    return found


def list_reservations_by_id(ids: Iterable[str]) -> list[NodeReservation]:
    """Return those of the reservations that there are."""
    return [_reservation(row) for row in ReservationRow.objects.filter(id__in=set(ids))]


def list_current(partition_id: str, *, now: datetime) -> list[NodeReservation]:
    """Return what is announced or open on a partition, in order of time."""
    rows = ReservationRow.objects.filter(
        partition_id=partition_id, cancelled_at__isnull=True, ends_at__gt=now
    )
    return [_reservation(row) for row in rows.order_by("starts_at", "id")]


def list_not_over(partition_id: str, *, now: datetime) -> list[NodeReservation]:
    """Return what is announced or open on a partition, or was until it was cancelled."""
    rows = ReservationRow.objects.filter(partition_id=partition_id, ends_at__gt=now)
    return [_reservation(row) for row in rows.order_by("starts_at", "id")]


def list_reservations(*, after: str = "", limit: int = 100) -> list[NodeReservation]:
    """Return reservations, the latest start first, from the one after `after` on."""
    rows = ReservationRow.objects.order_by("-starts_at", "-id")
    last = find_reservation(after) if after else None
    if last is not None:
        earlier = models.Q(starts_at__lt=last.starts_at)
        rows = rows.filter(earlier | models.Q(starts_at=last.starts_at, id__lt=last.id))
    return [_reservation(row) for row in rows[:limit]]


def _reservation(row: ReservationRow) -> NodeReservation:
    return NodeReservation(
        **{name: getattr(row, name) for name in FIELDS},
        kind=ReservationKind(row.kind),
        node_names=tuple(row.node_names),
    )
