"""Boards: an empty one of a given size, and the one that a snapshot is decided on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from allmende.domain.scheduling import boards, running
from allmende.domain.scheduling.boards import NEVER, Board, ints
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Backfill, Policy
from allmende.domain.scheduling.profiles import Profile
from allmende.domain.scheduling.shares import NO_CEILING, Path, ShareTree

BACKFILL_CODES = {
    Backfill.NONE: boards.NO_BACKFILL,
    Backfill.EASY: boards.EASY,
    Backfill.CONSERVATIVE: boards.CONSERVATIVE,
}
# Usages are multiplied by (this ÷ weight) where the weights have no small common multiple.
LARGEST_SCALE = 1 << 12


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much a board must be able to hold."""

    jobs: int
    running: int
    changes: int = 0
    borrowers: int = 0
    reservations: int


@dataclass(frozen=True, kw_only=True)
class Places:
    """The numbers of places, groups and leaves on a board."""

    places: Mapping[Path, int]
    groups: Mapping[Path, int]
    leaves: Mapping[Path, int]


def number_places(tree: ShareTree, paths: Iterable[Path]) -> Places:
    """Give numbers to all groups, and to everything on the way to these leaves."""
    leaves = sorted(set(paths))
    groups = [share.path for share in tree.groups]
    on_the_way = {path[:depth] for path in (*leaves, *groups) for depth in range(1, len(path) + 1)}
    return Places(
        places={path: place for place, path in enumerate(sorted(on_the_way))},
        groups={path: place for place, path in enumerate(groups)},
        leaves={path: place for place, path in enumerate(leaves)},
    )


def make_board(tree: ShareTree, numbers: Places, policy: Policy, sizes: Sizes) -> Board:
    """Return a board on which nothing waits and nothing runs."""
    # Every leaf's part of the index doubles when it is three quarters full, and leaves the old one.
    slots = 6 * sizes.jobs + 8 * len(numbers.leaves)
    # An event for each job that runs or starts, one more if it is stopped; two for a reservation.
    room = 2 * sizes.running + 2 * sizes.reservations + sizes.changes + 4
    settings = ints(boards.SIZE)
    settings[boards.BACKFILL] = BACKFILL_CODES[Backfill(policy.backfill)]
    settings[boards.TARGET] = policy.response_seconds
    settings[boards.LONGEST] = policy.max_time_limit_seconds
    settings[boards.PREEMPTION] = int(policy.preemption)
    return Board(
        tree=_make_tree(tree, numbers),
        groups=_make_groups(tree, numbers),
        leaves=_make_leaves(tree, numbers),
        jobs=boards.Jobs._make(np.zeros(sizes.jobs, dtype=np.int64) for _ in boards.Jobs._fields),
        borrowers=make_borrowers(sizes.borrowers),
        reservations=boards.Reservations._make(
            np.zeros(sizes.reservations + 1, dtype=np.int64) for _ in range(6)
        ),
        running=boards.Running._make(ints(sizes.running + 1) for _ in range(4)),
        profile=_make_profile(room),
        scratch=_make_profile(room if policy.preemption else 1),
        stairs=boards.Stairs._make(np.zeros(room, dtype=np.int64) for _ in range(2)),
        queues=boards.Queues(
            nodes=np.zeros(2 * slots, dtype=np.int32),
            limits=np.zeros(2 * slots, dtype=np.int32),
            jobs=np.zeros(slots, dtype=np.int32),
        ),
        heap=ints(len(numbers.leaves)),
        start_order=np.zeros(sizes.jobs, dtype=np.int64),
        changes=ints(2 * sizes.changes),
        settings=settings,
    )


def make_borrowers(room: int) -> boards.Borrowers:
    """Return room for so many jobs that may be stopped."""
    return boards.Borrowers._make(ints(room) for _ in boards.Borrowers._fields)


def _make_profile(room: int) -> Profile:
    return Profile._make(np.zeros(room, dtype=np.int64) for _ in Profile._fields)


