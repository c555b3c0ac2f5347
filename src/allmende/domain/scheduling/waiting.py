"""Who waits: each leaf's jobs in order of submission, indexed by width and limit.

The index of a leaf is a binary tree over its slots. Each node of the tree holds the fewest nodes
and the shortest limit that any job below it asks for, so whole stretches of a long queue that
cannot fit are passed over at once. Numba-subset Python (see `compiled.py`).
"""

from typing import Any

from allmende.domain.scheduling.boards import (
    BOOKED,
    DECISION,
    INDEXED,
    NEVER,
    NO_NODES,
    NOW,
    PENDING,
    STEPS,
    Board,
)

FIRST_SLOTS = 4


def push(board: Board, j: Any) -> None:
    """Let a job wait behind all others of its leaf; its rank must be larger than theirs."""
    leaves, jobs, groups = board.leaves, board.jobs, board.groups
    leaf = jobs.leaves[j]
    if leaves.ends[leaf] == leaves.sizes[leaf]:
        make_room(board, leaf)
    slot = leaves.ends[leaf]
    leaves.ends[leaf] = slot + 1
    leaves.counts[leaf] += 1
    board.queues.jobs[leaves.offsets[leaf] + slot] = j
    jobs.slots[j] = slot
    note(board, leaf, slot, jobs.nodes[j], jobs.limits[j])
    groups.waiting[jobs.groups[j]] += jobs.nodes[j]
    board.settings[PENDING] += 1
    if leaves.counts[leaf] == 1:
        leaves.firsts[leaf] = slot
        enter(board, leaf)


def push_again(board: Board, j: Any) -> None:
    """Let a job that was stopped wait again, by its submission, among those of its leaf."""
    push(board, j)
    leaves, jobs, queues, leaf = board.leaves, board.jobs, board.queues, board.jobs.leaves[j]
    offset, slot = leaves.offsets[leaf], jobs.slots[j]
    while slot > 0:
        before = queues.jobs[offset + slot - 1]
        if before != NEVER and jobs.ranks[before] < jobs.ranks[j]:
            break
        queues.jobs[offset + slot] = before
        queues.jobs[offset + slot - 1] = j
        if before != NEVER:
            jobs.slots[before] = slot
        slot -= 1
    jobs.slots[j] = slot
    leaves.firsts[leaf] = min(leaves.firsts[leaf], slot)
    rebuild(board, leaf)
    refresh(board, leaf)
    sift_up(board, leaves.groups[leaf], leaves.heap_places[leaf])
    sift_down(board, leaves.groups[leaf], leaves.heap_places[leaf])


def push_first(board: Board, count: Any) -> None:
    """Let the first jobs of the board wait, in their order."""
    for j in range(count):
        push(board, j)


def remove(board: Board, j: Any) -> None:
    """Take a job out of its queue: it starts, or was cancelled."""
    leaves, jobs, groups = board.leaves, board.jobs, board.groups
    leaf, slot = jobs.leaves[j], jobs.slots[j]
    board.queues.jobs[leaves.offsets[leaf] + slot] = NEVER
    note(board, leaf, slot, NO_NODES, NO_NODES)
    groups.waiting[jobs.groups[j]] -= jobs.nodes[j]
    leaves.counts[leaf] -= 1
    board.settings[PENDING] -= 1
    if leaves.counts[leaf] == 0:
        leave(board, leaf)
        leaves.firsts[leaf] = 0
        leaves.ends[leaf] = 0
    elif leaves.firsts[leaf] == slot:
        leaves.firsts[leaf] = next_slot(board, leaf, slot + 1)


def note(board: Board, leaf: Any, slot: Any, nodes: Any, seconds: Any) -> None:
    """Write what a slot asks for into the index of its leaf."""
    widths, limits = board.queues.nodes, board.queues.limits
    base = 2 * board.leaves.offsets[leaf]
    i = board.leaves.sizes[leaf] + slot
    widths[base + i] = nodes
    limits[base + i] = seconds
    i >>= 1
    while i > 0:
        left = base + 2 * i
        fewest = min(widths[left], widths[left + 1])
        shortest = min(limits[left], limits[left + 1])
        if widths[base + i] == fewest and limits[base + i] == shortest:
            return
        widths[base + i] = fewest
        limits[base + i] = shortest
        i >>= 1


