"""Preemption in virtual time: who may be stopped, who is, and what is left of its work.

A job saves a checkpoint every so many seconds of running. Stopped, it ends after its grace, loses
what it did since the last checkpoint, and waits again by its submission. Numba-subset Python (see
`allmende.domain.scheduling.compiled`); nothing here happens where nobody is ever stopped.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allmende.domain.scheduling.boards import (
    BORROWERS,
    CAPACITY_NOW,
    MICRO,
    NEVER,
    NOW,
    PREEMPTION,
    RUNNING,
    Board,
)
from allmende.domain.scheduling.compiled import pack_columns
from allmende.domain.scheduling.orders import waiting_nodes
from allmende.domain.scheduling.running import enlist, strike
from allmende.domain.scheduling.waiting import push_again
from allmende.twin.followers import NOBODY_FOLLOWS, Followers

Ints = NDArray[np.int64]

EVERY, CUTS = range(2)  # seconds between checkpoints, 0 where nobody is stopped; rows of `cut`
NO_CHECKPOINT = 1 << 40  # longer than any job runs: all that was done since its start is lost


class Attempts(NamedTuple):
    """The attempt that each job of a board makes now, or made last."""

    begun: Ints  # when, or `NEVER` for a job that waits; what was done before is saved
    ends_by: Ints  # when its nodes come free at the latest, as the kernel was told
    rests: Ints  # seconds of work that were left when it began
    graces: Ints
    stoppable: Ints  # 1, or 0 for one that is never stopped, or is being stopped


class Works(NamedTuple):
    """What the world knows of the jobs on a board, and the kernel does not: when they come and end.

    In order of arrival, job for job as on the board.
    """

    arrivals: Ints
    seconds: Ints  # how long each really runs
    starts: Ints  # what came of it: the first start
    attempts: Any  # packed `Attempts`; empty where nobody is ever stopped
    cut: Ints  # attempts that were cut short: job, begin, end
    rules: Ints  # indexed by the names above
    followers: Followers = NOBODY_FOLLOWS


def make_works(
    arrivals: Ints,
    seconds: Ints,
    *,
    followers: Followers = NOBODY_FOLLOWS,
    checkpoint_every_seconds: int = 0,
    room_for_cuts: int = 0,
) -> Works:
    """Return works none of which has begun; without checkpoints nobody is ever stopped."""
    count = arrivals.size if checkpoint_every_seconds else 0
    attempts = Attempts(
        begun=np.full(count, NEVER, dtype=np.int64),
        ends_by=np.full(count, NEVER, dtype=np.int64),
        rests=seconds[:count].copy(),
        graces=np.zeros(count, dtype=np.int64),
        stoppable=np.ones(count, dtype=np.int64),
    )
    return Works(
        arrivals=arrivals,
        seconds=seconds,
        starts=np.full(arrivals.size, NEVER, dtype=np.int64),
        attempts=pack_columns(attempts),
        cut=np.zeros((room_for_cuts, 3), dtype=np.int64),
        rules=np.array([checkpoint_every_seconds, 0], dtype=np.int64),
        followers=followers,
    )


def begin_attempt(board: Board, works: Works, j: Any) -> Any:
    """Note that a job starts now; return when it really ends."""
    now, attempts = board.settings[NOW], works.attempts
    if works.starts[j] == NEVER:
        works.starts[j] = now
    if works.rules[EVERY] == 0:
        return now + works.seconds[j]
    attempts.begun[j] = now
    attempts.ends_by[j] = now + board.jobs.limits[j]
    return now + attempts.rests[j]


def enlisted_end(board: Board, works: Works, j: Any) -> Any:
    """Return the end with which the kernel knows a running job."""
    if works.rules[EVERY] == 0:
        return works.starts[j] + board.jobs.limits[j]
    return works.attempts.ends_by[j]


def end_attempt(board: Board, works: Works, j: Any) -> Any:
    """Say whether a job that ends now has done its work; if it was cut short, it waits again."""
    if works.rules[EVERY] == 0:
        return True
    attempts, now = works.attempts, board.settings[NOW]
    ran = now - attempts.begun[j]
    if ran >= attempts.rests[j]:
        return True
    attempts.rests[j] -= ran - ran % works.rules[EVERY]
    attempts.stoppable[j] = 1
    if works.cut.shape[0] > 0:
        row = works.rules[CUTS]
        works.cut[row, 0] = j
        works.cut[row, 1] = attempts.begun[j]
        works.cut[row, 2] = now
        works.rules[CUTS] = row + 1
    attempts.begun[j] = NEVER
    push_again(board, j)
    return False


def has_room(works: Works, running: Any) -> Any:
    """Say whether so many attempts could be noted if all were cut short at once."""
    return works.cut.shape[0] == 0 or works.rules[CUTS] + running <= works.cut.shape[0]


def next_pressing(board: Board, works: Works, until: Any) -> Any:
    """Return when the next claim becomes pressing, if before: then others may have to stop.

    Without preemption nothing would come of it before nodes come free.
    """
    if works.rules[EVERY] == 0:
        return until
    groups, now = board.groups, board.settings[NOW]
    for g in range(groups.lags.size):
        if groups.claims[g] > 0 and groups.pressing_since[g] == NEVER and groups.waiting[g] > 0:
            demand = (groups.running[g] + waiting_nodes(board, g)) * MICRO
            missing = min(groups.claims[g], demand) - groups.running[g] * MICRO
            if missing > 0:
                seconds = (groups.thresholds[g] - groups.lags[g]) // missing + 1
                until = min(until, now + max(1, seconds))
    return until


def line_up_borrowers(board: Board, works: Works) -> None:
    """Rank who may be stopped, least work lost per freed node first, if anybody is owed."""
    if works.rules[EVERY] == 0:
        return
    rows, jobs, count = board.borrowers, board.jobs, 0
    if is_anybody_owed(board):
        for i in range(board.settings[RUNNING]):
            j = board.running.jobs[i]
            if works.attempts.stoppable[j] and jobs.freed[j] > 0:
                rows.jobs[count] = j
                count += 1
    rank(board, works, count)
    for b in range(count):
        j = rows.jobs[b]
        rows.groups[b] = jobs.groups[j]
        rows.nodes[b] = jobs.nodes[j]
        rows.freed[b] = jobs.freed[j]
        rows.ends[b] = works.attempts.ends_by[j]
        rows.ranks[b] = jobs.ranks[j]
        rows.graces[b] = works.attempts.graces[j]
        rows.stopped_for[b] = NEVER
    board.settings[BORROWERS] = count
    board.settings[PREEMPTION] = count > 0  # a decision that stops nobody costs no more than others


def is_anybody_owed(board: Board) -> Any:
    """Say whether a group waits that is below its claim, or whose claim is pressing."""
    groups, capacity = board.groups, board.settings[CAPACITY_NOW]
    for g in range(groups.shares.size):
        if groups.shares[g] > 0 and groups.waiting[g] > 0:
            if groups.running[g] * MICRO < groups.shares[g] * capacity:
                return True
            if groups.pressing_since[g] != NEVER:
                return True
    return False


def rank(board: Board, works: Works, count: Any) -> None:
    """Sort the first borrowers, in place and without memory (Shell 1959)."""
    listed, gap = board.borrowers.jobs, count // 2
    while gap > 0:
        for i in range(gap, count):
            j, place = listed[i], i
            while place >= gap and loses_less(board, works, j, listed[place - gap]):
                listed[place] = listed[place - gap]
                place -= gap
            listed[place] = j
        gap //= 2


def loses_less(board: Board, works: Works, a: Any, b: Any) -> Any:
    """Compare work lost per freed node, exactly and in 64 bits; then submission."""
    jobs = board.jobs
    lost_a = lost_seconds(board, works, a) * jobs.nodes[a]
    lost_b = lost_seconds(board, works, b) * jobs.nodes[b]
    whole = lost_a // jobs.freed[a] - lost_b // jobs.freed[b]
    rest = (lost_a % jobs.freed[a]) * jobs.freed[b] - (lost_b % jobs.freed[b]) * jobs.freed[a]
    if whole != 0:
        return whole < 0
    return rest < 0 if rest != 0 else jobs.ranks[a] < jobs.ranks[b]


def lost_seconds(board: Board, works: Works, j: Any) -> Any:
    """Return what a job would lose that stopped at once."""
    return (board.settings[NOW] - works.attempts.begun[j]) % works.rules[EVERY]


def ask_to_stop(board: Board, works: Works, b: Any) -> Any:
    """Let a borrower end within its grace, as the kernel decided; return when."""
    attempts, j = works.attempts, board.borrowers.jobs[b]
    gone = board.settings[NOW] + max(1, attempts.graces[j])
    strike(board, j, attempts.ends_by[j])
    enlist(board, j, gone)
    attempts.ends_by[j] = gone
    attempts.stoppable[j] = 0
    return gone
