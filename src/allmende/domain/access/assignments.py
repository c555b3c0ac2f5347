"""Who reviews what: the best possible assignment, not a greedy guess.

A transportation problem. Every application wants some reviews, every reviewer takes some, and a
pair without a conflict may meet once. Wanted, in this order: as many reviews as possible; the lack,
where there is one, spread evenly; the largest sum of fits.

Solved as a minimum-cost flow by successive cheapest paths. Each round adds one review, along the
path of changes that costs least fit; such a path may take a reviewer from one application and give
it another. After each round the plan is the best one with that many reviews. First reviews are
placed before second ones, which is what spreads a lack. The tests compare the result with trying
out everything.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

Pair = tuple[str, str]  # application, reviewer
Node = tuple[bool, str]  # is it a reviewer, and its id


@dataclass(frozen=True)
class Proposal:
    """The pairs that should meet, and how many reviews are lacking for which application."""

    pairs: frozenset[Pair]
    lacking: Mapping[str, int]


def propose(
    fits: Mapping[Pair, int], *, wanted: Mapping[str, int], loads: Mapping[str, int]
) -> Proposal:
    """Return the best assignment.

    `fits` has the pairs that may meet, with a fit of 0 or more; `wanted` how many reviews each
    application needs; `loads` how many each reviewer can take.
    """
    edges: dict[Node, list[tuple[Node, int]]] = {}
    for (application, reviewer), fit in sorted(fits.items()):
        if application in wanted and reviewer in loads:
            edges.setdefault((False, application), []).append(((True, reviewer), fit))
            edges.setdefault((True, reviewer), []).append(((False, application), fit))
    pairs: set[Pair] = set()
    for level in range(max(wanted.values(), default=0)):
        starts = {name for name in sorted(wanted) if wanted[name] > level}
        while starts:
            taken = _count(pairs, 1)
            free = {name for name in loads if taken.get(name, 0) < loads[name]}
            path = _find_cheapest_path(edges, pairs, starts, free)
            if path is None:
                break
            pairs ^= set(path)  # what was together is parted, what was apart comes together
            starts.discard(path[0][0])
    given = _count(pairs, 0)
    lacking = {name: wanted[name] - given.get(name, 0) for name in sorted(wanted)}
    return Proposal(frozenset(pairs), {name: lack for name, lack in lacking.items() if lack > 0})


def _count(pairs: Collection[Pair], side: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for pair in pairs:
        counts[pair[side]] = counts.get(pair[side], 0) + 1
    return counts


def _find_cheapest_path(
    edges: Mapping[Node, list[tuple[Node, int]]],
    pairs: Collection[Pair],
    starts: Collection[str],
    free: Collection[str],
) -> list[Pair] | None:
    """Return the pairs to change so that one more review is had at the least cost, or None.

    A new pair costs minus its fit, a parted one its fit; no circle of changes gains anything, for
    the plan so far is the best of its size. So the search ends (Bellman and Ford, with a queue).
    """
    cost: dict[Node, int] = {(False, name): 0 for name in sorted(starts)}
    before: dict[Node, Node] = {}
    queue = deque(cost)
    waiting = set(cost)
    while queue:
        node = queue.popleft()
        waiting.discard(node)
        is_reviewer, name = node
        for other, fit in edges.get(node, ()):
            pair = (other[1], name) if is_reviewer else (name, other[1])
            if (pair in pairs) is not is_reviewer:
                continue
            reached = cost[node] + (fit if is_reviewer else -fit)
            if other not in cost or reached < cost[other]:
                cost[other], before[other] = reached, node
                if other not in waiting:
                    waiting.add(other)
                    queue.append(other)
    ends = [(cost[True, name], name) for name in free if (True, name) in cost]
    if not ends:
        return None
    return _walk_back((True, min(ends)[1]), before)


def _walk_back(node: Node, before: Mapping[Node, Node]) -> list[Pair]:
    """Return the pairs along the path to a node, from its start on."""
    path: list[Pair] = []
    while node in before:
        earlier = before[node]
        path.append((node[1], earlier[1]) if earlier[0] else (earlier[1], node[1]))
        node = earlier
    return path[::-1]
