"""Who goes first: among groups by what they are owed, inside a group by usage, then submission.

Inside a group, whoever is over their quota goes after all who are not.

Numba-subset Python (see `compiled.py`).
"""

from typing import Any

from allmende.domain.scheduling.boards import (
    BACKFILL,
    CAPACITY_NOW,
    CONSERVATIVE,
    DECISION,
    EXPLAINS,
    FORESEEN,
    HAS_CEILINGS,
    HELD_BACK,
    LONGEST,
    MICRO,
    NEVER,
    NO_NODES,
    NOT_PRESSING,
    NOW,
    PREEMPTION,
    STARTS,
    Board,
    Groups,
)
from allmende.domain.scheduling.profiles import occupy_forever
from allmende.domain.scheduling.running import build_profile
from allmende.domain.scheduling.waiting import (
    find_fitting,
    first_leaf,
    first_undecided,
    leaf_keys,
    may_fit,
    usage_key,
)


def begin(board: Board) -> None:
    """Begin a decision: what every group may claim now, and whose claim is pressing."""
    groups, settings = board.groups, board.settings
    settings[DECISION] += 1
    settings[STARTS] = 0
    settings[HELD_BACK] = 0
    board.profile.used[0] = 0
    board.reservations.used[0] = 0
    largest = largest_capacity(board)
    for g in range(groups.rates.size):
        groups.claims[g] = groups.shares[g] * settings[CAPACITY_NOW]
        groups.targets[g] = groups.shares[g] * largest // MICRO + groups.widest[g]
        waiting = waiting_nodes(board, g)
        groups.rates[g] = min(groups.claims[g], (groups.running[g] + waiting) * MICRO)
        groups.left[g] = groups.running[g]
        groups.kept[g] = 0
        groups.done[g] = 0
        groups.pressing[g] = NOT_PRESSING
        groups.heads[g] = NEVER
        if waiting == 0:
            groups.lags[g] = 0
        elif groups.pressing_since[g] != NEVER:
            groups.pressing[g] = 0


def largest_capacity(board: Board) -> Any:
    """Return the most nodes that any job starting now could see in service.

    Targets go by it: else a job lent out while capacity is reduced could stand in the way later.
    """
    settings, changes = board.settings, board.changes
    largest = settings[CAPACITY_NOW]
    for i in range(settings[FORESEEN]):
        if changes[2 * i] < settings[NOW] + settings[LONGEST]:
            largest = max(largest, changes[2 * i + 1])
    return largest


def line_up(board: Board) -> None:
    """Find the head of every group, and lay out the time ahead where more than heads must fit."""
    groups, settings = board.groups, board.settings
    needs_profile = settings[EXPLAINS] or settings[PREEMPTION] or settings[FORESEEN] > 0
    for g in range(groups.heads.size):
        find_head(board, g)
        needs_profile = needs_profile or groups.pressing[g] != NOT_PRESSING
    take_turns(board)
    if needs_profile or settings[BACKFILL] == CONSERVATIVE:
        build_profile(board)


def take_turns(board: Board) -> None:
    """Give pressing groups their turns: longest pressing, then larger lag, then submission."""
    groups, ranks = board.groups, board.jobs.ranks
    for g in range(groups.pressing.size):
        if groups.pressing[g] == NOT_PRESSING:
            continue
        turn = 0
        for other in range(groups.pressing.size):
            if other == g or groups.pressing[other] == NOT_PRESSING:
                continue
            comparison = compare_lags(groups, other, g)
            if groups.pressing_since[other] != groups.pressing_since[g]:
                turn += groups.pressing_since[other] < groups.pressing_since[g]
            elif comparison != 0:
                turn += comparison > 0
            else:
                turn += ranks[groups.heads[other]] < ranks[groups.heads[g]]
        groups.pressing[g] = turn


def compare_lags(groups: Groups, a: Any, b: Any) -> Any:
    """Return 1, 0 or -1: whether lag ÷ guarantee of a is larger than that of b; exact."""
    share_a, share_b = max(1, groups.shares[a]), max(1, groups.shares[b])
    whole = groups.lags[a] // share_a - groups.lags[b] // share_b
    rest = (groups.lags[a] % share_a) * share_b - (groups.lags[b] % share_b) * share_a
    if whole != 0:
        return 1 if whole > 0 else -1
    return 1 if rest > 0 else (-1 if rest < 0 else 0)


