"""Who runs, in the order in which nodes come free at the limits; and what that leaves for others.

Two that end at the same second stay two, in order of (second, nodes, submission), as in EASY: what
a head takes is counted job by job. Numba-subset Python (see `compiled.py`).
"""

from typing import Any

from allmende.domain.scheduling.boards import (
    BACKFILL,
    BOOKED,
    CAPACITY_NOW,
    CONSERVATIVE,
    FORESEEN,
    FOREVER,
    FREE,
    HELD_BACK,
    NEVER,
    NO_NODES,
    NOT_PRESSING,
    NOW,
    RUNNING,
    STEPS,
    Board,
)
from allmende.domain.scheduling.profiles import Profile, find_event


def find_place(board: Board, end: Any, width: Any, rank: Any) -> Any:
    """Return the place of the first running job that does not end before this one."""
    running = board.running
    low, high = 0, board.settings[RUNNING]
    while low < high:
        middle = (low + high) // 2
        if running.ends[middle] != end:
            is_before = running.ends[middle] < end
        elif running.widths[middle] != width:
            is_before = running.widths[middle] < width
        else:
            is_before = running.ranks[middle] < rank
        if is_before:
            low = middle + 1
        else:
            high = middle
    return low


def enlist(board: Board, j: Any, end: Any) -> None:
    """Put a job among those that run, until its limit."""
    running, width, rank = board.running, board.jobs.freed[j], board.jobs.ranks[j]
    place = find_place(board, end, width, rank)
    assert board.settings[RUNNING] < running.ends.size, "there is room for everybody who runs"
    for i in range(board.settings[RUNNING], place, -1):
        running.ends[i] = running.ends[i - 1]
        running.widths[i] = running.widths[i - 1]
        running.ranks[i] = running.ranks[i - 1]
        running.jobs[i] = running.jobs[i - 1]
    running.ends[place] = end
    running.widths[place] = width
    running.ranks[place] = rank
    running.jobs[place] = j
    board.settings[RUNNING] += 1
    board.settings[FREE] -= width


def strike(board: Board, j: Any, end: Any) -> None:
    """Take a job that ended out of those that run; `end` is what it was enlisted with."""
    running, width = board.running, board.jobs.freed[j]
    place = find_place(board, end, width, board.jobs.ranks[j])
    assert running.jobs[place] == j, "who ends was running"
    board.settings[RUNNING] -= 1
    for i in range(place, board.settings[RUNNING]):
        running.ends[i] = running.ends[i + 1]
        running.widths[i] = running.widths[i + 1]
        running.ranks[i] = running.ranks[i + 1]
        running.jobs[i] = running.jobs[i + 1]
    board.settings[FREE] += width


def add_running(board: Board, j: Any, nodes: Any) -> None:
    """Count more (or fewer) running nodes in every place above a job."""
    tree, booked = board.tree, board.settings[BOOKED]
    place = board.leaves.lower[board.jobs.leaves[j]]
    while place >= 0:
        tree.usages[place] += tree.running[place] * (booked - tree.booked[place])
        tree.booked[place] = booked
        tree.running[place] += nodes
        place = tree.parents[place]
    board.groups.running[board.jobs.groups[j]] += nodes


def build_profile(board: Board) -> None:
    """Lay out how many nodes are free from each coming event on, and what each job gives."""
    profile, running, groups = board.profile, board.running, board.groups
    changes, now = board.changes, board.settings[NOW]
    # A pressing group keeps its target: only what runs beyond it is for others.
    for g in range(groups.left.size):
        groups.left[g] = FOREVER
        if groups.pressing[g] != NOT_PRESSING:
            groups.left[g] = max(0, groups.running[g] - groups.targets[g])
    profile.used[1] = board.settings[BACKFILL] == CONSERVATIVE
    level, capacity = board.settings[FREE], board.settings[CAPACITY_NOW]
    add_event(profile, 0, (now, 0, NEVER), level)
    place, change = 1, 0
    for i in range(board.settings[RUNNING]):
        second = max(running.ends[i], now + 1)
        while change < board.settings[FORESEEN] and changes[2 * change] < second:
            # Wider than any job: what ends at that second ends before the change.
            level += changes[2 * change + 1] - capacity
            capacity = changes[2 * change + 1]
            add_event(profile, place, (changes[2 * change], NO_NODES, NEVER), level)
            place, change = place + 1, change + 1
        g = board.jobs.groups[running.jobs[i]]
        given = min(running.widths[i], groups.left[g])
        groups.left[g] -= given
        board.jobs.given[running.jobs[i]] = given
        level += running.widths[i]
        add_event(profile, place, (second, running.widths[i], running.ranks[i]), level)
        place += 1
    while change < board.settings[FORESEEN]:
        level += changes[2 * change + 1] - capacity
        capacity = changes[2 * change + 1]
        add_event(profile, place, (changes[2 * change], NO_NODES, NEVER), level)
        place, change = place + 1, change + 1
    profile.used[0] = place
    for g in range(groups.left.size):
        groups.left[g] = groups.running[g]


