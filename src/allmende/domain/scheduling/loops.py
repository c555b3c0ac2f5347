"""The decisions of one plan, on flat arrays: order, start, reserve, backfill.

Numba-subset Python: these functions run as they are, or compiled (see `compiled.py`). The policy in
words is in docs/explanation/fairness.md; `layouts.py` makes the arrays.
"""

from typing import Any

from allmende.domain.scheduling.boards import (
    BACKFILL,
    CAPACITY,
    CEILING,
    CONSERVATIVE,
    FOREVER,
    FREE,
    HEAD,
    HEAD_UNDATED,
    KEPT,
    MICRO,
    NO_BACKFILL,
    NODES_BUSY,
    NOT_PRESSING,
    NOW,
    OFF,
    PREEMPTION,
    RESERVED_BEHIND,
    STARTED,
    STARTS,
    Board,
    Groups,
)
from allmende.domain.scheduling.profiles import (
    NEVER,
    before_all,
    earliest_start,
    first_obstacle,
    occupy,
    occupy_forever,
)
from allmende.domain.scheduling.yields import preempt_for_claim, preempt_for_head


def decide(board: Board) -> None:
    """Give every job on the board its verdict."""
    serve_pressing(board)
    serve_heads(board)
    note_claims(board)
    serve_rest(board)


def serve_pressing(board: Board) -> None:
    """Let pressing groups, in turn, take and keep free nodes up to their targets."""
    groups = board.groups
    for turn in range(groups.pressing.size):
        for g in range(groups.pressing.size):
            if groups.pressing[g] == turn:
                start_claim(board, g)
                if groups.cursors[g] < groups.last[g]:
                    keep_claim(board, g)


def start_claim(board: Board, g: Any) -> None:
    """Start the first jobs of a pressing group while they fit and are within its target."""
    groups, jobs = board.groups, board.jobs
    while groups.cursors[g] < groups.last[g]:
        j = groups.cursors[g]
        if not stays_below_ceilings(board, j):
            jobs.verdicts[j] = CEILING
        elif groups.running[g] + jobs.nodes[j] > groups.targets[g]:
            return
        elif first_obstacle(board.profile, 0, jobs.nodes[j], jobs.limits[j]) == NEVER:
            start(board, j, is_claim=True)
        else:
            return
        groups.cursors[g] += 1


def keep_claim(board: Board, g: Any) -> None:
    """Keep every node that comes free for a pressing group, up to its target."""
    groups, jobs = board.groups, board.jobs
    missing = max(0, groups.targets[g] - groups.running[g])
    if board.settings[PREEMPTION]:
        waiting = 0
        for j in range(groups.cursors[g], groups.last[g]):
            waiting += jobs.nodes[j]
        preempt_for_claim(board, groups.cursors[g], min(missing, waiting))
    set_kept(board, g, missing)


def set_kept(board: Board, g: Any, nodes: Any) -> None:
    """Keep so many nodes for a group from now on, instead of what was kept before."""
    occupy_forever(board.profile, nodes - board.groups.kept[g])
    board.groups.kept[g] = nodes


def serve_heads(board: Board) -> None:
    """Start heads in order; reserve for the head of every owed group and of the first other."""
    groups = board.groups
    while True:
        g = first_group(board, heads_only=True)
        if g == NEVER:
            return
        is_pressing = groups.kept[g] > 0
        set_kept(board, g, 0)  # what is kept for a group does not stand in its own way
        urgency = class_of(groups, g)
        serve_head(board, g)
        if is_pressing and (groups.done[g] or groups.cursors[g] < groups.last[g]):
            set_kept(board, g, max(0, groups.targets[g] - groups.running[g]))
        if groups.done[g] and urgency == 2:
            return


def serve_head(board: Board, g: Any) -> None:
    """Start the first job of a group, or reserve for it; then the group is done."""
    groups, jobs = board.groups, board.jobs
    j = groups.cursors[g]
    groups.cursors[g] += 1
    if not stays_below_ceilings(board, j):
        jobs.verdicts[j] = CEILING
    elif first_obstacle(board.profile, 0, jobs.nodes[j], jobs.limits[j]) == NEVER:
        start(board, j, is_claim=False)
    else:
        kept = 0
        if groups.pressing[g] != NOT_PRESSING:
            kept = max(0, groups.targets[g] - groups.running[g])
        elif class_of(groups, g) == 0 and board.settings[PREEMPTION]:
            preempt_for_head(board, j)
        place = earliest_start(board.profile, jobs.nodes[j], jobs.limits[j])
        if place == NEVER:
            jobs.verdicts[j] = HEAD_UNDATED
        else:
            reserve(board, j, place, max(0, jobs.nodes[j] - kept))
        groups.done[g] = 1


def note_claims(board: Board) -> None:
    """Write down what is kept for pressing groups, in the name of their heads."""
    groups = board.groups
    for g in range(groups.kept.size):
        if groups.kept[g] > 0:
            note_reservation(board, groups.cursors[g] - 1, FOREVER, groups.kept[g])


