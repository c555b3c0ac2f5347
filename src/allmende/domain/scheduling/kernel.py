"""The kernel decides what starts, what yields, and why everything else waits.

`plan` is pure: the same snapshot and policy give the same plan on every platform, so a recorded
cycle can be replayed. What it decides, others carry out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from allmende.domain.scheduling import boards
from allmende.domain.scheduling.boards import Board
from allmende.domain.scheduling.compiled import decide
from allmende.domain.scheduling.demands import (
    count_places,
    count_running,
    find_bar,
    find_ceiling,
    group_states,
    measure_groups,
)
from allmende.domain.scheduling.explain import name_of, say_wait
from allmende.domain.scheduling.fairness import FairnessState, GroupState, advance, lag_bound
from allmende.domain.scheduling.layouts import lay_out, rank_borrowers
from allmende.domain.scheduling.machine import CapacityChange, Machine
from allmende.domain.scheduling.plans import (
    PendingJob,
    Plan,
    Preempt,
    Reservation,
    RunningJob,
    Snapshot,
    Start,
    Wait,
    WaitReason,
)
from allmende.domain.scheduling.policies import Backfill, Policy
from allmende.domain.scheduling.profiles import NEVER
from allmende.domain.scheduling.shares import Path, Share, ShareTree
from allmende.domain.scheduling.windows import (
    is_divided,
    plan_divided,
    reduction_figures,
    waits_for_capacity,
)

__all__ = [
    "Backfill",
    "CapacityChange",
    "FairnessState",
    "GroupState",
    "Machine",
    "PendingJob",
    "Plan",
    "Policy",
    "Preempt",
    "Reservation",
    "RunningJob",
    "Share",
    "ShareTree",
    "Snapshot",
    "Start",
    "Wait",
    "WaitReason",
    "advance",
    "lag_bound",
    "measure_groups",
    "plan",
]

REASONS = {
    boards.HEAD: WaitReason.HEAD,
    boards.HEAD_UNDATED: WaitReason.HEAD_UNDATED,
    boards.CEILING: WaitReason.CEILING,
    boards.NODES_BUSY: WaitReason.NODES_BUSY,
    boards.RESERVED_BEHIND: WaitReason.RESERVATION,
    boards.KEPT: WaitReason.KEPT,
    boards.CAPACITY: WaitReason.CAPACITY,
    boards.OFF: WaitReason.NO_BACKFILL,
}


def plan(snapshot: Snapshot, policy: Policy) -> Plan:
    """Decide who starts now, who yields, and why everybody else waits."""
    if is_divided(snapshot):
        return plan_divided(snapshot, policy, plan_whole=_plan_whole)
    return _plan_whole(snapshot, policy)


def _plan_whole(snapshot: Snapshot, policy: Policy) -> Plan:
    """Plan on one set of nodes that are all alike and open to everybody."""
    leaves = count_running(snapshot.running)
    running = count_places(leaves)
    bars = {job.id: find_bar(job, snapshot, policy, running) for job in snapshot.pending}
    jobs = [job for job in snapshot.pending if bars[job.id] is None]
    jobs.sort(key=lambda job: (job.submitted_at_seconds, job.id))
    board = decide(lay_out(snapshot, policy, jobs), len(jobs))

    starts = _place(snapshot, jobs, board)
    started = {start.job_id for start in starts}
    for job in jobs:
        if job.id in started:
            leaves[job.path] = leaves.get(job.path, 0) + job.nodes
    clerk = _Clerk(snapshot, policy, jobs, board, leaves)
    waits = tuple(
        clerk.wait(job, bars[job.id]) for job in snapshot.pending if job.id not in started
    )
    assert len(starts) + len(waits) == len(snapshot.pending), "every job gets an answer"
    after = count_places(leaves)
    waiting = [job for job in snapshot.pending if job.id not in started]
    still_eligible = [job for job in waiting if not find_bar(job, snapshot, policy, after)]
    return Plan(
        now_seconds=snapshot.now_seconds,
        starts=starts,
        preempts=_preempts(snapshot, jobs, board),
        waits=waits,
        reservations=_reservations(jobs, board),
        group_states=group_states(snapshot, policy, after, still_eligible),
        running_nodes=leaves,
    )


def _place(snapshot: Snapshot, jobs: Sequence[PendingJob], board: Board) -> tuple[Start, ...]:
    """Give every started job the lowest free nodes, in the order in which they were started."""
    busy = {index for job in snapshot.running for index in job.node_indices}
    unusable = busy | snapshot.machine.drained
    free = [index for index in range(len(snapshot.machine.nodes)) if index not in unusable]
    starts, used = [], 0
    for place in board.start_order[: board.settings[boards.STARTS]]:
        job = jobs[place]
        nodes = tuple(free[used : used + job.nodes])
        assert len(nodes) == job.nodes, "nobody is given a node that is not free"
        starts.append(Start(job.id, nodes))
        used += job.nodes
    return tuple(starts)


def _preempts(snapshot: Snapshot, jobs: Sequence[PendingJob], board: Board) -> tuple[Preempt, ...]:
    stopped = zip(rank_borrowers(snapshot), board.borrowers.stopped_for, strict=True)
    return tuple(Preempt(job.id, jobs[place].id) for job, place in stopped if place != NEVER)


def _reservations(jobs: Sequence[PendingJob], board: Board) -> tuple[Reservation, ...]:
    kept = board.reservations
    return tuple(
        Reservation(
            job_id=jobs[kept.jobs[row]].id,
            starts_at_seconds=int(kept.starts[row]),
            ends_at_seconds=int(kept.ends[row]),
            nodes=int(kept.nodes[row]),
        )
        for row in range(kept.used[0])
        if kept.kinds[row] == boards.RESERVED_BEHIND
    )


@dataclass(frozen=True)
class _Clerk:
    """Writes down why a job waits, with its figures."""

    snapshot: Snapshot
    policy: Policy
    jobs: Sequence[PendingJob]
    board: Board
    leaves: dict[Path, int]

    @cached_property
    def places(self) -> dict[str, int]:
        return {job.id: place for place, job in enumerate(self.jobs)}

    @cached_property
    def verdicts(self) -> list[tuple[int, int, int]]:
        """Return verdict, reserved start and whose reservation, job by job, as plain numbers."""
        rows = self.board.jobs
        columns = (rows.verdicts.tolist(), rows.starts_at.tolist(), rows.behind.tolist())
        return list(zip(*columns, strict=True))

    @cached_property
    def running(self) -> dict[Path, int]:
        return count_places(self.leaves)

    def wait(self, job: PendingJob, bar: WaitReason | None) -> Wait:
        """Return the one reason why a job waits."""
        if bar is not None:
            figures = self.figures(job, bar)
            sentence = job.hold_reason if bar is WaitReason.HELD else None
            sentence = sentence or say_wait(bar, figures)
            return Wait(job_id=job.id, reason=bar, sentence=sentence, figures=figures)
        verdict, starts_at, behind = self.verdicts[self.places[job.id]]
        reason = REASONS[verdict]
        figures = self.figures(job, reason)
        if starts_at != NEVER:
            figures["time_seconds"] = starts_at - self.snapshot.now_seconds
        if behind != NEVER:
            figures["ahead"] = name_of(self.snapshot.tree.group_of(self.jobs[behind].path))
        return Wait(
            job_id=job.id,
            reason=reason,
            sentence=say_wait(reason, figures),
            starts_by=None if starts_at == NEVER else starts_at,
            behind_job_id=None if behind == NEVER else self.jobs[behind].id,
            figures=figures,
        )

    def figures(self, job: PendingJob, reason: WaitReason) -> dict[str, int | str]:
        """Return what the sentence of a reason rests on."""
        snapshot = self.snapshot
        group = snapshot.tree.get_group(job.path)
        capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
        figures: dict[str, int | str] = {
            "nodes": job.nodes,
            "free": max(0, int(self.board.settings[boards.FREE])),
            "capacity": capacity,
            "group": name_of(group.path),
            "time_limit_seconds": job.time_limit_seconds,
        }
        is_head = reason is WaitReason.HEAD
        if reason is WaitReason.CAPACITY or (is_head and waits_for_capacity(snapshot, job)):
            figures |= reduction_figures(snapshot, job)
        if reason is WaitReason.TOO_WIDE:
            figures["widest"] = group.widest_job_nodes
        if reason is WaitReason.TOO_LONG:
            limits = (self.policy.max_time_limit_seconds, self.policy.unpreemptible_limit_seconds)
            figures["limit_seconds"] = limits[0] if job.preemptible else min(limits)
        share = find_ceiling(job, snapshot, self.running) if reason is WaitReason.CEILING else None
        if share is not None:
            figures["share"] = name_of(share.path)
            figures["used"] = self.running.get(share.path, 0)
            figures["ceiling"] = share.ceiling_nodes(capacity)
        return figures
