"""Which borrowers yield their nodes: least work lost per freed node first, never more than needed.

Numba-subset Python: these functions run as they are, or compiled (see `compiled.py`).
"""

from typing import Any

from allmende.domain.scheduling.boards import MICRO, NOW, TARGET, Board
from allmende.domain.scheduling.profiles import (
    NEVER,
    copy_profile,
    earliest_start,
    level_at,
    release_earlier,
)
from allmende.domain.scheduling.running import find_place


def preempt_for_head(board: Board, j: Any) -> None:
    """Stop borrowers if that, and only that, brings a head's start within the response target."""
    jobs, profile, target = board.jobs, board.profile, board.settings[NOW] + board.settings[TARGET]
    place = earliest_start(profile, jobs.nodes[j], jobs.limits[j])
    if place != NEVER and profile.seconds[place] <= target:
        return
    copy_profile(profile, board.scratch)
    for b in range(board.borrowers.groups.size):
        if can_stop(board, b, j):
            stop(board, b, j)
            if starts_in_time(board, j, target):
                break
    is_enough = starts_in_time(board, j, target)
    for b in range(board.borrowers.groups.size - 1, -1, -1):
        if board.borrowers.stopped_for[b] == j:
            keep_running(board, b)
            if is_enough and not starts_in_time(board, j, target):
                stop(board, b, j)
    apply_stops(board, j)


def preempt_for_claim(board: Board, head: Any, needed: Any) -> None:
    """Stop borrowers until a pressing group has its claim within the response target."""
    target = board.settings[NOW] + board.settings[TARGET]
    if level_at(board.profile, target) >= needed:
        return
    copy_profile(board.profile, board.scratch)
    for b in range(board.borrowers.groups.size):
        if freed_in_time(board, head, target) >= needed:
            break
        if can_stop(board, b, head):
            stop(board, b, head)
    needed = min(needed, freed_in_time(board, head, target))
    for b in range(board.borrowers.groups.size - 1, -1, -1):
        if board.borrowers.stopped_for[b] == head:
            keep_running(board, b)
            if freed_in_time(board, head, target) < needed:
                stop(board, b, head)
    apply_stops(board, head)


def can_stop(board: Board, b: Any, j: Any) -> Any:
    """Say whether a job may be stopped: a borrower's, which then still has what it may claim."""
    borrowers, groups = board.borrowers, board.groups
    g = borrowers.groups[b]
    if borrowers.stopped_for[b] != NEVER or g == board.jobs.groups[j]:
        return False
    if given_nodes(board, b) == 0:
        return False  # a pressing group needs it for its target, and would take the nodes again
    if borrowers.ends[b] <= board.settings[NOW] + max(1, borrowers.graces[b]):
        return False
    return (groups.left[g] - borrowers.nodes[b]) * MICRO >= groups.rates[g]


def given_nodes(board: Board, b: Any) -> Any:
    """Return how many nodes others get when a borrower's job ends."""
    borrowers, running = board.borrowers, board.running
    place = find_place(board, borrowers.ends[b], borrowers.freed[b], borrowers.ranks[b])
    return board.jobs.given[running.jobs[place]]


def keep_running(board: Board, b: Any) -> None:
    """Take back the decision to stop a job."""
    board.borrowers.stopped_for[b] = NEVER
    board.groups.left[board.borrowers.groups[b]] += board.borrowers.nodes[b]


def stop(board: Board, b: Any, j: Any) -> None:
    """Stop a job for another."""
    board.borrowers.stopped_for[b] = j
    board.groups.left[board.borrowers.groups[b]] -= board.borrowers.nodes[b]


def apply_stops(board: Board, j: Any) -> Any:
    """Set the profile to what it is once the jobs stopped for j are gone; return when that is."""
    borrowers, latest = board.borrowers, board.settings[NOW]
    copy_profile(board.scratch, board.profile)
    for b in range(borrowers.groups.size):
        if borrowers.stopped_for[b] == j:
            gone = board.settings[NOW] + max(1, borrowers.graces[b])
            event = (borrowers.ends[b], borrowers.freed[b], borrowers.ranks[b])
            release_earlier(board.profile, event, gone, given_nodes(board, b))
            latest = max(latest, gone)
    return latest


def starts_in_time(board: Board, j: Any, target: Any) -> Any:
    """Say whether the stops made for a job let it start within the target or their grace."""
    latest = apply_stops(board, j)
    place = earliest_start(board.profile, board.jobs.nodes[j], board.jobs.limits[j])
    return place != NEVER and board.profile.seconds[place] <= max(target, latest)


def freed_in_time(board: Board, j: Any, target: Any) -> Any:
    """Return the nodes free by the target, or once the jobs stopped for j are gone."""
    latest = apply_stops(board, j)
    return level_at(board.profile, max(target, latest))
