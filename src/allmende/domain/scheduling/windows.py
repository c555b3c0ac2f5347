"""Windows and closures: a layer around the plan, which itself knows one set of like nodes.

An open window is planned as a small machine of its own, and the rest on what it leaves. Then every
start is given its nodes, none of which closes before the job ends at the latest.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from allmende.domain.scheduling.explain import say_wait
from allmende.domain.scheduling.fairness import FairnessState
from allmende.domain.scheduling.machine import CapacityChange, Window
from allmende.domain.scheduling.plans import (
    PendingJob,
    Plan,
    RunningJob,
    Snapshot,
    Start,
    Wait,
    WaitReason,
)
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import Share, ShareTree

PlanWhole = Callable[[Snapshot, Policy], Plan]


def is_divided(snapshot: Snapshot) -> bool:
    """Say whether not all nodes are open to everybody, or somebody waits for a window."""
    if snapshot.windows or snapshot.closures:
        return True
    return any(job.window_id for job in snapshot.pending)


def plan_divided(snapshot: Snapshot, policy: Policy, *, plan_whole: PlanWhole) -> Plan:
    """Plan every open window, then the rest, and give each start nodes that stay open for it."""
    barred: set[str] = set()
    while True:
        open_to_all = _bar(snapshot, barred)
        plans = _plan_parts(open_to_all, policy, plan_whole)
        order = [start.job_id for each in plans for start in each.starts]
        starts, unseated = _seat(open_to_all, order)
        if unseated is None:
            return _join(snapshot, plans, starts, barred)
        # Whoever asks for as many nodes for as long finds no seats either.
        barred |= {
            job.id
            for job in open_to_all.pending
            if job.nodes >= unseated.nodes
            and job.time_limit_seconds >= unseated.time_limit_seconds
            and job.window_id == unseated.window_id
        }


def rest_of(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without its windows: what everybody else waits and runs on."""
    windows = {window.id for window in snapshot.windows}
    return replace(
        snapshot,
        pending=tuple(
            job if not job.window_id else replace(job, eligible=False)
            for job in snapshot.pending
            if job.window_id not in windows
        ),
        running=tuple(job for job in snapshot.running if job.window_id not in windows),
        windows=(),
        closures=(),
    )


def reduction_figures(snapshot: Snapshot, job: PendingJob) -> dict[str, int | str]:
    """Return when fewer nodes will be there before the job is over, and how many."""
    now = snapshot.now_seconds
    found = snapshot.machine.find_reduction(from_seconds=now, seconds=job.time_limit_seconds)
    at, left = found or (now, snapshot.machine.capacity_at(now))
    return {"left": left, "reduction_seconds": at - now}


def waits_for_capacity(snapshot: Snapshot, job: PendingJob) -> bool:
    """Say whether a job could start now but for an announced reduction, whoever goes before it."""
    machine, now = snapshot.machine, snapshot.now_seconds
    ends_by = now + job.time_limit_seconds
    levels = [(now, machine.capacity_at(now)), *machine.list_changes_after(now)]
    fits_now, *fits_later = (
        job.nodes + _busy_at(snapshot, at) <= level for at, level in levels if at < ends_by
    )
    return fits_now and not all(fits_later)


def _busy_at(snapshot: Snapshot, second: int) -> int:
    count = snapshot.machine.count_in_service
    return sum(
        count(job.node_indices)
        for job in snapshot.running
        if second <= snapshot.now_seconds or job.ends_by_seconds > second
    )


def _bar(snapshot: Snapshot, barred: set[str]) -> Snapshot:
    pending = (replace(j, eligible=False) if j.id in barred else j for j in snapshot.pending)
    return replace(snapshot, pending=tuple(pending)) if barred else snapshot


def _plan_parts(snapshot: Snapshot, policy: Policy, plan_whole: PlanWhole) -> list[Plan]:
    """Return the plan of each window, then that of the rest."""
    room = _count_room(snapshot)
    plans = []
    for window in snapshot.windows:
        part = _part_of(snapshot, window, room)
        # Its jobs belong to one project: nobody is owed anything, so nobody yields.
        planned = plan_whole(part, replace(policy, preemption=False))
        started = {start.job_id for start in planned.starts}
        room -= sum(job.nodes for job in part.pending if job.id in started)
        plans.append(planned)
    return [*plans, plan_whole(rest_of(snapshot), policy)]