def hold_target(board: Board, g: Any) -> None:
    """Take what a group frees within its target out of the profile: from its turn on it keeps it.

    Groups whose turn was before may count on it.
    """
    profile, running, jobs = board.profile, board.running, board.jobs
    held, place = 0, 0
    for i in range(board.settings[RUNNING]):
        j, width = running.jobs[i], running.widths[i]
        if jobs.groups[j] == g and jobs.given[j] < width:
            second = max(running.ends[i], board.settings[NOW] + 1)
            until = find_event(profile, second, width, running.ranks[i])
            for event in range(place, until):
                profile.levels[event] -= held
            held, place = held + width - jobs.given[j], until
    for event in range(place, profile.used[0]):
        profile.levels[event] -= held


def add_event(profile: Profile, i: Any, event: tuple[Any, Any, Any], level: Any) -> None:
    """Write one event of the profile, (second, width, rank), and what is free from it on."""
    profile.seconds[i] = event[0]
    profile.widths[i] = event[1]
    profile.ranks[i] = event[2]
    profile.levels[i] = level


def reserve_alone(board: Board, nodes: Any) -> Any:
    """Make the stairs that the only reservation leaves, for so many nodes; return when it starts.

    The shadow time of EASY and the extra nodes beside it (Mu'alem, Feitelson 2001), without a
    profile: for one reservation it is enough to count who comes free.
    """
    running, stairs, now = board.running, board.stairs, board.settings[NOW]
    level, i = board.settings[FREE], 0
    while level < nodes:
        if i == board.settings[RUNNING]:
            return NEVER
        level += running.widths[i]
        i += 1
    stairs.seconds[0] = now
    stairs.nodes[0] = board.settings[FREE]
    stairs.seconds[1] = max(running.ends[i - 1], now + 1)
    stairs.nodes[1] = level - nodes
    board.settings[STEPS] = 2
    level_stairs(board)
    return stairs.seconds[1]


def make_stairs(board: Board) -> None:
    """Read from the profile how wide a job may be that starts now, by how long it runs."""
    profile, stairs = board.profile, board.stairs
    lowest, steps = FOREVER, 0
    for i in range(profile.used[0]):
        if profile.levels[i] < lowest:
            lowest = profile.levels[i]
            if steps == 0 or stairs.seconds[steps - 1] != profile.seconds[i]:
                stairs.seconds[steps] = profile.seconds[i]
                steps += 1
            stairs.nodes[steps - 1] = lowest
    board.settings[STEPS] = steps


def plain_stairs(board: Board) -> None:
    """Let everybody in who fits into the free nodes: nothing is reserved."""
    board.stairs.seconds[0] = board.settings[NOW]
    board.stairs.nodes[0] = board.settings[FREE] - board.settings[HELD_BACK]
    board.settings[STEPS] = 1


def take_stairs(board: Board, nodes: Any, until: Any) -> None:
    """Take so many nodes until a second from the stairs."""
    for step in range(board.settings[STEPS]):
        if board.stairs.seconds[step] < until:
            board.stairs.nodes[step] -= nodes
    level_stairs(board)


def level_stairs(board: Board) -> None:
    """Let no step allow more than the one before it."""
    nodes = board.stairs.nodes
    for step in range(1, board.settings[STEPS]):
        nodes[step] = min(nodes[step], nodes[step - 1])