def _make_tree(tree: ShareTree, numbers: Places) -> boards.Tree:
    count = len(numbers.places)
    rows = boards.Tree._make(ints(count) for _ in boards.Tree._fields)
    for path, place in numbers.places.items():
        rows.parents[place] = numbers.places.get(path[:-1], NEVER)
        rows.ceilings[place] = NO_CEILING
    for depth in {len(path) for path in numbers.places}:  # only places of one depth are compared
        shares = {path: tree.find_share(path) for path in numbers.places if len(path) == depth}
        weights = {path: share.weight if share else 1 for path, share in shares.items()}
        common = gcd(*weights.values())
        scale = min(lcm(*(weight // common for weight in weights.values())), LARGEST_SCALE)
        for path, weight in weights.items():
            rows.scales[numbers.places[path]] = max(1, scale // (weight // common))
    return rows


def _make_groups(tree: ShareTree, numbers: Places) -> boards.Groups:
    rows = boards.Groups._make(ints(len(numbers.groups)) for _ in boards.Groups._fields)
    rows.pressing_since[:] = NEVER
    for place, share in enumerate(tree.groups):
        rows.places[place] = numbers.places[share.path]
        rows.shares[place] = share.guarantee_ppm
        rows.widest[place] = share.widest_job_nodes
    counts = Counter(tree.group_of(leaf) for leaf in numbers.leaves)
    first = 0
    for path, g in numbers.groups.items():
        rows.first[g] = first
        first += counts[path]
    return rows


def _make_leaves(tree: ShareTree, numbers: Places) -> boards.Leaves:
    rows = boards.Leaves._make(ints(len(numbers.leaves)) for _ in boards.Leaves._fields)
    rows.seen[:] = NEVER
    for path, leaf in numbers.leaves.items():
        rows.groups[leaf] = numbers.groups[tree.group_of(path)]
        below = [numbers.places[path[:d]] for d in range(tree.group_depth + 1, len(path) + 1)]
        below = (below or [numbers.places[path]])[:3]
        below += [below[-1]] * (3 - len(below))
        rows.upper[leaf], rows.middle[leaf], rows.lower[leaf] = below
    return rows


def set_ceilings(board: Board, tree: ShareTree, numbers: Places, capacity_nodes: int) -> None:
    """Write down how many nodes each place may use at once, of so many."""
    for share in tree.shares:
        ceiling = share.ceiling_nodes(capacity_nodes)
        if share.path in numbers.places and ceiling != NO_CEILING:
            board.tree.ceilings[numbers.places[share.path]] = ceiling
            board.settings[boards.HAS_CEILINGS] = 1


def rank_submissions(snapshot: Snapshot) -> dict[str, int]:
    """Return the place of every job, pending or running, by submission, then id."""
    jobs: list[PendingJob | RunningJob] = [*snapshot.pending, *snapshot.running]
    jobs.sort(key=lambda job: (job.submitted_at_seconds, job.id))
    ranks = {job.id: rank for rank, job in enumerate(jobs)}
    assert len(ranks) == len(jobs), "every job stands once in a snapshot"
    return ranks


def lay_out(
    snapshot: Snapshot,
    policy: Policy,
    eligible: Sequence[PendingJob],
    *,
    numbers: Places | None = None,
    to_come: int = 0,
) -> Board:
    """Return the board of a snapshot; its first jobs are the eligible ones, in that order.

    They come by submission, so that each leaf's queue is in order. None of them waits yet:
    `compiled.push_first` lets them. Behind the running jobs there is room for so many that are
    still to come, on the places of `numbers`.
    """
    machine, now = snapshot.machine, snapshot.now_seconds
    ranks = rank_submissions(snapshot)
    paths = [job.path for job in eligible] + [job.path for job in snapshot.running]
    numbers = numbers or number_places(snapshot.tree, paths)
    changes = machine.list_changes_after(now)
    everybody_reserves = policy.backfill is Backfill.CONSERVATIVE
    count = len(eligible) + len(snapshot.running) + to_come
    sizes = Sizes(
        jobs=count,
        running=min(len(machine.nodes), count),
        changes=len(changes),
        borrowers=len(rank_borrowers(snapshot)),
        # For the head of each group, and for what is kept for it while its claim is pressing.
        reservations=(count if everybody_reserves else 0) + 2 * len(numbers.groups),
    )
    board = make_board(snapshot.tree, numbers, policy, sizes)
    capacity = machine.capacity_at(now)
    board.settings[boards.NOW] = now
    board.settings[boards.EXPLAINS] = 1
    board.settings[boards.CAPACITY_NOW] = capacity
    board.settings[boards.FREE] = capacity
    board.settings[boards.CHANGES] = board.settings[boards.FORESEEN] = len(changes)
    board.changes[:] = [number for change in changes for number in change]
    set_ceilings(board, snapshot.tree, numbers, capacity)
    _lay_out_state(board, snapshot, numbers)
    _lay_out_jobs(board, snapshot, eligible, numbers, ranks)
    _lay_out_running(board, snapshot, first=len(eligible))
    _lay_out_borrowers(board, snapshot, numbers, ranks, first=len(eligible))
    return board


def _lay_out_jobs(
    board: Board,
    snapshot: Snapshot,
    eligible: Sequence[PendingJob],
    numbers: Places,
    ranks: Mapping[str, int],
) -> None:
    """Write down all jobs, column by column: first those that may wait, then those that run."""
    jobs, count = board.jobs, len(eligible)
    everybody: list[PendingJob | RunningJob] = [*eligible, *snapshot.running]
    known = len(everybody)
    jobs.leaves[:known] = [numbers.leaves[job.path] for job in everybody]
    jobs.groups[:known] = board.leaves.groups[jobs.leaves[:known]]
    jobs.ranks[:known] = [ranks[job.id] for job in everybody]
    jobs.starts_at[:known] = jobs.behind[:known] = NEVER
    jobs.nodes[:count] = [job.nodes for job in eligible]
    jobs.nodes[count:known] = [len(job.node_indices) for job in snapshot.running]
    jobs.freed[:] = jobs.nodes
    jobs.limits[:count] = [job.time_limit_seconds for job in eligible]


def _lay_out_state(board: Board, snapshot: Snapshot, numbers: Places) -> None:
    fairness = snapshot.fairness
    for path, usage in fairness.usages.items():
        if path in numbers.places:
            board.tree.usages[numbers.places[path]] = usage
    for path, g in numbers.groups.items():
        board.groups.lags[g] = fairness.lags.get(path, 0)
        board.groups.pressing_since[g] = fairness.pressing_since.get(path, NEVER)
    for path, leaf in numbers.leaves.items():
        board.leaves.demoted[leaf] = snapshot.is_demoted(path)


def _lay_out_running(board: Board, snapshot: Snapshot, *, first: int) -> None:
    jobs, ends = board.jobs, []
    for j, job in enumerate(snapshot.running, start=first):
        jobs.freed[j] = freed = snapshot.machine.count_in_service(job.node_indices)
        running.add_running(board, j, len(job.node_indices))
        ends.append((ends_by(job, snapshot.now_seconds), freed, int(jobs.ranks[j]), j))
    for end, _, _, j in sorted(ends):  # each behind those before it: nothing has to move
        running.enlist(board, j, end)


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


def _lay_out_borrowers(
    board: Board, snapshot: Snapshot, numbers: Places, ranks: Mapping[str, int], *, first: int
) -> None:
    rows, ranked = board.borrowers, rank_borrowers(snapshot)
    places = {job.id: j for j, job in enumerate(snapshot.running, start=first)}
    board.settings[boards.BORROWERS] = len(ranked)
    for b, job in enumerate(ranked):
        rows.jobs[b] = places[job.id]
        rows.groups[b] = numbers.groups[snapshot.tree.group_of(job.path)]
        rows.nodes[b] = len(job.node_indices)
        rows.freed[b] = snapshot.machine.count_in_service(job.node_indices)
        rows.ends[b] = ends_by(job, snapshot.now_seconds)
        rows.ranks[b] = ranks[job.id]
        rows.graces[b] = job.grace_seconds
        rows.stopped_for[b] = NEVER
