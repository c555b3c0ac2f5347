"""Reservations as a cluster that places jobs itself keeps them: what it shall have, and has."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from allmende.domain.scheduling.reservations import NodeReservation, ReservationKind

# A cluster counts time limits in minutes: a job that may take all of a window must still fit in.
ROUNDING = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class ClusterReservation:
    """One reservation on a cluster, in its words; ours bear our id as their name."""

    name: str
    partition: str
    starts_at: datetime
    ends_at: datetime
    nodes: int
    account: str = ""  # whose jobs run inside; "" for maintenance, where nobody's do

    @property
    def is_maintenance(self) -> bool:
        """Say whether nothing runs inside."""
        return not self.account


class Verb(StrEnum):
    """What is to be done with a reservation of a cluster."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step that brings a cluster closer to what it shall have."""

    verb: Verb
    reservation: ClusterReservation
    has_begun: bool = False  # there: then a cluster changes everything but when it began


class ReservationKeeper(Protocol):
    """The reservations of one cluster."""

    def read(self) -> Mapping[str, ClusterReservation]:
        """Return every reservation there by its name, those of others too."""
        ...

    def take(self, step: Step) -> None:
        """Take one step; raise the cluster's refusal."""
        ...


def translate(reservation: NodeReservation, *, partition: str) -> ClusterReservation:
    """Return what a cluster shall keep for a reservation; `partition` is in the cluster's words."""
    is_project = reservation.kind is ReservationKind.PROJECT
    return ClusterReservation(
        name=reservation.id,
        partition=partition,
        starts_at=reservation.starts_at,
        ends_at=reservation.ends_at + (ROUNDING if is_project else timedelta(0)),
        nodes=reservation.nodes,
        account=reservation.project_id,
    )


def list_steps(
    wanted: Iterable[ClusterReservation],
    actual: Mapping[str, ClusterReservation],
    *,
    ours: Collection[str],
    now: datetime,
) -> list[Step]:
    """Return what is to be done, in order; nothing where the cluster is as it shall be.

    `ours` are the names that we once gave: no other reservation is touched.
    """
    by_name = {each.name: each for each in wanted}
    steps = [
        Step(verb=Verb.DELETE, reservation=actual[name])
        for name in sorted(set(ours) & set(actual) - set(by_name))
    ]
    for name, each in sorted(by_name.items()):
        found = actual.get(name)
        if found is None:
            # A cluster makes nothing in the past: one that was lost begins anew.
            begins = replace(each, starts_at=max(each.starts_at, now.replace(microsecond=0)))
            steps.append(Step(verb=Verb.CREATE, reservation=begins))
        elif found.starts_at <= now < each.starts_at:
            # Somebody let it begin early, which cannot be undone; the next time it is made anew.
            steps.append(Step(verb=Verb.DELETE, reservation=found))
        elif not _is_as_wanted(each, found, now):
            has_begun = found.starts_at <= now
            steps.append(Step(verb=Verb.UPDATE, reservation=each, has_begun=has_begun))
    return steps


def _is_as_wanted(wanted: ClusterReservation, found: ClusterReservation, now: datetime) -> bool:
    """Say whether it is as it shall be; when it began no longer counts once it has."""
    has_begun = wanted.starts_at <= now and found.starts_at <= now
    return found == (replace(wanted, starts_at=found.starts_at) if has_begun else wanted)
