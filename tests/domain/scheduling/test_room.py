"""The arrays of a decision have room for all that it can write."""

from allmende.domain.scheduling.kernel import plan
from tests.domain.scheduling.test_kernel import REACTIVE
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_running,
    a_snapshot,
    a_tree,
)


def test_many_borrowers_can_yield_at_once():
    running = [
        a_running(f"r{n}", "industry", nodes=(n,), preemptible=True, ends=NOW + 40 + n)
        for n in range(60)
    ]
    tree = a_tree(sme=(500_000, 20), industry=(0, 2))
    jobs = [a_pending("j", "sme", nodes=20), a_pending("k", "sme", nodes=20, submitted=1)]
    state = {"lags": {("sme",): 10**13}, "pressing_since": {("sme",): 1}}
    answer = plan(a_snapshot(a_machine(60), tree, jobs, running, **state), REACTIVE)
    assert len(answer.preempts) == 50  # all that the group misses of its target
