"""The decisions of one plan: order, start, reserve, backfill, and why everybody else waits.

Numba-subset Python: these functions run as they are, or compiled (see `compiled.py`). The policy in
words is in docs/explanation/fairness.md. A decision looks only at what may have changed: nothing is
laid out, and nobody looked at, before a free node makes it worth while.
"""

from typing import Any

from allmende.domain.scheduling.boards import (
    BACKFILL,
    CEILING,
    CONSERVATIVE,
    EXPLAINS,
    FOREVER,
    FREE,
    HEAD,
    HEAD_UNDATED,
    KEPT,
    NEVER,
    NO_BACKFILL,
    NOT_PRESSING,
    NOW,
    PENDING,
    PREEMPTION,
    RESERVED_BEHIND,
    STARTED,
    STARTS,
    Board,
)
from allmende.domain.scheduling.orders import (
    begin,
    class_of,
    find_first,
    find_head,
    first_group,
    line_up,
    most_nodes,
    set_kept,
    waiting_nodes,
)
from allmende.domain.scheduling.profiles import (
    before_all,
    earliest_start,
    first_obstacle,
    occupy,
    occupy_forever,
)
from allmende.domain.scheduling.reasons import explain_rest, find_cause
from allmende.domain.scheduling.running import (
    add_running,
    build_profile,
    enlist,
    hold_target,
    make_stairs,
    plain_stairs,
    reserve_alone,
    take_stairs,
)
from allmende.domain.scheduling.waiting import fits_stairs, pass_over, remove
from allmende.domain.scheduling.yields import preempt_for_claim, preempt_for_head


def decide(board: Board) -> None:
    """Start whoever may start now; where the board explains, give every other job its verdict."""
    settings = board.settings
    begin(board)
    if settings[PENDING] == 0:
        return
    if settings[FREE] <= 0 and not settings[EXPLAINS] and not settings[PREEMPTION]:
        return  # nobody can start, and nobody asks why
    line_up(board)
    serve_pressing(board)
    if serve_heads(board):
        note_claims(board)
        serve_rest(board)
    if settings[EXPLAINS]:
        explain_rest(board)


def serve_pressing(board: Board) -> None:
    """Let pressing groups, in turn, take and keep free nodes up to their targets."""
    groups = board.groups
    for turn in range(groups.pressing.size):
        for g in range(groups.pressing.size):
            if groups.pressing[g] == turn:
                hold_target(board, g)
                start_claim(board, g)
                if groups.heads[g] != NEVER:
                    keep_claim(board, g)


def start_claim(board: Board, g: Any) -> None:
    """Start the first jobs of a pressing group while they fit and are within its target."""
    groups, jobs = board.groups, board.jobs
    while groups.heads[g] != NEVER:
        j = groups.heads[g]
        if breaks_ceiling(board, j):
            jobs.verdicts[j] = CEILING
            pass_over(board, j)
        elif groups.running[g] + jobs.nodes[j] > groups.targets[g] or not fits(board, j):
            return
        else:
            start(board, j, is_claim=True)
        find_head(board, g)


def keep_claim(board: Board, g: Any) -> None:
    """Keep every node that comes free for a pressing group, up to its target."""
    groups = board.groups
    missing = max(0, groups.targets[g] - groups.running[g])
    if board.settings[PREEMPTION]:
        # With so much room beside what waits now, nodes too few for a head are never a loss.
        needed = waiting_nodes(board, g) + groups.widest[g] - 1
        preempt_for_claim(board, groups.heads[g], min(missing, needed))
    set_kept(board, g, missing)


def serve_heads(board: Board) -> Any:
    """Start heads in order; reserve for the head of every owed group and of the first other.

    Say whether anybody is left who could start beside what is reserved.
    """
    groups = board.groups
    while True:
        g = first_group(board, heads_only=True)
        if g == NEVER:
            plain_stairs(board)
            return True
        kept = groups.kept[g] > 0
        set_kept(board, g, 0)  # what is kept for a group does not stand in its own way
        urgency = class_of(groups, g)
        j = groups.heads[g]
        if breaks_ceiling(board, j):
            board.jobs.verdicts[j] = CEILING
            pass_over(board, j)
            find_head(board, g)
        elif fits(board, j):
            start(board, j, is_claim=False)
            find_head(board, g)
        else:
            groups.done[g] = 1
            if board.profile.used[0] == 0:
                plain_stairs(board)
                if board.settings[BACKFILL] == NO_BACKFILL or not may_others_start(board):
                    return False
                if urgency == 2:  # the last reservation of this decision, and the only one
                    reserve_alone(board, board.jobs.nodes[j])
                    return True
                build_profile(board)
            reserve_head(board, g, j)
        if kept and groups.heads[g] != NEVER:
            set_kept(board, g, max(0, groups.targets[g] - groups.running[g]))
        if groups.done[g] and urgency == 2:
            return True


def breaks_ceiling(board: Board, j: Any) -> Any:
    """Say whether a start would break a ceiling above the job."""
    return board.jobs.nodes[j] > most_nodes(board, board.jobs.leaves[j])


