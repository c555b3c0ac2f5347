"""From the rows of a partition to the snapshot that the kernel plans on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from string import Formatter
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.fairness import FairnessState, GroupState, advance
from allmende.domain.scheduling.jobs import Attempt, Job, JobState, StopRequest
from allmende.domain.scheduling.machine import CapacityChange, Closure, Machine, Window
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.reservations import (
    NodeReservation,
    ReservationKind,
    capacity_changes,
)
from allmende.domain.scheduling.shares import Path, Share, ShareTree, parts_per_million
from allmende.storage import cycles as cycle_store

# An end is seen at the next heartbeat; until then its nodes are not free.
HEARTBEAT_MARGIN_SECONDS = 2


def policy_of(partition: Partition) -> Policy:
    """Return the policy of a partition, from the factory's configuration."""
    return Policy(
        max_time_limit_seconds=partition.max_time_limit_seconds + _margin(partition.grace_seconds),
        usage_half_life_seconds=partition.usage_half_life_seconds,
        preemption=partition.response_target_seconds > 0,
        response_target_seconds=partition.response_target_seconds,
        max_grace_seconds=_margin(partition.grace_seconds),
    )


def tree_of(partition: Partition, *, group_ids: Collection[str] = ()) -> ShareTree:
    """Return the share tree; projects and people stand below their group with equal weights.

    A group that the configuration no longer names keeps its place, without a guarantee.
    """
    configured = {group.id for group in partition.groups}
    former = tuple(Share(path=(each,)) for each in sorted(set(group_ids) - configured))
    return ShareTree(
        shares=former
        + tuple(
            Share(
                path=(group.id,),
                guarantee_ppm=parts_per_million(float(group.guarantee)),
                weight=group.weight,
                ceiling_ppm=parts_per_million(float(group.ceiling)),
                widest_job_nodes=group.widest_job_nodes,
            )
            for group in partition.groups
        )
    )


def name_groups(sentence: Sentence, partition: Partition) -> Sentence:
    """Return the kernel's sentence with the names of groups in place of their ids.

    Facts that its words do not mention are left out: they change, and the sentence does not.
    """
    mentioned = {field for _, field, _, _ in Formatter().parse(sentence.template)}
    names = {group.id: Sentence(group.name) for group in partition.groups}
    facts = {
        key: names.get(fact, fact) if key in ("group", "ahead", "share") else fact
        for key, fact in sentence.facts.items()
        if key in mentioned
    }
    return Sentence(sentence.template, facts)


def take_snapshot(
    partition: Partition,
    *,
    alive: Sequence[Job],
    attempts: Sequence[Attempt],
    bars: Mapping[str, Sentence],
    demoted: frozenset[Path] = frozenset(),
    reservations: Sequence[NodeReservation] = (),
    drained: Collection[str] = (),
    now: datetime,
) -> Snapshot:
    """Return what the kernel sees now. What the last plan left is taken to have held until now.

    `bars` says by job why some may not start, however many nodes are free; `demoted` are the
    projects over their quota; `reservations` are those announced or open; `drained` are nodes, by
    name, that are out of service until further notice.
    """
    now_seconds = seconds_of(now)
    drained = set(drained) & set(partition.node_names)
    changes = capacity_changes(
        reservations, nodes=partition.nodes or 0, now_seconds=now_seconds, drained=drained
    )
    machine = machine_of(partition, attempts, changes, drained=drained)
    by_id = {job.id: job for job in alive}
    running = tuple(
        _running(by_id[attempt.job_id], attempt, machine, now)
        for attempt in attempts
        if attempt.job_id in by_id
    )
    return Snapshot(
        now_seconds=now_seconds,
        machine=machine,
        tree=tree_of(partition, group_ids={job.group_id for job in alive}),
        pending=tuple(
            _pending(job, bars.get(job.id)) for job in alive if job.state is JobState.PENDING
        ),
        running=running,
        fairness=_fairness(partition, now_seconds),
        windows=_windows(reservations, now_seconds),
        closures=_closures(reservations, machine),
        demoted=demoted,
    )


def _windows(reservations: Sequence[NodeReservation], now_seconds: int) -> tuple[Window, ...]:
    return tuple(
        Window(id=each.id, nodes=each.nodes, ends_at_seconds=each.ends_at_seconds)
        for each in reservations
        if each.kind is ReservationKind.PROJECT
        and each.starts_at_seconds <= now_seconds < each.ends_at_seconds
    )