def waiting_nodes(board: Board, g: Any) -> Any:
    """Return the nodes that a group's pending jobs ask for, as far as no ceiling bars them now."""
    if not board.settings[HAS_CEILINGS]:
        return board.groups.waiting[g]
    nodes, leaves = 0, board.leaves
    for place in range(board.groups.first[g], board.groups.first[g] + board.groups.active[g]):
        leaf = board.heap[place]
        most = most_nodes(board, leaf)
        for slot in range(leaves.firsts[leaf], leaves.ends[leaf]):
            j = board.queues.jobs[leaves.offsets[leaf] + slot]
            if j != NEVER and board.jobs.nodes[j] <= most:
                nodes += board.jobs.nodes[j]
    return nodes


def most_nodes(board: Board, leaf: Any) -> Any:
    """Return how many more nodes a leaf may use before it meets a ceiling above it."""
    most = NO_NODES
    if board.settings[HAS_CEILINGS]:
        place = board.leaves.lower[leaf]
        while place >= 0:
            most = min(most, board.tree.ceilings[place] - board.tree.running[place])
            place = board.tree.parents[place]
    return most


def find_head(board: Board, g: Any) -> None:
    """Note the first undecided job of a group, or `NEVER`."""
    groups, leaves = board.groups, board.leaves
    best = NEVER
    if not board.settings[HAS_CEILINGS] and board.settings[BACKFILL] != CONSERVATIVE:
        leaf = first_leaf(board, g)  # nobody is ever passed over here: the heap knows
        if leaf != NEVER:
            best = board.queues.jobs[leaves.offsets[leaf] + leaves.firsts[leaf]]
        groups.heads[g] = best
        return
    best_keys = (0, 0, 0, 0)
    for place in range(groups.first[g], groups.first[g] + groups.active[g]):
        leaf = board.heap[place]
        j = first_undecided(board, leaf)
        if j != NEVER:
            keys = leaf_keys(board, leaf)
            if best == NEVER or is_first(board, (keys, j), (best_keys, best)):
                best, best_keys = j, keys
    groups.heads[g] = best


def find_first(board: Board, g: Any) -> Any:
    """Return the first job of a group that fits under the stairs, or `NEVER`."""
    groups = board.groups
    best, best_keys = NEVER, (0, 0, 0, 0)
    for place in range(groups.first[g], groups.first[g] + groups.active[g]):
        leaf = board.heap[place]
        most = most_nodes(board, leaf)
        if not may_fit(board, 2 * board.leaves.offsets[leaf] + 1, most):
            continue
        keys = leaf_keys(board, leaf)
        if best != NEVER and keys > best_keys:
            continue
        j = find_fitting(board, leaf, most)
        if j != NEVER and (best == NEVER or is_first(board, (keys, j), (best_keys, best))):
            best, best_keys = j, keys
    return best


def is_first(board: Board, a: Any, b: Any) -> Any:
    """Compare two jobs by the keys of their leaves, then by submission."""
    if a[0] != b[0]:
        return a[0] < b[0]
    return board.jobs.ranks[a[1]] < board.jobs.ranks[b[1]]


def set_kept(board: Board, g: Any, nodes: Any) -> None:
    """Keep so many nodes for a group from now on, instead of what was kept before."""
    more = nodes - board.groups.kept[g]
    if more != 0:
        occupy_forever(board.profile, more)
        board.groups.kept[g] = nodes
        board.settings[HELD_BACK] += more


def first_group(board: Board, heads_only: Any) -> Any:
    """Return the group whose job goes first, or `NEVER`."""
    groups = board.groups
    best = NEVER
    for g in range(groups.heads.size):
        if groups.heads[g] == NEVER or (heads_only and groups.done[g]):
            continue
        if best == NEVER or goes_before(board, g, best):
            best = g
    return best


def class_of(groups: Groups, g: Any) -> Any:
    """Return 0 owed and below its rate, 1 owed, 2 not owed."""
    if groups.running[g] * MICRO < groups.rates[g]:
        return 0
    return 1 if groups.lags[g] > 0 else 2


def goes_before(board: Board, a: Any, b: Any) -> Any:
    """Say whether group a goes before group b: class, then lag or usage, then submission."""
    groups = board.groups
    urgency = class_of(groups, a)
    if urgency != class_of(groups, b):
        return urgency < class_of(groups, b)
    if urgency == 2:
        keys_a, keys_b = group_keys(board, a), group_keys(board, b)
        if keys_a != keys_b:
            return keys_a < keys_b
    else:
        comparison = compare_lags(groups, a, b)
        if comparison != 0:
            return comparison > 0
    return board.jobs.ranks[groups.heads[a]] < board.jobs.ranks[groups.heads[b]]


def group_keys(board: Board, g: Any) -> Any:
    """Return the usage ÷ weight of the group, and before it of what stands above it, if any."""
    place = board.groups.places[g]
    above = board.tree.parents[place]
    return (usage_key(board, above) if above >= 0 else 0, usage_key(board, place))