def make_room(board: Board, leaf: Any) -> None:
    """Close the gaps in a queue; move it to a part twice as large where it is mostly full."""
    leaves, queues = board.leaves, board.queues
    old, end, size = leaves.offsets[leaf], leaves.ends[leaf], leaves.sizes[leaf]
    new = old
    if size == 0 or 4 * leaves.counts[leaf] > 3 * size:
        size = max(FIRST_SLOTS, 2 * size)
        new = board.settings[INDEXED]
        board.settings[INDEXED] = new + size
        assert new + size <= queues.jobs.size, "the queues have room for every job"
    slot = 0
    for i in range(end):
        j = queues.jobs[old + i]
        if j != NEVER:
            queues.jobs[new + slot] = j
            board.jobs.slots[j] = slot
            slot += 1
    leaves.offsets[leaf] = new
    leaves.sizes[leaf] = size
    leaves.ends[leaf] = slot
    leaves.firsts[leaf] = 0
    leaves.seen[leaf] = NEVER
    rebuild(board, leaf)


def rebuild(board: Board, leaf: Any) -> None:
    """Compute a leaf's index anew from its jobs."""
    leaves, queues, jobs = board.leaves, board.queues, board.jobs
    size, base = leaves.sizes[leaf], 2 * leaves.offsets[leaf]
    for slot in range(size):
        j = queues.jobs[leaves.offsets[leaf] + slot] if slot < leaves.ends[leaf] else NEVER
        queues.nodes[base + size + slot] = NO_NODES
        queues.limits[base + size + slot] = NO_NODES
        if j != NEVER:
            queues.nodes[base + size + slot] = jobs.nodes[j]
            queues.limits[base + size + slot] = jobs.limits[j]
    for i in range(size - 1, 0, -1):
        left = base + 2 * i
        queues.nodes[base + i] = min(queues.nodes[left], queues.nodes[left + 1])
        queues.limits[base + i] = min(queues.limits[left], queues.limits[left + 1])


def next_slot(board: Board, leaf: Any, slot: Any) -> Any:
    """Return the first slot from this one on that holds a job, or the end."""
    offset, end = board.leaves.offsets[leaf], board.leaves.ends[leaf]
    while slot < end and board.queues.jobs[offset + slot] == NEVER:
        slot += 1
    return slot


def first_undecided(board: Board, leaf: Any) -> Any:
    """Return the first job of a leaf that this decision has not dealt with, or `NEVER`."""
    leaves = board.leaves
    if leaves.seen[leaf] != board.settings[DECISION]:
        leaves.seen[leaf] = board.settings[DECISION]
        leaves.cursors[leaf] = leaves.firsts[leaf]
    slot = next_slot(board, leaf, leaves.cursors[leaf])
    leaves.cursors[leaf] = slot
    return board.queues.jobs[leaves.offsets[leaf] + slot] if slot < leaves.ends[leaf] else NEVER


def pass_over(board: Board, j: Any) -> None:
    """Remember that this decision has dealt with a job that goes on waiting."""
    board.leaves.cursors[board.jobs.leaves[j]] = board.jobs.slots[j] + 1


def may_fit(board: Board, place: Any, most: Any) -> Any:
    """Say whether what a node of the index stands for could go under the stairs."""
    nodes, until = board.queues.nodes[place], board.settings[NOW] + board.queues.limits[place]
    if nodes > most:
        return False
    stairs = board.stairs
    for step in range(board.settings[STEPS]):
        # A step holds for whoever still runs when it begins.
        if stairs.seconds[step] >= until:
            return True
        if nodes > stairs.nodes[step]:
            return False
    return True


def fits_stairs(board: Board, j: Any) -> Any:
    """Say whether a job that waits could go under the stairs."""
    leaf = board.jobs.leaves[j]
    place = 2 * board.leaves.offsets[leaf] + board.leaves.sizes[leaf] + board.jobs.slots[j]
    return may_fit(board, place, NO_NODES)


def find_fitting(board: Board, leaf: Any, most: Any) -> Any:
    """Return the first job of a leaf that fits under the stairs and takes no more, or `NEVER`."""
    size, base = board.leaves.sizes[leaf], 2 * board.leaves.offsets[leaf]
    i = 1
    while i > 0:
        if may_fit(board, base + i, most):
            if i >= size:
                return board.queues.jobs[board.leaves.offsets[leaf] + i - size]
            i *= 2
        else:
            while i & 1:  # up from every right child: all below it has been seen
                i >>= 1
            if i > 0:
                i += 1
    return NEVER


# The heap of a group: its leaves with waiting jobs, the one that goes first on top. Keys only grow
# while time passes (usage is never taken back), so an old key is a lower bound, and only the top
# has to be brought up to date.