def _closures(reservations: Sequence[NodeReservation], machine: Machine) -> tuple[Closure, ...]:
    """Return the maintenance of named nodes; names that the configuration dropped are gone."""
    return tuple(
        Closure(
            nodes=frozenset(machine.indices_of(set(each.node_names) & set(machine.nodes))),
            starts_at_seconds=each.starts_at_seconds,
            ends_at_seconds=each.ends_at_seconds,
        )
        for each in reservations
        if each.node_names
    )


def machine_of(
    partition: Partition,
    attempts: Sequence[Attempt],
    changes: tuple[CapacityChange, ...] = (),
    *,
    drained: Collection[str] = (),
) -> Machine:
    """Return the nodes; those drained or taken out of the configuration finish what they run."""
    configured = partition.node_names
    former = sorted({node for each in attempts for node in each.nodes} - set(configured))
    nodes = (*configured, *former)
    gone = {index for index, name in enumerate(configured) if name in drained}
    return Machine(
        nodes=nodes,
        drained=frozenset(gone | set(range(len(configured), len(nodes)))),
        capacity_changes=changes,
    )


def _fairness(partition: Partition, now_seconds: int) -> FairnessState:
    kept = cycle_store.find_fairness_state(partition.id)
    if kept is None:
        return FairnessState.begin(now_seconds)
    state = FairnessState.from_json(kept["fairness"])
    return advance(
        state,
        until=max(now_seconds, state.at_seconds),  # a clock that was set back stands still here
        groups=[_group(group) for group in kept["groups"]],
        running={tuple(path): nodes for path, nodes in kept["running_nodes"]},
        policy=policy_of(partition),
    )


def _group(value: dict[str, Any]) -> GroupState:
    return GroupState(**{**value, "path": tuple(value["path"])})


def _pending(job: Job, bar: Sentence | None) -> PendingJob:
    return PendingJob(
        id=job.id,
        path=path_of(job),
        nodes=job.request.nodes,
        time_limit_seconds=longest_seconds(job),
        submitted_at_seconds=seconds_of(job.submitted_at),
        eligible=bool(job.hold_id) and bar is None,
        hold_reason=bar or (None if job.hold_id else job.wait),
        preemptible=job.request.preemptible,
        window_id=job.reservation_id,
    )


def longest_seconds(job: Job) -> int:
    """Return how long an attempt may keep its nodes, until its end is seen."""
    return most_seconds(job.request.time_limit_seconds, job.request.grace_seconds)


def most_seconds(limit_seconds: int, grace_seconds: int) -> int:
    """Return how long nodes may be kept under a limit and a grace."""
    return limit_seconds + _margin(grace_seconds)


def ends_by_of(job: Job, attempt: Attempt, now: datetime) -> int:
    """Return when a running attempt leaves its nodes at the latest."""
    ends_by = seconds_of(attempt.decided_at) + longest_seconds(job)
    if is_stopping(job, attempt):  # it was asked before now, so its grace is over by then
        ends_by = min(ends_by, seconds_of(now) + _margin(job.request.grace_seconds))
    return max(ends_by, seconds_of(now) + 1)


def is_stopping(job: Job, attempt: Attempt) -> bool:
    """Say whether a running attempt was asked to stop."""
    return attempt.stop_reason is not None or job.stop_request is not StopRequest.NONE


def pending_of(
    job_id: str, *, path: Path, nodes: int, limit_seconds: int, now: datetime
) -> PendingJob:
    """Return a job that is only asked about: as if it were submitted now."""
    return PendingJob(
        id=job_id,
        path=path,
        nodes=nodes,
        time_limit_seconds=limit_seconds + HEARTBEAT_MARGIN_SECONDS,
        submitted_at_seconds=seconds_of(now),
    )


def _running(job: Job, attempt: Attempt, machine: Machine, now: datetime) -> RunningJob:
    return RunningJob(
        id=job.id,
        path=path_of(job),
        node_indices=machine.indices_of(attempt.nodes),
        submitted_at_seconds=seconds_of(job.submitted_at),
        started_at_seconds=seconds_of(attempt.decided_at),
        ends_by_seconds=ends_by_of(job, attempt, now),
        preemptible=job.request.preemptible,
        is_stopping=is_stopping(job, attempt),
        grace_seconds=_margin(job.request.grace_seconds),
        window_id=job.reservation_id,
    )


def path_of(job: Job) -> Path:
    """Return the place of a job in the share tree."""
    return (job.group_id, job.project_id, job.person_id)


def _margin(grace_seconds: int) -> int:
    return grace_seconds + HEARTBEAT_MARGIN_SECONDS


def seconds_of(instant: datetime) -> int:
    """Return an instant as the kernel counts: whole seconds of the Unix clock."""
    return int(instant.astimezone(UTC).timestamp())
