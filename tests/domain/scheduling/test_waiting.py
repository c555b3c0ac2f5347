"""The index of who waits passes over whole stretches of a queue, and over nobody who would fit."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.scheduling import waiting
from allmende.domain.scheduling.boards import DECISION, NEVER, STEPS
from allmende.domain.scheduling.kernel import Share, ShareTree
from allmende.domain.scheduling.layouts import lay_out
from allmende.domain.scheduling.orders import waiting_nodes
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_policy,
    a_snapshot,
    a_tree,
)

SEEDS = st.integers(min_value=0, max_value=2**32)
GROUPS = a_tree(a=(0, 1), b=(0, 1))


def a_board(rng):
    jobs = [
        a_pending(
            f"j{number:02}",
            path=(rng.choice("ab"), rng.choice("pq"), rng.choice("uv")),
            nodes=rng.randint(1, 4),
            limit=rng.randint(1, 9),
            submitted=number,
        )
        for number in range(rng.randint(1, 24))
    ]
    demoted = [path for path in sorted({job.path[:2] for job in jobs}) if rng.random() < 0.2]
    snapshot = a_snapshot(a_machine(4), GROUPS, jobs, demoted=demoted)
    return lay_out(snapshot, a_policy(), jobs)


def in_line(board, leaf):
    """Return the jobs of a leaf as a decision meets them."""
    board.settings[DECISION] += 1
    met = []
    while (j := waiting.first_undecided(board, leaf)) != NEVER:
        met.append(j)
        waiting.pass_over(board, j)
    return met


def check_index(board, queues, rng):
    """Compare what the index finds with a look at every job of the queues, leaf by leaf."""
    steps = [(NOW, rng.randint(1, 4)), (NOW + rng.randint(1, 8), rng.randint(0, 2))]
    for place, (second, nodes) in enumerate(steps):
        board.stairs.seconds[place], board.stairs.nodes[place] = second, nodes
    board.settings[STEPS], most, jobs = len(steps), rng.randint(1, 4), board.jobs

    def fits(j):
        under = all(n >= jobs.nodes[j] for second, n in steps if second < NOW + jobs.limits[j])
        return under and jobs.nodes[j] <= most

    for leaf, queue in queues.items():
        assert in_line(board, leaf) == queue
        assert waiting.find_fitting(board, leaf, most) == next(filter(fits, queue), NEVER)
    for g in range(len(GROUPS.groups)):
        lined_up = {
            (*waiting.leaf_keys(board, leaf), jobs.ranks[queue[0]]): leaf
            for leaf, queue in queues.items()
            if board.leaves.groups[leaf] == g
        }
        expected = lined_up[min(lined_up)] if lined_up else NEVER
        assert waiting.first_leaf(board, g) == expected


def test_a_group_asks_for_the_nodes_of_all_who_wait_and_break_no_ceiling():
    half = ShareTree(shares=(Share(path=("a",), ceiling_ppm=500_000, widest_job_nodes=4),))
    jobs = [
        a_pending(f"j{number}", "a", nodes=nodes, submitted=number)
        for number, nodes in enumerate((1, 2, 3, 1))
    ]
    board = lay_out(a_snapshot(a_machine(4), half, jobs), a_policy(), jobs)
    waiting.push_first(board, len(jobs))
    assert waiting_nodes(board, 0) == 1 + 2 + 1
    waiting.remove(board, 1)
    assert waiting_nodes(board, 0) == 1 + 1


@given(seed=SEEDS)
def test_whoever_comes_goes_and_comes_back_the_first_that_fits_is_found(seed):
    rng = Random(seed)
    board = a_board(rng)
    coming, here, gone = list(range(board.jobs.nodes.size)), [], []
    for _ in range(40):
        chance = rng.random()
        if coming and chance < 0.5:
            here.append(coming.pop(0))
            waiting.push(board, here[-1])
        elif here and chance < 0.75:
            gone.append(here.pop(rng.randrange(len(here))))
            waiting.remove(board, gone[-1])
        elif gone and chance < 0.95:
            here.append(gone.pop(rng.randrange(len(gone))))
            waiting.push_again(board, here[-1])
        else:  # usage only grows: an old key is a lower bound
            board.tree.usages[rng.randrange(board.tree.usages.size)] += rng.randint(1, 3)
        queues = {}
        for j in sorted(here):  # as they were submitted
            queues.setdefault(board.jobs.leaves[j], []).append(j)
        check_index(board, queues, rng)