def _count_room(snapshot: Snapshot) -> int:
    """Return how many nodes may be started on; less than the windows have where jobs overrun."""
    machine = snapshot.machine
    usable = machine.capacity_at(snapshot.now_seconds) + sum(w.nodes for w in snapshot.windows)
    busy = sum(machine.count_in_service(job.node_indices) for job in snapshot.running)
    return max(0, min(usable, machine.nodes_in_service) - busy)


def _part_of(snapshot: Snapshot, window: Window, room: int) -> Snapshot:
    """Return a window as a small machine that nobody may use after its end."""
    pending = tuple(job for job in snapshot.pending if job.window_id == window.id)
    running = tuple(job for job in snapshot.running if job.window_id == window.id)
    busy = sum(snapshot.machine.count_in_service(job.node_indices) for job in running)
    now = snapshot.now_seconds
    changes = (
        CapacityChange(at_seconds=now, nodes=min(window.nodes, busy + room)),
        CapacityChange(at_seconds=window.ends_at_seconds, nodes=0),
    )
    jobs: tuple[PendingJob | RunningJob, ...] = (*pending, *running)
    groups = sorted({snapshot.tree.group_of(job.path) for job in jobs})
    return Snapshot(
        now_seconds=now,
        machine=replace(snapshot.machine, capacity_changes=changes),
        tree=ShareTree(
            shares=tuple(Share(path=group) for group in groups),
            group_depth=snapshot.tree.group_depth,
        ),
        pending=pending,
        running=running,
        fairness=FairnessState.begin(now),
    )


def _seat(snapshot: Snapshot, order: Sequence[str]) -> tuple[tuple[Start, ...], PendingJob | None]:
    """Give every start its nodes; return them, and the first job for which there are none.

    Nodes that close soonest go first, so that those that stay open are left for long jobs.
    """
    busy = {index for job in snapshot.running for index in job.node_indices}
    unusable = busy | snapshot.machine.drained
    free = [index for index in range(len(snapshot.machine.nodes)) if index not in unusable]
    closes = {index: _closes_at(snapshot, index) for index in free}
    jobs = {job.id: job for job in snapshot.pending}
    starts = []
    for job in (jobs[job_id] for job_id in order):
        ends_by = snapshot.now_seconds + job.time_limit_seconds
        usable = [index for index in free if ends_by <= closes[index]]
        if len(usable) < job.nodes:
            return (), job
        chosen = sorted(usable, key=lambda index: (closes[index], index))[: job.nodes]
        starts.append(Start(job.id, tuple(sorted(chosen))))
        free = [index for index in free if index not in chosen]
    return tuple(starts), None


def _closes_at(snapshot: Snapshot, index: int) -> float:
    """Return from when on nothing may run on a node; it is open again after the closure."""
    return min(
        (
            closure.starts_at_seconds
            for closure in snapshot.closures
            if index in closure.nodes and closure.ends_at_seconds > snapshot.now_seconds
        ),
        default=float("inf"),
    )


def _join(
    snapshot: Snapshot, plans: Sequence[Plan], starts: tuple[Start, ...], barred: set[str]
) -> Plan:
    """Return one plan; groups are measured on the rest, for a window is nobody's share of it."""
    *_, rest = plans
    jobs = {job.id: job for job in snapshot.pending}
    places = {job_id: place for place, job_id in enumerate(jobs)}
    waits = [
        _say_closed(snapshot, jobs[wait.job_id], wait) if wait.job_id in barred else wait
        for each in plans
        for wait in each.waits
    ]
    assert len(starts) + len(waits) == len(snapshot.pending), "every job gets an answer"
    return replace(
        rest,
        starts=starts,
        waits=tuple(sorted(waits, key=lambda wait: places[wait.job_id])),
        reservations=tuple(each for part in plans for each in part.reservations),
    )


def _say_closed(snapshot: Snapshot, job: PendingJob, wait: Wait) -> Wait:
    figures = {**wait.figures, **reduction_figures(snapshot, job)}
    reason = WaitReason.CAPACITY
    return replace(wait, reason=reason, sentence=say_wait(reason, figures), figures=figures)
