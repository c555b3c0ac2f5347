"""The kernel decides what starts, what yields, and why everything else waits.

`plan` is pure: the same snapshot and policy give the same plan on every platform, so a recorded
cycle can be replayed. What it decides, others carry out.
"""

from collections.abc import Sequence

from allmende.domain.scheduling import boards
from allmende.domain.scheduling.boards import Board
from allmende.domain.scheduling.clerks import Clerk
from allmende.domain.scheduling.compiled import decide
from allmende.domain.scheduling.demands import (
    Gate,
    count_places,
    count_running,
    group_states,
    measure_groups,
)
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
from allmende.domain.scheduling.shares import Share, ShareTree
from allmende.domain.scheduling.windows import is_divided, plan_divided

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


def plan(snapshot: Snapshot, policy: Policy) -> Plan:
    """Decide who starts now, who yields, and why everybody else waits."""
    if is_divided(snapshot):
        return plan_divided(snapshot, policy, plan_whole=_plan_whole)
    return _plan_whole(snapshot, policy)


def _plan_whole(snapshot: Snapshot, policy: Policy) -> Plan:
    """Plan on one set of nodes that are all alike and open to everybody."""
    leaves = count_running(snapshot.running)
    gate = Gate(snapshot, policy, count_places(leaves))
    bars = [gate.find_bar(job) for job in snapshot.pending]
    jobs = [job for job, bar in zip(snapshot.pending, bars, strict=True) if bar is None]
    jobs.sort(key=lambda job: (job.submitted_at_seconds, job.id))
    board = decide(lay_out(snapshot, policy, jobs), len(jobs))

    starts = _place(snapshot, jobs, board)
    started = {start.job_id for start in starts}
    for job in jobs:
        if job.id in started:
            leaves[job.path] = leaves.get(job.path, 0) + job.nodes
    after = Gate(snapshot, policy, count_places(leaves))
    clerk = Clerk(after, jobs, board)
    waits = tuple(
        clerk.say(job, bar)
        for job, bar in zip(snapshot.pending, bars, strict=True)
        if job.id not in started
    )
    assert len(starts) + len(waits) == len(snapshot.pending), "every job gets an answer"
    still_eligible = [job for job in jobs if job.id not in started and after.has_room(job)]
    return Plan(
        now_seconds=snapshot.now_seconds,
        starts=starts,
        preempts=_preempts(snapshot, jobs, board),
        waits=waits,
        reservations=_reservations(jobs, board),
        group_states=group_states(snapshot, policy, after.running, still_eligible),
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
