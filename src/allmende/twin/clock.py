"""Virtual time: jobs arrive, end, and the kernel decides, event by event.

At one instant all ends come before all arrivals, then one decision is made. Numba-subset Python:
`replay.py` runs it plain for a few jobs and compiled for many.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allmende.domain.scheduling.boards import (
    CAPACITY_NOW,
    CHANGES,
    FORESEEN,
    FREE,
    NEVER,
    NOW,
    STARTS,
    Board,
)
from allmende.domain.scheduling.lags import advance
from allmende.domain.scheduling.loops import decide
from allmende.domain.scheduling.running import add_running, strike
from allmende.twin.ends import Ends, pop_end, push_end
from allmende.twin.followers import (
    LATEST,
    NOBODY_FOLLOWS,
    Followers,
    arrive,
    next_arrival,
    release,
)

Ints = NDArray[np.int64]


class Works(NamedTuple):
    """What the world knows of the jobs on a board, and the kernel does not: when they come and end.

    In order of arrival, job for job as on the board.
    """

    arrivals: Ints
    seconds: Ints  # how long each really runs
    starts: Ints  # what came of it
    followers: Followers = NOBODY_FOLLOWS


# What `run` goes by, and where it stopped.
ARRIVED, RUNNING, LEFT, WANTED, UNTIL, DECIDES_FIRST = range(6)


def begin(
    *,
    arrived: int = 0,
    running: int = 0,
    left: int = 0,
    wanted: int = NEVER,
    until: int = LATEST,
    decides_first: bool = False,
) -> Ints:
    """Return the state from which `run` goes on.

    `arrived`: the next job to arrive; `running`: the ends on the heap; `left`: decisions that may
    be made; `wanted`: a job whose start ends the run; `until`: the last instant to be played;
    `decides_first`: whether a decision is due at the board's own instant.
    """
    return np.array([arrived, running, left, wanted, until, int(decides_first)], dtype=np.int64)


def run(board: Board, works: Works, ends: Ends, state: Ints) -> None:
    """Play on from where `state` stopped, until nothing is to come, or what is wanted happened."""
    arrived, running, left = state[ARRIVED], state[RUNNING], state[LEFT]
    wanted, jobs, followers = state[WANTED], board.jobs, works.followers
    if state[DECIDES_FIRST]:
        state[DECIDES_FIRST] = 0
        running = start_some(board, works, ends, running)
    while left > 0 and (wanted == NEVER or works.starts[wanted] == NEVER):
        now = next_arrival(followers, works.arrivals, arrived)
        if running > 0:
            now = min(now, ends.seconds[0])
        if board.settings[CHANGES] > 0:
            now = min(now, board.changes[0])
        if now == LATEST or now > state[UNTIL]:
            break
        advance(board, now)
        change_capacity(board, now)
        while running > 0 and ends.seconds[0] <= now:
            j = ends.jobs[0]
            running = pop_end(ends, running)
            strike(board, j, works.starts[j] + jobs.limits[j])
            add_running(board, j, -jobs.nodes[j])
            release(followers, works.arrivals, j, now)
        arrived = arrive(board, followers, works.arrivals, arrived, now)
        running = start_some(board, works, ends, running)
        left -= 1
    state[ARRIVED] = arrived
    state[RUNNING] = running
    state[LEFT] = left


def start_some(board: Board, works: Works, ends: Ends, running: Any) -> Any:
    """Decide, and let what starts run; return how many run."""
    decide(board)
    now = board.settings[NOW]
    for i in range(board.settings[STARTS]):
        j = board.start_order[i]
        works.starts[j] = now
        running = push_end(ends, running, now + works.seconds[j], j)
    return running


def change_capacity(board: Board, now: Any) -> None:
    """Let the announced changes of capacity that are due take effect."""
    settings, changes = board.settings, board.changes
    while settings[CHANGES] > 0 and changes[0] <= now:
        settings[FREE] += changes[1] - settings[CAPACITY_NOW]
        settings[CAPACITY_NOW] = changes[1]
        settings[CHANGES] -= 1
        settings[FORESEEN] = min(settings[FORESEEN], settings[CHANGES])
        for i in range(2 * settings[CHANGES]):
            changes[i] = changes[i + 2]