def serve_rest(board: Board) -> None:
    """Start whatever fits and leaves every reservation its nodes; say why the others wait."""
    groups, jobs = board.groups, board.jobs
    while True:
        g = first_group(board, heads_only=False)
        if g == NEVER:
            return
        j = groups.cursors[g]
        groups.cursors[g] += 1
        obstacle = first_obstacle(board.profile, 0, jobs.nodes[j], jobs.limits[j])
        if not stays_below_ceilings(board, j):
            jobs.verdicts[j] = CEILING
        elif board.settings[BACKFILL] == NO_BACKFILL:
            jobs.verdicts[j] = OFF
        elif obstacle == NEVER:
            start(board, j, is_claim=False)
        else:
            find_cause(board, j, obstacle)
            if board.settings[BACKFILL] == CONSERVATIVE:
                place = earliest_start(board.profile, jobs.nodes[j], jobs.limits[j])
                if place != NEVER:
                    cause = jobs.verdicts[j]
                    reserve(board, j, place, jobs.nodes[j])
                    jobs.verdicts[j] = cause


def find_cause(board: Board, j: Any, obstacle: Any) -> None:
    """Say why a job cannot start now."""
    jobs, kept = board.jobs, board.reservations
    second = board.profile.seconds[obstacle]
    jobs.verdicts[j] = CAPACITY
    if jobs.nodes[j] > board.settings[FREE]:
        jobs.verdicts[j] = NODES_BUSY
        return
    for r in range(kept.used[0]):
        if kept.starts[r] <= second < kept.ends[r]:
            jobs.verdicts[j] = kept.kinds[r]
            jobs.behind[j] = kept.jobs[r]
            return


def first_group(board: Board, heads_only: Any) -> Any:
    """Return the group whose next job goes first, or `NEVER`."""
    groups = board.groups
    best = NEVER
    for g in range(groups.cursors.size):
        if groups.cursors[g] >= groups.last[g] or (heads_only and groups.done[g]):
            continue
        if best == NEVER or goes_before(board, g, best):
            best = g
    return best


def class_of(groups: Groups, g: Any) -> Any:
    """Return 0 owed and below its rate, 1 owed, 2 not owed."""
    if groups.running[g] * MICRO < groups.rates[g]:
        return 0
    return 1 if groups.has_lag[g] else 2


def goes_before(board: Board, a: Any, b: Any) -> Any:
    """Say whether group a goes before group b: class, then lag or usage, then submission."""
    groups = board.groups
    urgency = class_of(groups, a)
    if urgency != class_of(groups, b):
        return urgency < class_of(groups, b)
    ranks = groups.usage_ranks if urgency == 2 else groups.lag_ranks
    if ranks[a] != ranks[b]:
        return ranks[a] < ranks[b]
    return board.jobs.ranks[groups.cursors[a]] < board.jobs.ranks[groups.cursors[b]]


def stays_below_ceilings(board: Board, j: Any) -> Any:
    """Say whether a start would keep every ceiling above the job."""
    place = board.jobs.leaves[j]
    while place >= 0:
        if board.tree.running[place] + board.jobs.nodes[j] > board.tree.ceilings[place]:
            return False
        place = board.tree.parents[place]
    return True


def start(board: Board, j: Any, is_claim: Any) -> None:
    """Start a job now."""
    groups, jobs, settings = board.groups, board.jobs, board.settings
    g, nodes = jobs.groups[j], jobs.nodes[j]
    groups.running[g] += nodes
    groups.left[g] += nodes
    if is_claim:
        occupy_forever(board.profile, nodes)  # a pressing group keeps its nodes when jobs end
    else:
        # Before the first reservation a start counts like a running job (Mu'alem, Feitelson 2001).
        width = nodes if board.reservations.used[0] == 0 else before_all(board.profile)
        end = (settings[NOW] + jobs.limits[j], width, jobs.ranks[j])
        occupy(board.profile, 0, nodes, end)
    place = jobs.leaves[j]
    while place >= 0:
        board.tree.running[place] += nodes
        place = board.tree.parents[place]
    jobs.verdicts[j] = STARTED
    jobs.start_order[settings[STARTS]] = j
    settings[STARTS] += 1
    settings[FREE] -= nodes


def reserve(board: Board, j: Any, place: Any, nodes: Any) -> None:
    """Keep nodes for a job from an event on, for as long as its limit."""
    jobs = board.jobs
    jobs.verdicts[j] = HEAD
    jobs.starts_at[j] = board.profile.seconds[place]
    if nodes > 0:
        end = (jobs.starts_at[j] + jobs.limits[j], before_all(board.profile), jobs.ranks[j])
        note_reservation(board, j, end[0], nodes)
        occupy(board.profile, place, nodes, end)


def note_reservation(board: Board, j: Any, end: Any, nodes: Any) -> None:
    """Write down what is kept for a job, for those who ask whose reservation stands in the way."""
    kept = board.reservations
    r = kept.used[0]
    kept.jobs[r] = j
    kept.starts[r] = board.settings[NOW] if end == FOREVER else board.jobs.starts_at[j]
    kept.ends[r] = end
    kept.nodes[r] = nodes
    kept.kinds[r] = KEPT if end == FOREVER else RESERVED_BEHIND
    kept.used[0] = r + 1