def enter(board: Board, leaf: Any) -> None:
    """Put a leaf that got its first waiting job into the heap of its group."""
    groups, g = board.groups, board.leaves.groups[leaf]
    refresh(board, leaf)
    place = groups.active[g]
    groups.active[g] = place + 1
    board.heap[groups.first[g] + place] = leaf
    board.leaves.heap_places[leaf] = place
    sift_up(board, g, place)


def leave(board: Board, leaf: Any) -> None:
    """Take a leaf whose last job is gone out of the heap of its group."""
    groups, g = board.groups, board.leaves.groups[leaf]
    place, last = board.leaves.heap_places[leaf], groups.active[g] - 1
    groups.active[g] = last
    if place != last:
        moved = board.heap[groups.first[g] + last]
        board.heap[groups.first[g] + place] = moved
        board.leaves.heap_places[moved] = place
        sift_up(board, g, place)
        sift_down(board, g, board.leaves.heap_places[moved])


def refresh(board: Board, leaf: Any) -> Any:
    """Bring the key of a leaf up to date; say whether it grew."""
    leaves = board.leaves
    keys = leaf_keys(board, leaf)
    rank = board.jobs.ranks[board.queues.jobs[leaves.offsets[leaf] + leaves.firsts[leaf]]]
    if keys == stored_keys(board, leaf) and rank == leaves.rank_keys[leaf]:
        return False
    leaves.upper_keys[leaf] = keys[1]
    leaves.middle_keys[leaf] = keys[2]
    leaves.lower_keys[leaf] = keys[3]
    leaves.rank_keys[leaf] = rank
    return True


def leaf_keys(board: Board, leaf: Any) -> Any:
    """Return whether a leaf is demoted, then its decayed usage ÷ weight, level by level."""
    leaves = board.leaves
    upper, middle, lower = leaves.upper[leaf], leaves.middle[leaf], leaves.lower[leaf]
    keys = (usage_key(board, upper), usage_key(board, middle), usage_key(board, lower))
    return (leaves.demoted[leaf], keys[0], keys[1], keys[2])


def stored_keys(board: Board, leaf: Any) -> Any:
    """Return the keys of a leaf as they were when last looked at."""
    leaves = board.leaves
    keys = (leaves.upper_keys[leaf], leaves.middle_keys[leaf], leaves.lower_keys[leaf])
    return (leaves.demoted[leaf], keys[0], keys[1], keys[2])


def usage_key(board: Board, place: Any) -> Any:
    """Return the decayed usage of a place ÷ its weight, as it counts now."""
    tree = board.tree
    since = board.settings[BOOKED] - tree.booked[place]
    return (tree.usages[place] + tree.running[place] * since) * tree.scales[place]


def leaf_goes_before(board: Board, a: Any, b: Any) -> Any:
    """Compare two leaves by their stored keys."""
    keys_a, keys_b = stored_keys(board, a), stored_keys(board, b)
    if keys_a != keys_b:
        return keys_a < keys_b
    return board.leaves.rank_keys[a] < board.leaves.rank_keys[b]


def swap(board: Board, g: Any, a: Any, b: Any) -> None:
    """Exchange two places of a heap."""
    first = board.groups.first[g]
    x, y = board.heap[first + a], board.heap[first + b]
    board.heap[first + a] = y
    board.heap[first + b] = x
    board.leaves.heap_places[y] = a
    board.leaves.heap_places[x] = b


def sift_up(board: Board, g: Any, place: Any) -> None:
    """Move a leaf towards the top until its parent goes before it."""
    first = board.groups.first[g]
    while place > 0:
        parent = (place - 1) // 2
        if not leaf_goes_before(board, board.heap[first + place], board.heap[first + parent]):
            return
        swap(board, g, place, parent)
        place = parent


def sift_down(board: Board, g: Any, place: Any) -> None:
    """Move a leaf away from the top until it goes before its children."""
    first, size = board.groups.first[g], board.groups.active[g]
    while True:
        best = place
        for child in range(2 * place + 1, min(2 * place + 3, size)):
            if leaf_goes_before(board, board.heap[first + child], board.heap[first + best]):
                best = child
        if best == place:
            return
        swap(board, g, place, best)
        place = best


def first_leaf(board: Board, g: Any) -> Any:
    """Return the leaf of a group that goes first, or `NEVER`."""
    groups = board.groups
    while groups.active[g] > 0:
        leaf = board.heap[groups.first[g]]
        if not refresh(board, leaf):
            return leaf
        sift_down(board, g, 0)
    return NEVER
