"""A snapshot as flat arrays: who goes in which order, and when which nodes come free."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from allmende.domain.scheduling import boards
from allmende.domain.scheduling.boards import Board
from allmende.domain.scheduling.fairness import GroupState
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Backfill, Policy
from allmende.domain.scheduling.profiles import NEVER, Ints, Profile
from allmende.domain.scheduling.shares import NO_CEILING, Path

BACKFILL_CODES = {
    Backfill.NONE: boards.NO_BACKFILL,
    Backfill.EASY: boards.EASY,
    Backfill.CONSERVATIVE: boards.CONSERVATIVE,
}


def rank_densely(keys: Mapping[Any, Any]) -> dict[Any, int]:
    """Return 0, 1, 2 … by key, smallest first; equal keys have equal ranks."""
    order = {key: rank for rank, key in enumerate(sorted(set(keys.values())))}
    return {name: order[key] for name, key in keys.items()}


def rank_usages(snapshot: Snapshot, places: Iterable[Path]) -> dict[Path, int]:
    """Return the rank of every place by decayed usage ÷ weight, level by level, smallest first."""
    weights = {share.path: share.weight for share in snapshot.tree.shares}
    scale = lcm(*weights.values())
    usages = snapshot.fairness.usages

    def key(path: Path) -> tuple[int, ...]:
        levels = (path[:depth] for depth in range(1, len(path) + 1))
        return tuple(usages.get(p, 0) * (scale // weights.get(p, 1)) for p in levels)

    return rank_densely({path: key(path) for path in places})


def rank_submissions(snapshot: Snapshot) -> dict[str, int]:
    """Return the place of every job, pending or running, by submission, then id."""
    jobs: list[PendingJob | RunningJob] = [*snapshot.pending, *snapshot.running]
    jobs.sort(key=lambda job: (job.submitted_at_seconds, job.id))
    ranks = {job.id: rank for rank, job in enumerate(jobs)}
    assert len(ranks) == len(jobs), "every job stands once in a snapshot"
    return ranks


def order_jobs(snapshot: Snapshot, eligible: Sequence[PendingJob]) -> list[PendingJob]:
    """Return the jobs group by group, within a group in the order they go."""
    groups = {share.path: place for place, share in enumerate(snapshot.tree.groups)}
    usage_ranks = rank_usages(snapshot, {job.path for job in eligible})

    def key(job: PendingJob) -> tuple[int, int, int, str]:
        group = groups[snapshot.tree.group_of(job.path)]
        return group, usage_ranks[job.path], job.submitted_at_seconds, job.id

    return sorted(eligible, key=key)


def ints(values: Iterable[int]) -> Ints:
    """Return an array of 64-bit integers."""
    return np.array(list(values), dtype=np.int64)


def lay_out(
    snapshot: Snapshot,
    policy: Policy,
    *,
    jobs: Sequence[PendingJob],
    groups: Sequence[GroupState],
    running: Mapping[Path, int],
) -> Board:
    """Return the board of a plan; `jobs` are eligible and ordered, `running` is by place."""
    ranks = rank_submissions(snapshot)
    tree, place_of = _lay_out_tree(snapshot, jobs, running)
    group_rows = _lay_out_groups(snapshot, jobs, groups, ranks)
    room = 2 * (len(jobs) + len(snapshot.running)) + len(snapshot.machine.capacity_changes) + 4
    profile = _lay_out_profile(snapshot, group_rows, ranks, room)
    settings = (
        snapshot.now_seconds,
        BACKFILL_CODES[Backfill(policy.backfill)],
        policy.response_target_seconds,
        int(policy.preemption),
        count_free(snapshot),
        0,
    )
    return Board(
        tree=tree,
        groups=group_rows,
        jobs=_lay_out_jobs(snapshot, jobs, place_of, ranks),
        borrowers=_lay_out_borrowers(snapshot, ranks),
        reservations=_make_reservations(room),
        profile=profile,
        scratch=Profile._make(array.copy() for array in profile),
        settings=ints(settings),
    )


def _make_reservations(room: int) -> boards.Reservations:
    return boards.Reservations._make(ints([0] * room) for _ in boards.Reservations._fields)


def count_free(snapshot: Snapshot) -> int:
    """Return how many nodes could be given out now."""
    machine = snapshot.machine
    busy = sum(machine.count_in_service(job.node_indices) for job in snapshot.running)
    return machine.capacity_at(snapshot.now_seconds) - busy


def _lay_out_tree(
    snapshot: Snapshot, jobs: Sequence[PendingJob], running: Mapping[Path, int]
) -> tuple[boards.Tree, dict[Path, int]]:
    leaves = {job.path for job in jobs}
    places = sorted({leaf[:depth] for leaf in leaves for depth in range(1, len(leaf) + 1)})
    place_of = {path: place for place, path in enumerate(places)}
    capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
    ceilings = {share.path: share.ceiling_nodes(capacity) for share in snapshot.tree.shares}
    rows = boards.Tree(
        parents=ints(place_of.get(path[:-1], NEVER) for path in places),
        ceilings=ints(ceilings.get(path, NO_CEILING) for path in places),
        running=ints(running.get(path, 0) for path in places),
    )
    return rows, place_of


def _lay_out_groups(
    snapshot: Snapshot,
    jobs: Sequence[PendingJob],
    groups: Sequence[GroupState],
    ranks: Mapping[str, int],
) -> boards.Groups:
    shares = {share.path: share for share in snapshot.tree.groups}
    capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
    names = [snapshot.tree.group_of(job.path) for job in jobs]
    first = {path: place for place, path in reversed(list(enumerate(names)))}
    last = {path: place + 1 for place, path in enumerate(names)}
    ratios = {
        g.path: -Fraction(g.lag_micronode_seconds, shares[g.path].guarantee_ppm or 1)
        for g in groups
    }
    lag_ranks = rank_densely(ratios)
    usage_ranks = rank_usages(snapshot, shares)
    since = snapshot.fairness.pressing_since
    pressing = [g.path for g in groups if g.is_pressing and g.path in first]
    pressing.sort(key=lambda path: (since[path], lag_ranks[path], ranks[jobs[first[path]].id]))
    return boards.Groups(
        rates=ints(g.rate_micronodes for g in groups),
        running=ints(g.running_nodes for g in groups),
        left=ints(g.running_nodes for g in groups),
        has_lag=ints(g.lag_micronode_seconds > 0 for g in groups),
        lag_ranks=ints(lag_ranks[g.path] for g in groups),
        usage_ranks=ints(usage_ranks[g.path] for g in groups),
        pressing=ints(
            pressing.index(g.path) if g.path in pressing else boards.NOT_PRESSING for g in groups
        ),
        targets=ints(shares[g.path].target_nodes(capacity) for g in groups),
        kept=ints(0 for _ in groups),
        cursors=ints(first.get(g.path, 0) for g in groups),
        last=ints(last.get(g.path, 0) for g in groups),
        done=ints(0 for _ in groups),
    )


def _lay_out_jobs(
    snapshot: Snapshot,
    jobs: Sequence[PendingJob],
    place_of: Mapping[Path, int],
    ranks: Mapping[str, int],
) -> boards.Jobs:
    groups = {share.path: place for place, share in enumerate(snapshot.tree.groups)}
    return boards.Jobs(
        groups=ints(groups[snapshot.tree.group_of(job.path)] for job in jobs),
        leaves=ints(place_of[job.path] for job in jobs),
        nodes=ints(job.nodes for job in jobs),
        limits=ints(job.time_limit_seconds for job in jobs),
        ranks=ints(ranks[job.id] for job in jobs),
        verdicts=ints(boards.UNDECIDED for _ in jobs),
        starts_at=ints(NEVER for _ in jobs),
        behind=ints(NEVER for _ in jobs),
        start_order=ints(NEVER for _ in jobs),
    )


def ends_by(job: RunningJob, now_seconds: int) -> int:
    """Return when a job's nodes come free at the latest; one that overruns may end any second."""
    return max(job.ends_by_seconds, now_seconds + 1)


