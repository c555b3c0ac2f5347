"""Why a job cannot start now, read from the finished plan.

Numba-subset Python (see `compiled.py`); `explain.py` puts it in words.
"""

from typing import Any

from allmende.domain.scheduling.boards import (
    BACKFILL,
    CAPACITY,
    CEILING,
    FREE,
    NEVER,
    NO_BACKFILL,
    NODES_BUSY,
    OFF,
    UNDECIDED,
    Board,
)
from allmende.domain.scheduling.orders import most_nodes
from allmende.domain.scheduling.profiles import first_obstacle


def explain_rest(board: Board) -> None:
    """Give a verdict to every job that waits and has none yet."""
    leaves, groups, jobs = board.leaves, board.groups, board.jobs
    for g in range(groups.active.size):
        for place in range(groups.first[g], groups.first[g] + groups.active[g]):
            leaf = board.heap[place]
            most = most_nodes(board, leaf)
            for slot in range(leaves.firsts[leaf], leaves.ends[leaf]):
                j = board.queues.jobs[leaves.offsets[leaf] + slot]
                if j == NEVER or jobs.verdicts[j] != UNDECIDED:
                    continue
                if jobs.nodes[j] > most:
                    jobs.verdicts[j] = CEILING
                elif board.settings[BACKFILL] == NO_BACKFILL:
                    jobs.verdicts[j] = OFF
                else:
                    find_cause(board, j)


def find_cause(board: Board, j: Any) -> None:
    """Say whether nodes, a reservation or an announced reduction keep a job waiting."""
    jobs, kept = board.jobs, board.reservations
    jobs.verdicts[j] = CAPACITY
    if jobs.nodes[j] > board.settings[FREE]:
        jobs.verdicts[j] = NODES_BUSY
        return
    obstacle = first_obstacle(board.profile, 0, jobs.nodes[j], jobs.limits[j])
    assert obstacle != NEVER, "a job that fits and is in nobody's way has started"
    second = board.profile.seconds[obstacle]
    for r in range(kept.used[0]):
        if kept.starts[r] <= second < kept.ends[r]:
            jobs.verdicts[j] = kept.kinds[r]
            jobs.behind[j] = kept.jobs[r]
            return
