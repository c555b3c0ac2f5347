"""Time passes on a board: lags grow or shrink, usage is booked, claims become pressing.

The same as `fairness.advance`, on arrays. Numba-subset Python (see `compiled.py`).
"""

from typing import Any

from allmende.domain.scheduling.boards import (
    BOOKED,
    COUNTS_USAGE,
    EPOCH,
    HALF_LIFE,
    MICRO,
    NEVER,
    NOW,
    Board,
)
from allmende.domain.scheduling.orders import waiting_nodes
from allmende.domain.scheduling.usages import REBASE_HALF_LIVES, booked_usage
from allmende.domain.scheduling.waiting import refresh, sift_down


def advance(board: Board, until: Any) -> None:
    """Move the board to an instant; nothing has changed on it since the last decision."""
    groups, seconds = board.groups, until - board.settings[NOW]
    for g in range(groups.lags.size):
        if groups.claims[g] > 0:
            waiting = waiting_nodes(board, g)
            rate = min(groups.claims[g], (groups.running[g] + waiting) * MICRO)
            lag = groups.lags[g] + (rate - groups.running[g] * MICRO) * seconds
            lag = max(0, lag) if waiting > 0 else 0
            groups.lags[g] = lag
            groups.worst_lags[g] = max(groups.worst_lags[g], lag)
            if lag <= groups.thresholds[g]:
                groups.pressing_since[g] = NEVER
            elif groups.pressing_since[g] == NEVER:
                groups.pressing_since[g] = until
    board.settings[NOW] = until
    if board.settings[COUNTS_USAGE]:
        book(board, until)


def book(board: Board, until: Any) -> None:
    """Note what one node has booked since the epoch; begin a new epoch where it is over."""
    settings = board.settings
    epoch_seconds = REBASE_HALF_LIVES * settings[HALF_LIFE]
    while until - settings[EPOCH] >= epoch_seconds:
        settings[BOOKED] = booked_usage(epoch_seconds, settings[HALF_LIFE])
        begin_epoch(board)
        settings[EPOCH] += epoch_seconds
    settings[BOOKED] = booked_usage(until - settings[EPOCH], settings[HALF_LIFE])


def begin_epoch(board: Board) -> None:
    """Shift all usages, so that the numbers stay small; bring every heap up to date."""
    tree, groups = board.tree, board.groups
    begun = booked_usage(0, board.settings[HALF_LIFE])
    for place in range(tree.usages.size):
        since = board.settings[BOOKED] - tree.booked[place]
        tree.usages[place] = (tree.usages[place] + tree.running[place] * since) >> REBASE_HALF_LIVES
        tree.booked[place] = begun
    board.settings[BOOKED] = begun
    for g in range(groups.active.size):
        for place in range(groups.active[g]):
            refresh(board, board.heap[groups.first[g] + place])
        for place in range(groups.active[g] // 2, -1, -1):
            if place < groups.active[g]:
                sift_down(board, g, place)