def may_others_start(board: Board) -> Any:
    """Say whether any job that waits takes no more than the free nodes."""
    g = 0
    while g < board.groups.active.size and find_first(board, g) == NEVER:
        g += 1
    return g < board.groups.active.size


def reserve_head(board: Board, g: Any, j: Any) -> None:
    """Reserve for the first job of a group, which cannot start now."""
    groups, jobs = board.groups, board.jobs
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
        jobs.verdicts[j] = HEAD
    pass_over(board, j)


def note_claims(board: Board) -> None:
    """Write down what is kept for pressing groups, in the name of their heads."""
    groups = board.groups
    for g in range(groups.kept.size):
        if groups.kept[g] > 0:
            note_reservation(board, groups.heads[g], FOREVER, groups.kept[g])


def serve_rest(board: Board) -> None:
    """Start whatever fits and leaves every reservation its nodes."""
    if board.settings[BACKFILL] == CONSERVATIVE:
        serve_everybody(board)
        return
    if board.settings[BACKFILL] == NO_BACKFILL:
        return
    groups = board.groups
    if board.profile.used[0] > 0:
        make_stairs(board)
        if not board.settings[EXPLAINS]:
            board.profile.used[0] = 0  # the stairs say all that is still asked
    for g in range(groups.heads.size):
        groups.heads[g] = find_first(board, g)
    while True:
        g = first_group(board, heads_only=False)
        if g == NEVER:
            return
        j = groups.heads[g]
        # Others started since it was found; what did not fit before them does not fit now.
        if not fits_stairs(board, j) or breaks_ceiling(board, j):
            groups.heads[g] = find_first(board, g)
            continue
        start(board, j, is_claim=False)
        take_stairs(board, board.jobs.nodes[j], board.settings[NOW] + board.jobs.limits[j])
        groups.heads[g] = find_first(board, g)


def serve_everybody(board: Board) -> None:
    """Start or reserve, for all that wait, in order: conservative backfilling."""
    groups, jobs = board.groups, board.jobs
    for g in range(groups.heads.size):
        find_head(board, g)
    while True:
        g = first_group(board, heads_only=False)
        if g == NEVER:
            return
        j = groups.heads[g]
        if breaks_ceiling(board, j):
            jobs.verdicts[j] = CEILING
            pass_over(board, j)
        elif fits(board, j):
            start(board, j, is_claim=False)
        else:
            find_cause(board, j)
            place = earliest_start(board.profile, jobs.nodes[j], jobs.limits[j])
            if place != NEVER:
                reserve(board, j, place, jobs.nodes[j])
            pass_over(board, j)
        find_head(board, g)


def fits(board: Board, j: Any) -> Any:
    """Say whether a job could start now and leave every reservation its nodes."""
    if board.profile.used[0] == 0:
        return board.jobs.nodes[j] <= board.settings[FREE]
    return first_obstacle(board.profile, 0, board.jobs.nodes[j], board.jobs.limits[j]) == NEVER


def start(board: Board, j: Any, is_claim: Any) -> None:
    """Start a job now."""
    jobs, settings, nodes = board.jobs, board.settings, board.jobs.nodes[j]
    end = settings[NOW] + jobs.limits[j]
    if is_claim:
        occupy_forever(board.profile, nodes)  # a pressing group keeps its nodes when jobs end
    elif board.profile.used[0] > 0:
        # Before the first reservation a start counts like a running job (Mu'alem, Feitelson 2001).
        width = nodes if board.reservations.used[0] == 0 else before_all(board.profile)
        occupy(board.profile, 0, nodes, (end, width, jobs.ranks[j]))
    remove(board, j)
    add_running(board, j, nodes)
    board.groups.left[jobs.groups[j]] += nodes
    enlist(board, j, end)
    jobs.verdicts[j] = STARTED
    board.start_order[settings[STARTS]] = j
    settings[STARTS] += 1


def reserve(board: Board, j: Any, place: Any, nodes: Any) -> None:
    """Keep nodes for a job from an event on, for as long as its limit."""
    jobs = board.jobs
    jobs.starts_at[j] = board.profile.seconds[place]
    if nodes > 0:
        end = (jobs.starts_at[j] + jobs.limits[j], before_all(board.profile), jobs.ranks[j])
        note_reservation(board, j, end[0], nodes)
        occupy(board.profile, place, nodes, end)


def note_reservation(board: Board, j: Any, end: Any, nodes: Any) -> None:
    """Write down what is kept for a job, for those who ask whose reservation stands in the way."""
    kept = board.reservations
    r = kept.used[0]
    assert r < kept.jobs.size, "there is room for every reservation"
    kept.jobs[r] = j
    kept.starts[r] = board.settings[NOW] if end == FOREVER else board.jobs.starts_at[j]
    kept.ends[r] = end
    kept.nodes[r] = nodes
    kept.kinds[r] = KEPT if end == FOREVER else RESERVED_BEHIND
    kept.used[0] = r + 1
