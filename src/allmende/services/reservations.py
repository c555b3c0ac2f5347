"""Reservations: announced by the operators, kept by every plan, shown to all who compute."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.scheduling import power_caps, reservations
from allmende.domain.scheduling.reservations import (
    Board,
    NodeReservation,
    Occupation,
    ReservationKind,
    ReservationState,
)
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import audit, projects
from allmende.services.deeds import Deed, one_transaction
from allmende.services.snapshots import ends_by_of, seconds_of
from allmende.storage import jobs as job_store
from allmende.storage import nodes as node_store
from allmende.storage import projects as project_store
from allmende.storage import queues as queue_store
from allmende.storage import reservations as store

LONGEST_REASON = 200


class NothingRunsThere(Refusal):
    """No job runs on {partition} from here, so there is nothing to reserve."""

    status = 422


class AgentCarriesNoReservation(Refusal):
    """{partition} is reached through the agent of its site, which carries jobs but no reservations
    yet. Reserve the nodes where the machine stands."""

    status = 422


class ClusterKeepsNumbersOnly(Refusal):
    """On {partition} the cluster chooses the nodes and caps no power. Give a number of nodes; to
    take certain ones out of service, drain them."""

    status = 422


class ProjectCannotReserve(Refusal):
    """Project {project} does not compute on {partition} during that time. Choose another project,
    or times within its own."""

    status = 422


class ReservationHasEnded(Refusal):
    """Reservation {reservation} is over; there is nothing left to cancel."""


class ReservationIsOver(Refusal):
    """No job can run inside reservation {reservation} any more. Submit it without one."""


class ReservationOfOthers(Refusal):
    """Project {project} has no reservation {reservation}. Leave it out, or see what there is."""

    status = 404


class TooWideForReservation(Refusal):
    """The job asks for {nodes} nodes; reservation {reservation} has {most}. Ask for fewer."""

    status = 422


class TooLongForReservation(Refusal):
    """The job and its grace may take {asked} s; of reservation {reservation} {most} s are left. Set
    a shorter max_duration."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """What somebody wants to announce; exactly one of project, cap, or nodes out of service."""

    partition_id: str
    nodes: int = 0
    node_names: tuple[str, ...] = ()
    project_id: str = ""
    cap_watts: int | None = None
    starts_at: datetime | None = None  # None: at once
    ends_at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReservationView:
    """A reservation, where it stands, and what of it was used."""

    reservation: NodeReservation
    state: ReservationState
    used_node_seconds: int  # by jobs inside it that have ended
    unused_node_seconds: int  # kept so far and not used, which nobody is charged


@one_transaction
def announce(deed: Deed, announcement: Announcement, *, factory: Factory) -> NodeReservation:
    """Announce that nodes are gone for others; announcing the same again changes nothing.

    It is refused unless it fits beside everything announced, the guarantees and the running jobs.
    """
    kind = _kind_of(announcement)
    _check_may(deed.actor, kind)
    partition = factory.get_partition(announcement.partition_id)
    _check_machine(announcement, kind, partition, factory)
    # Plans take the same lock, so that no job starts between the check and the announcement.
    queue_store.lock_alive_jobs(partition.id)
    asked = _complete(deed, announcement, kind, partition)
    for known in store.list_current(partition.id, now=deed.now):
        # "At once", said again later, is still the same.
        is_again = announcement.starts_at is None and known.starts_at <= deed.now
        same = replace(asked, starts_at=known.starts_at) if is_again else asked
        if _content(known) == _content(same):
            return known
    starts_at = announcement.starts_at or deed.now
    reservations.check_times(starts_at, announcement.ends_at, now=deed.now)
    if asked.project_id:
        _check_project(asked, partition)
    reservations.check_room(asked, _board(partition, deed.now))
    store.save_reservation(asked)
    audit.record(
        deed,
        action="reservation.announced",
        subject=asked.id,
        kind=asked.kind.value,
        nodes=asked.nodes,
        project=asked.project_id,
        starts_at=asked.starts_at.isoformat(),
        ends_at=asked.ends_at.isoformat(),
    )
    return asked


@one_transaction
def cancel(deed: Deed, reservation_id: str) -> NodeReservation:
    """Cancel a reservation. Cancelling it again changes nothing.

    Jobs that run inside an open window go on as ordinary jobs of their group; those that wait for
    it are cancelled at the next heartbeat, and their hours come back.
    """
    check_permission(deed.actor, Permission.RESERVE_NODES)
    found = store.get_reservation(reservation_id)
    _check_may(deed.actor, found.kind)
    queue_store.lock_alive_jobs(found.partition_id)
    found = store.get_reservation(reservation_id)
    state = found.state(deed.now)
    if state is ReservationState.CANCELLED:
        return found
    if state is ReservationState.OVER:
        raise ReservationHasEnded(reservation=found.id)
    found = replace(found, cancelled_at=deed.now)
    store.save_reservation(found)
    audit.record(deed, action="reservation.cancelled", subject=found.id)
    return found


def list_reservations(
    reader: Person, *, now: datetime, after: str = "", limit: int = 100
) -> list[ReservationView]:
    """Return reservations, the latest start first; for whom, only those learn whom it concerns."""
    check_permission(reader, Permission.SEE_RESERVATION)
    found = store.list_reservations(after=after, limit=limit)
    return [_view(reader, each, now) for each in found]


def get_reservation(reader: Person, reservation_id: str, *, now: datetime) -> ReservationView:
    """Return one reservation."""
    check_permission(reader, Permission.SEE_RESERVATION)
    return _view(reader, store.get_reservation(reservation_id), now)


def list_machines(factory: Factory) -> list[Partition]:
    """Return the partitions on which nodes can be reserved from here."""
    return [
        each
        for each in factory.partitions
        if each.is_embedded or (each.is_on_slurm and not factory.get_site(each.site_id).agent)
    ]


def check_submission(
    reservation_id: str, project: Project, *, nodes: int, longest_seconds: int, now: datetime
) -> None:
    """Refuse a job that could never run inside a reservation of its project."""
    found = store.find_reservation(reservation_id)
    if found is None or found.project_id != project.id:
        raise ReservationOfOthers(project=project.id, reservation=reservation_id)
    if found.state(now) in (ReservationState.OVER, ReservationState.CANCELLED):
        raise ReservationIsOver(reservation=found.id)
    if nodes > found.nodes:
        raise TooWideForReservation(nodes=nodes, reservation=found.id, most=found.nodes)
    left = found.ends_at_seconds - max(found.starts_at_seconds, seconds_of(now))
    if longest_seconds > left:
        raise TooLongForReservation(asked=longest_seconds, reservation=found.id, most=left)


def _check_may(person: Person, kind: ReservationKind) -> None:
    """Refuse the programme office what concerns the machine: it reserves for projects only."""
    check_permission(person, Permission.RESERVE_NODES)
    if kind is not ReservationKind.PROJECT:
        check_permission(person, Permission.MANAGE_NODES)


def _check_machine(
    announcement: Announcement, kind: ReservationKind, partition: Partition, factory: Factory
) -> None:
    """Refuse what the machine of a partition cannot keep."""
    if not partition.takes_jobs:
        raise NothingRunsThere(partition=partition.name)
    if partition.is_embedded:
        return
    if factory.get_site(partition.site_id).agent:
        raise AgentCarriesNoReservation(partition=partition.name)
    if announcement.node_names or kind is ReservationKind.POWER_CAP:
        raise ClusterKeepsNumbersOnly(partition=partition.name)


def _kind_of(announcement: Announcement) -> ReservationKind:
    if announcement.project_id and announcement.cap_watts is not None:
        problem = Sentence("a cap on power concerns everybody. Leave out one of the two.")
        raise InvalidInput(field="project", problem=problem)
    if announcement.project_id:
        return ReservationKind.PROJECT
    if announcement.cap_watts is not None:
        return ReservationKind.POWER_CAP
    return ReservationKind.MAINTENANCE


def _complete(
    deed: Deed, announcement: Announcement, kind: ReservationKind, partition: Partition
) -> NodeReservation:
    """Return the reservation that is asked for, in whole seconds and in nodes."""
    if kind is not ReservationKind.MAINTENANCE and announcement.node_names:
        problem = Sentence("names belong to maintenance. Give a number instead.")
        raise InvalidInput(field="node_names", problem=problem)
    if kind is ReservationKind.POWER_CAP:
        if announcement.nodes:
            problem = Sentence("a cap on power says itself how many nodes may work. Leave it out.")
            raise InvalidInput(field="nodes", problem=problem)
        assert announcement.cap_watts is not None, "its kind says so"
        nodes = power_caps.idle_nodes_under_cap(partition, announcement.cap_watts)
    else:
        nodes = reservations.check_nodes(partition, announcement.nodes, announcement.node_names)
    reason = " ".join(announcement.reason.split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        problem = Sentence("say why, in 1 to {most} characters.", {"most": LONGEST_REASON})
        raise InvalidInput(field="reason", problem=problem)
    starts_at = announcement.starts_at or deed.now
    return NodeReservation(
        id=deed.new_id("rv"),
        partition_id=partition.id,
        kind=kind,
        nodes=nodes,
        node_names=tuple(sorted(set(announcement.node_names))),
        project_id=announcement.project_id,
        cap_watts=announcement.cap_watts,
        starts_at=starts_at.replace(microsecond=0),
        ends_at=announcement.ends_at.replace(microsecond=0),
        reason=reason,
        announced_at=deed.now,
        announced_by=deed.actor.id,
    )


def _content(reservation: NodeReservation) -> NodeReservation:
    """Return it without what differs between two announcements of the same."""
    return replace(reservation, id="", announced_at=reservation.starts_at, announced_by="")


def _check_project(asked: NodeReservation, partition: Partition) -> None:
    project: Project = project_store.get_project(asked.project_id)
    period = project.period
    if (
        project.partition_id != partition.id
        or project.state in (ProjectState.ENDED, ProjectState.CLOSED)
        or asked.starts_at < period.starts_at.replace(microsecond=0)
        or asked.ends_at > period.ends_at
    ):
        raise ProjectCannotReserve(project=project.id, partition=partition.name)


def _board(partition: Partition, now: datetime) -> Board:
    """Return what runs and what is announced; jobs inside a window count to the window."""
    current = store.list_current(partition.id, now=now)
    windows = {each.id for each in current if each.kind is ReservationKind.PROJECT}
    alive = {job.id: job for job in queue_store.list_alive_jobs(partition.id)}
    occupations = [
        Occupation(
            node_names=frozenset(attempt.nodes),
            ends_by_seconds=ends_by_of(alive[attempt.job_id], attempt, now),
        )
        for attempt in job_store.list_unsettled_attempts(partition.id)
        if attempt.job_id in alive and alive[attempt.job_id].reservation_id not in windows
    ]
    return Board(
        nodes=partition.nodes or 0,
        least_left=reservations.least_left(partition),
        drained=frozenset(node_store.list_drained(partition.id)),
        reservations=current,
        occupations=occupations,
    )


def _view(reader: Person, found: NodeReservation, now: datetime) -> ReservationView:
    used = _used_node_seconds(found)
    state = found.state(now)
    closes = min(found.ends_at, now, found.cancelled_at or now)
    kept = max(timedelta(0), closes - found.starts_at) // timedelta(seconds=1) * found.nodes
    is_window = found.kind is ReservationKind.PROJECT
    if is_window and not _may_know(reader, found):
        found = replace(found, project_id="", reason="")
        used = kept = 0
    return ReservationView(
        reservation=found,
        state=state,
        used_node_seconds=used,
        unused_node_seconds=max(0, kept - used) if is_window else 0,
    )


def _may_know(reader: Person, found: NodeReservation) -> bool:
    if can_do(reader, Permission.SEE_EVERY_PROJECT):
        return True
    project = project_store.get_project(found.project_id)
    return projects.is_own(reader, organisation_id=project.organisation_id, project_id=project.id)


def _used_node_seconds(found: NodeReservation) -> int:
    """Return what the ended attempts of its jobs used within it, each begun second on each node."""
    if found.kind is not ReservationKind.PROJECT:
        return 0
    used = timedelta(0)
    for attempt in job_store.list_attempts_inside(found.id):
        if attempt.started_at and attempt.ended_at:
            began, ended = max(attempt.started_at, found.starts_at), attempt.ended_at
            used += max(timedelta(0), min(ended, found.ends_at) - began) * len(attempt.nodes)
    return round(used.total_seconds())
