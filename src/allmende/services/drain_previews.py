"""What draining a node would mean: for the jobs on it, for reservations, for those who wait."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.nodes import check_node
from allmende.domain.scheduling.reservations import (
    NodeReservation,
    ReservationKind,
    least_left,
    taken_at,
)
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.drains import check_partition, jobs_by_node, list_statuses
from allmende.services.forecasts import look_ahead
from allmende.services.snapshots import seconds_of
from allmende.services.workshop import Workshop
from allmende.storage import nodes as store
from allmende.storage import queues as queue_store
from allmende.storage import reservations as reservation_store
from allmende.twin.forecasts import HORIZON_SECONDS, Forward, make_dice

RUNS = 8  # forward runs with the node, and as many without it, under the same dice
DECISIONS = 75_000  # that either may take together: about a second
LISTED = 20  # of the jobs that start later, those that lose most
LEAST_SECONDS = 1  # of difference that is worth a word


@dataclass(frozen=True, kw_only=True)
class JobThere:
    """A job on the node, which goes on to its end."""

    job_id: str
    project_id: str
    ends_by: datetime


@dataclass(frozen=True, kw_only=True)
class LaterStart:
    """A waiting job that starts later; the middle of the forecasts, None beyond 90 days."""

    job_id: str
    project_id: str
    before_at: datetime | None
    after_at: datetime | None

    @property
    def later_seconds(self) -> int | None:
        """Return by how much; None where one of the two cannot be said."""
        if self.before_at is None or self.after_at is None:
            return None
        return round((self.after_at - self.before_at).total_seconds())


@dataclass(frozen=True, kw_only=True)
class DrainPreview:
    """What draining a node would mean. Of a cluster nobody can say which jobs start later."""

    partition_id: str
    node: str
    nodes_left: int  # in service, without it
    running: tuple[JobThere, ...]
    free_from: datetime  # when nothing runs on it any more, at the latest
    reservations: tuple[NodeReservation, ...]  # that lose it, or that no longer fit
    waiting_jobs: int
    later_jobs: int | None
    later: tuple[LaterStart, ...]  # those that lose most


def preview_drain(
    reader: Person, partition_id: str, node: str, *, now: datetime, workshop: Workshop
) -> DrainPreview:
    """Return what draining a node would mean for jobs and reservations; nothing is changed."""
    check_permission(reader, Permission.MANAGE_NODES)
    partition = check_partition(partition_id, workshop.factory)
    drained = set(store.list_drained(partition.id))
    statuses = list_statuses(partition, workshop, drains=drained, busy=set())
    check_node(partition.name, node, known=tuple(each.name for each in statuses))
    there = [
        JobThere(job_id=job.id, project_id=job.project_id, ends_by=ends_by)
        for job, ends_by in jobs_by_node(partition, now).get(node, ())
    ]
    later = _find_later(partition, node, now) if partition.is_embedded else None
    return DrainPreview(
        partition_id=partition.id,
        node=node,
        nodes_left=sum(1 for each in statuses if not each.is_drained and each.name != node),
        running=tuple(there),
        free_from=max([each.ends_by for each in there], default=now),
        reservations=tuple(_find_losers(partition, node, drained, now)),
        waiting_jobs=queue_store.count_waiting_jobs(partition.id),
        later_jobs=None if later is None else len(later),
        later=tuple(later or ())[:LISTED],
    )


def say_preview(seen: DrainPreview) -> list[Sentence]:
    """Say in sentences what draining a node would mean."""
    facts: dict[str, object] = {
        "node": seen.node,
        "free_from": seen.free_from,
        "left": seen.nodes_left,
        "waiting": seen.waiting_jobs,
        "later": seen.later_jobs,
        "reservations": len(seen.reservations),
    }
    said = [_say_running(seen, facts), Sentence("Nodes that stay in service: {left}.", facts)]
    if seen.reservations:
        said.append(
            Sentence("Reservations that lose it, or leave too little: {reservations}.", facts)
        )
    return [*said, _say_later(seen, facts)]


def _say_running(seen: DrainPreview, facts: Mapping[str, object]) -> Sentence:
    if not seen.running:
        return Sentence("Nothing runs on {node}.", facts)
    return Sentence("What runs on {node} goes on; it is empty by {free_from} at the latest.", facts)


def _say_later(seen: DrainPreview, facts: Mapping[str, object]) -> Sentence:
    if seen.later_jobs is None:
        return Sentence(
            "Waiting jobs: {waiting}. Which of them start later, only the cluster knows.", facts
        )
    return Sentence(
        "Waiting jobs that start later, by the middle of forecasts: {later} of {waiting}.", facts
    )


def _find_losers(
    partition: Partition, node: str, drained: Collection[str], now: datetime
) -> list[NodeReservation]:
    """Return the maintenance of the node itself, and windows that leave too little without it."""
    current = reservation_store.list_current(partition.id, now=now)
    nodes, least = partition.nodes or 0, least_left(partition)

    def fits(second: int, out: Collection[str]) -> bool:
        return nodes - taken_at(current, second, drained=out) >= least

    found = []
    for each in current:
        second = max(each.starts_at_seconds, seconds_of(now))
        is_window = each.kind is ReservationKind.PROJECT
        loses = is_window and fits(second, drained) and not fits(second, {*drained, node})
        if loses or node in each.node_names:
            found.append(each)
    return found


def _find_later(partition: Partition, node: str, now: datetime) -> list[LaterStart]:
    """Return the jobs that would start later, those that lose most first."""
    before = look_ahead(partition, now)
    after = look_ahead(partition, now, without=[node])
    seed = int.from_bytes(hashlib.sha256(f"{node} {now}".encode()).digest()[:8])
    usual, longer = _middles(before, seed), _middles(after, seed)
    found = [
        LaterStart(
            job_id=job.id,
            project_id=job.path[1],
            before_at=_instant(now, usual[job.id]),
            after_at=_instant(now, longer.get(job.id, HORIZON_SECONDS)),
        )
        for job in before.eligible
        if longer.get(job.id, HORIZON_SECONDS) - usual[job.id] >= LEAST_SECONDS
    ]
    return sorted(found, key=lambda each: (-(each.later_seconds or HORIZON_SECONDS), each.job_id))


def _middles(forward: Forward, seed: int) -> dict[str, int]:
    return forward.find_middles(dice=make_dice(seed), runs=RUNS, decisions=DECISIONS)


def _instant(now: datetime, seconds: int) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds < HORIZON_SECONDS else None