def rank_borrowers(snapshot: Snapshot) -> list[RunningJob]:
    """Return the jobs that can be stopped, least work lost per freed node first."""
    now, machine = snapshot.now_seconds, snapshot.machine

    def key(job: RunningJob) -> tuple[Fraction, int, str]:
        lost = (now - job.saved_at_seconds) * len(job.node_indices)
        freed = machine.count_in_service(job.node_indices)
        return Fraction(lost, freed), job.submitted_at_seconds, job.id

    stoppable = (
        job
        for job in snapshot.running
        if job.preemptible and not job.is_stopping and machine.count_in_service(job.node_indices)
    )
    return sorted(stoppable, key=key)


def _lay_out_borrowers(snapshot: Snapshot, ranks: Mapping[str, int]) -> boards.Borrowers:
    groups = {share.path: place for place, share in enumerate(snapshot.tree.groups)}
    jobs = rank_borrowers(snapshot)
    return boards.Borrowers(
        groups=ints(groups[snapshot.tree.group_of(job.path)] for job in jobs),
        nodes=ints(len(job.node_indices) for job in jobs),
        freed=ints(snapshot.machine.count_in_service(job.node_indices) for job in jobs),
        ends=ints(ends_by(job, snapshot.now_seconds) for job in jobs),
        ranks=ints(ranks[job.id] for job in jobs),
        graces=ints(job.grace_seconds for job in jobs),
        stopped_for=ints(NEVER for _ in jobs),
    )


def _lay_out_profile(
    snapshot: Snapshot, groups: boards.Groups, ranks: Mapping[str, int], room: int
) -> Profile:
    now, machine = snapshot.now_seconds, snapshot.machine
    place_of = {share.path: place for place, share in enumerate(snapshot.tree.groups)}
    # A pressing group keeps its target: only what runs beyond it comes free for others.
    surplus = {
        g: int(max(0, groups.running[g] - groups.targets[g]))
        for g in range(len(place_of))
        if groups.pressing[g] != boards.NOT_PRESSING
    }
    events = []
    for job in snapshot.running:
        freed = machine.count_in_service(job.node_indices)
        events.append((ends_by(job, now), freed, ranks[job.id], freed, job))
    events.sort(key=lambda event: event[:3])
    rows = []
    for second, width, rank, freed, job in events:
        group = place_of[snapshot.tree.group_of(job.path)]
        given = min(freed, surplus.get(group, freed))
        if group in surplus:
            surplus[group] -= given
        rows.append((second, width, rank, given))
    capacity = machine.capacity_at(now)
    for second, level in machine.list_changes_after(now):
        # Wider than any job: what ends at that second ends before the change.
        rows.append((second, NO_CEILING, NEVER, level - capacity))
        capacity = level
    rows.sort(key=lambda row: row[:3])
    rows.insert(0, (now, 0, NEVER, count_free(snapshot)))
    size = len(rows)
    arrays = [ints([0] * room) for _ in Profile._fields]
    for column in range(3):
        arrays[column][:size] = [row[column] for row in rows]
    arrays[3][:size] = np.cumsum([row[3] for row in rows])
    arrays[4][0] = size
    return Profile._make(arrays)
