"""Nodes announced to be out of use, capped, or kept for one project, from one instant to another.

Everything is counted in nodes: whatever is announced must fit beside what was announced before, and
beside the jobs that already run. See docs/explanation/fairness.md.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.basics.periods import check_zone
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.machine import CapacityChange

LONGEST_DAYS = 31
AHEAD_DAYS = 366


class EndsBeforeStart(Refusal):
    """It would end at {ends_at}, not after its start at {starts_at}. Give a later end."""

    status = 422


class StartsInThePast(Refusal):
    """It would start at {starts_at}, and that has passed. Give an instant to come."""

    status = 422


class LastsTooLong(Refusal):
    """It would last {days} days; at most {most} can be announced in one piece. Announce the rest
    apart."""

    status = 422


class StartsTooLate(Refusal):
    """It would start more than {most} days from now. Announce it nearer to its time."""

    status = 422


class MoreThanInService(Refusal):
    """It asks for {nodes} nodes and {partition} has {most}. Ask for 1 to {most}."""

    status = 422


class UnknownNodes(Refusal):
    """{partition} has no nodes named {names}. Its nodes are {known}."""

    status = 422


class NamesAndNumberDiffer(Refusal):
    """{named} nodes are named, and the number says {nodes}. Leave the number out."""

    status = 422


class ReservationsDoNotFit(Refusal):
    """At {at} only {most} of {nodes} nodes can be taken: the rest is announced already, or must be
    left so that the guarantees of the groups can be kept. Take fewer, or another time."""


class JobsStillRun(Refusal):
    """Jobs that run now may go on beyond {starts_at}, and nobody is stopped for this. The first
    instant at which it fits is {first}."""


class NodesStillRun(Refusal):
    """Jobs that run now on these nodes may go on until {first}. Let it start then, or give a number
    of nodes instead of their names."""


class ReservationKind(StrEnum):
    """Why nodes are announced to be gone for others."""

    MAINTENANCE = "maintenance"
    POWER_CAP = "power_cap"
    PROJECT = "project"  # a course, a hero run: its jobs run inside


class ReservationState(StrEnum):
    """Where a reservation stands; all but the last is derived from the clock, never stored."""

    ANNOUNCED = "announced"
    OPEN = "open"
    OVER = "over"
    CANCELLED = "cancelled"


LIFECYCLE = Lifecycle(
    {
        ReservationState.ANNOUNCED: frozenset({ReservationState.OPEN, ReservationState.CANCELLED}),
        ReservationState.OPEN: frozenset({ReservationState.OVER, ReservationState.CANCELLED}),
        ReservationState.OVER: frozenset(),
        ReservationState.CANCELLED: frozenset(),
    }
)


@dataclass(frozen=True, kw_only=True)
class NodeReservation:
    """So many nodes that others cannot use, from an instant up to, not including, another.

    `nodes` of a power cap are those that must stay idle. `node_names` are set for maintenance of
    certain nodes only.
    """

    id: str
    partition_id: str
    kind: ReservationKind
    nodes: int
    node_names: tuple[str, ...] = ()
    project_id: str = ""
    cap_watts: int | None = None
    starts_at: datetime
    ends_at: datetime
    reason: str
    announced_at: datetime
    announced_by: str
    cancelled_at: datetime | None = None

    def state(self, now: datetime) -> ReservationState:
        """Return where it stands at an instant; at the very second of its end it is over."""
        if self.cancelled_at is not None:
            return ReservationState.CANCELLED
        if now < self.starts_at:
            return ReservationState.ANNOUNCED
        return ReservationState.OPEN if now < self.ends_at else ReservationState.OVER

    @property
    def starts_at_seconds(self) -> int:
        """Return its start on the Unix clock."""
        return int(self.starts_at.timestamp())

    @property
    def ends_at_seconds(self) -> int:
        """Return its end on the Unix clock."""
        return int(self.ends_at.timestamp())

    @property
    def seconds(self) -> int:
        """Return how long it lasts."""
        return self.ends_at_seconds - self.starts_at_seconds


@dataclass(frozen=True, kw_only=True)
class Occupation:
    """A running job outside every window: its nodes, and when they come free at the latest."""

    node_names: frozenset[str]
    ends_by_seconds: int


@dataclass(frozen=True, kw_only=True)
class Board:
    """What a new reservation has to fit beside. `least_left` is what the guarantees need."""

    nodes: int  # drained ones among them
    least_left: int = 0
    drained: frozenset[str] = frozenset()  # out of service until further notice, by name
    reservations: Sequence[NodeReservation] = ()  # neither over nor cancelled
    occupations: Sequence[Occupation] = field(default=())


def least_left(partition: Partition) -> int:
    """Return the fewest nodes on which the guarantees of a partition can be kept.

    The sum of (guarantee x nodes + widest job) over its guaranteed groups must fit into them.
    """
    guaranteed = [group for group in partition.groups if group.guarantee]
    if not guaranteed:
        return 0
    lent = 1 - sum((group.guarantee for group in guaranteed), Fraction(0))
    widest = sum(group.widest_job_nodes for group in guaranteed)
    return math.ceil(widest / lent) if lent > 0 else partition.nodes or 0


def taken_at(
    reservations: Iterable[NodeReservation], second: int, *, drained: Collection[str] = ()
) -> int:
    """Return how many nodes are not open to everybody at a second.

    A node out of service draws no more than an idle one, so it counts for maintenance and for a cap
    at once; what is kept for a project works, and counts besides.
    """
    there = [
        each for each in reservations if each.starts_at_seconds <= second < each.ends_at_seconds
    ]
    kept = sum(each.nodes for each in there if each.kind is ReservationKind.PROJECT)
    return max(_out_of_service(there, drained), _idle_under_caps(there)) + kept


def _idle_under_caps(there: Iterable[NodeReservation]) -> int:
    """Return how many nodes stay idle under the lowest of these caps on power."""
    caps = (each.nodes for each in there if each.kind is ReservationKind.POWER_CAP)
    return max(caps, default=0)


def _out_of_service(there: Iterable[NodeReservation], drained: Collection[str] = ()) -> int:
    """Return how many nodes do not work under these.

    Maintenance without names is of drained ones first: they do not work anyway.
    """
    maintenance = [each for each in there if each.kind is ReservationKind.MAINTENANCE]
    named = {name for each in maintenance for name in each.node_names}
    unnamed = sum(each.nodes for each in maintenance if not each.node_names)
    of_named = sum(each.nodes for each in maintenance if each.node_names)
    return of_named + max(unnamed, len(set(drained) - named))


def capacity_changes(
    reservations: Sequence[NodeReservation],
    *,
    nodes: int,
    now_seconds: int,
    drained: Collection[str] = (),
) -> tuple[CapacityChange, ...]:
    """Return what is left to everybody, from now on; empty when nothing is announced.

    `drained` are nodes that are out of service until further notice, by name; `nodes` counts them.
    """
    in_service = nodes - len(set(drained))
    instants = {now_seconds} | {
        second
        for each in reservations
        for second in (each.starts_at_seconds, each.ends_at_seconds)
        if second > now_seconds
    }
    changes: list[CapacityChange] = []
    for second in sorted(instants):
        left = max(0, nodes - taken_at(reservations, second, drained=drained))
        if left != (changes[-1].nodes if changes else in_service):
            changes.append(CapacityChange(at_seconds=second, nodes=left))
    return tuple(changes)


def check_times(starts_at: datetime, ends_at: datetime, *, now: datetime) -> None:
    """Refuse times without a zone, in the past, in the wrong order, too long or too far ahead."""
    for time in (starts_at, ends_at):
        check_zone(time)
    if ends_at <= starts_at:
        raise EndsBeforeStart(starts_at=starts_at, ends_at=ends_at)
    if starts_at < now.replace(microsecond=0):
        raise StartsInThePast(starts_at=starts_at)
    if ends_at - starts_at > timedelta(days=LONGEST_DAYS):
        raise LastsTooLong(days=-(-(ends_at - starts_at) // timedelta(days=1)), most=LONGEST_DAYS)
    if starts_at - now > timedelta(days=AHEAD_DAYS):
        raise StartsTooLate(most=AHEAD_DAYS)


def check_nodes(partition: Partition, nodes: int, node_names: Sequence[str]) -> int:
    """Return how many nodes are asked for, refusing a number or names that do not exist."""
    known = partition.node_names
    unknown = sorted(set(node_names) - set(known))
    if unknown:
        raise UnknownNodes(
            partition=partition.name, names=", ".join(unknown), known=", ".join(known)
        )
    named = len(set(node_names))
    if named and nodes not in (0, named):
        raise NamesAndNumberDiffer(named=named, nodes=nodes)
    nodes = nodes or named
    if not 1 <= nodes <= len(known):
        raise MoreThanInService(nodes=nodes, partition=partition.name, most=len(known))
    return nodes


def check_room(asked: NodeReservation, board: Board) -> None:
    """Refuse what does not fit beside what is announced and what runs."""
    start = asked.starts_at_seconds
    for second in _steps(board.reservations, start, asked.seconds):
        most = _most_at(asked, board, second)
        if asked.nodes > most:
            raise ReservationsDoNotFit(
                at=_instant(asked, second), most=max(0, most), nodes=board.nodes
            )
    if asked.node_names:
        free_from = _names_free_from(asked, board)
        if free_from > start:
            raise NodesStillRun(first=_instant(asked, free_from))
    if not _is_free(asked, board, start):
        first = next(s for s in _candidates(asked, board) if _fits(asked, board, s))
        raise JobsStillRun(starts_at=asked.starts_at, first=_instant(asked, first))


def _most_at(asked: NodeReservation, board: Board, second: int) -> int:
    """Return how many nodes of its kind could be taken at a second.

    While anything is kept for a project, the rest must be able to keep the guarantees. Maintenance
    and power alone may take everything: what is out of service was promised to nobody.
    """
    there = [
        each
        for each in board.reservations
        if each.starts_at_seconds <= second < each.ends_at_seconds
    ]
    kinds = {each.kind for each in there} | {asked.kind}
    least = board.least_left if ReservationKind.PROJECT in kinds else 0
    kept = sum(each.nodes for each in there if each.kind is ReservationKind.PROJECT)
    room = board.nodes - least - kept
    if asked.kind is ReservationKind.MAINTENANCE:
        others = _out_of_service([*there, asked], board.drained) - asked.nodes
        return room - others
    if asked.kind is ReservationKind.PROJECT:
        return room - max(_out_of_service(there, board.drained), _idle_under_caps(there))
    return room


def _steps(reservations: Sequence[NodeReservation], start: int, seconds: int) -> list[int]:
    """Return the seconds of a span at which what is announced changes, its start among them."""
    edges = {s for each in reservations for s in (each.starts_at_seconds, each.ends_at_seconds)}
    return [start, *sorted(second for second in edges if start < second < start + seconds)]


def _is_free(asked: NodeReservation, board: Board, start: int) -> bool:
    """Say whether jobs that run now leave enough free, should the reservation start then."""
    by = timedelta(seconds=start - asked.starts_at_seconds)
    moved = replace(asked, starts_at=asked.starts_at + by, ends_at=asked.ends_at + by)
    together = [*board.reservations, moved]
    return all(
        taken_at(together, second, drained=board.drained) + _busy_at(board, second) <= board.nodes
        for second in _steps(board.reservations, start, asked.seconds)
    )


def _busy_at(board: Board, second: int) -> int:
    return sum(
        len(job.node_names - board.drained)
        for job in board.occupations
        if job.ends_by_seconds > second
    )


def _fits(asked: NodeReservation, board: Board, start: int) -> bool:
    return _is_free(asked, board, start) and all(
        asked.nodes <= _most_at(asked, board, second)
        for second in _steps(board.reservations, start, asked.seconds)
    )


def _candidates(asked: NodeReservation, board: Board) -> list[int]:
    """Return the seconds at which it might first fit: after everything there is, it does."""
    ends = {job.ends_by_seconds for job in board.occupations}
    ends |= {each.ends_at_seconds for each in board.reservations}
    return sorted(second for second in ends if second > asked.starts_at_seconds)


def _names_free_from(asked: NodeReservation, board: Board) -> int:
    names = set(asked.node_names)
    return max(
        (job.ends_by_seconds for job in board.occupations if names & job.node_names),
        default=asked.starts_at_seconds,
    )


def _instant(asked: NodeReservation, second: int) -> datetime:
    return asked.starts_at + timedelta(seconds=second - asked.starts_at_seconds)
