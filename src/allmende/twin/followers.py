"""Jobs in virtual time that join the queue later than they were submitted, and when they do.

Numba-subset Python (see `allmende.domain.scheduling.compiled`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allmende.domain.scheduling.boards import NEVER, Board
from allmende.domain.scheduling.waiting import push
from allmende.twin.ends import Ends, pop_end, push_end

Ints = NDArray[np.int64]
LATEST = 1 << 62
BY_ITSELF, LATER = -1, -2
DUE, PUSHED = range(2)


class Followers(NamedTuple):
    """Who waits for whose end, or for an instant; all empty where nobody does."""

    predecessors: Ints  # place of the job that each waits for, `BY_ITSELF`, or `LATER`
    begins: Ints  # where the followers of each job begin in `jobs`
    jobs: Ints
    think_seconds: Ints
    eligible: Ints  # from when on each may start; -1 until that is known
    due: Ends  # who waits only for the instant from which they may start
    counts: Ints  # how many are due; how many jobs have joined the queue


NO_INTS = np.zeros(0, dtype=np.int64)
NOBODY_FOLLOWS = Followers(*(NO_INTS,) * 5, Ends(NO_INTS, NO_INTS), np.zeros(2, dtype=np.int64))


def line_up_followers(
    predecessors: Ints, think_seconds: Ints, arrivals: Ints, eligible: Ints
) -> Followers:
    """Return the followers by whom they wait for; `predecessors` are places, or -1.

    One without a predecessor may be `eligible` later than it arrives.
    """
    kinds = np.where((predecessors == BY_ITSELF) & (eligible > arrivals), LATER, predecessors)
    jobs = np.argsort(predecessors, kind="stable")
    jobs = jobs[predecessors[jobs] >= 0]
    later = np.flatnonzero(kinds == LATER)
    later = later[np.argsort(eligible[later], kind="stable")]  # what is sorted is a heap
    room = jobs.size + later.size + 1
    due = Ends(np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64))
    due.seconds[: later.size], due.jobs[: later.size] = eligible[later], later
    return Followers(
        predecessors=kinds,
        begins=np.searchsorted(predecessors[jobs], np.arange(arrivals.size + 1)).astype(np.int64),
        jobs=jobs.astype(np.int64),
        think_seconds=think_seconds,
        eligible=np.where(predecessors >= 0, NEVER, eligible),
        due=due,
        counts=np.array([later.size, 0], dtype=np.int64),
    )


def next_arrival(followers: Followers, arrivals: Any, arrived: Any) -> Any:
    """Return when the next job joins the queue."""
    second = arrivals[arrived] if arrived < arrivals.size else LATEST
    if followers.counts[DUE] > 0:
        second = min(second, followers.due.seconds[0])
    return second


def release(followers: Followers, arrivals: Any, j: Any, now: Any) -> None:
    """A job ended: say from when on those that waited for it may start."""
    if followers.begins.size == 0:
        return
    for i in range(followers.begins[j], followers.begins[j + 1]):
        follower = followers.jobs[i]
        second = max(arrivals[follower], now + followers.think_seconds[follower])
        followers.eligible[follower] = second
        followers.counts[DUE] = push_end(followers.due, followers.counts[DUE], second, follower)


def arrive(board: Board, followers: Followers, arrivals: Any, arrived: Any, now: Any) -> Any:
    """Let join the queue who comes now: those just submitted, then those who were held.

    Return the next to come by its own submission.
    """
    has_followers = followers.begins.size > 0
    while arrived < arrivals.size and arrivals[arrived] <= now:
        if not has_followers:
            push(board, arrived)
        elif not is_held(followers, arrived):
            join(board, followers, arrived)
        arrived += 1
    # The submission of one that joins later is no event.
    while has_followers and arrived < arrivals.size and is_held(followers, arrived):
        arrived += 1
    while followers.counts[DUE] > 0 and followers.due.seconds[0] <= now:
        j = followers.due.jobs[0]
        followers.counts[DUE] = pop_end(followers.due, followers.counts[DUE])
        join(board, followers, j)
    return arrived


def is_held(followers: Followers, j: Any) -> Any:
    """Say whether a job joins later than it was submitted."""
    return followers.predecessors[j] != BY_ITSELF


def join(board: Board, followers: Followers, j: Any) -> None:
    """Let a job wait behind all that joined before it."""
    board.jobs.ranks[j] = followers.counts[PUSHED]
    followers.counts[PUSHED] += 1
    push(board, j)
