"""The guarantee where borrowers yield, and the horizon is shorter than the longest limit."""

from dataclasses import replace

import pytest

from allmende.domain.scheduling.kernel import Share, ShareTree, lag_bound, plan
from allmende.domain.scheduling.shares import check_admission
from tests.domain.scheduling.simulation import Simulation, Work
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_policy,
    a_running,
    a_snapshot,
    a_tree,
)

HEARTBEAT = 5
GRACE = 10
LONG = 10_000
QUARTERS = a_tree(sme=(250_000, 1), science=(250_000, 1), industry=(0, 2))


def simulate(nodes, guaranteed, works):
    tree = ShareTree(
        shares=(
            *(
                Share(path=(name,), guarantee_ppm=ppm, widest_job_nodes=widest)
                for name, (ppm, widest) in guaranteed.items()
            ),
            Share(path=("borrower",)),
        )
    )
    check_admission(tree, capacity_nodes=nodes)
    policy = a_policy(
        max_time_limit_seconds=LONG,
        preemption=True,
        response_target_seconds=GRACE,
        max_grace_seconds=GRACE,
        max_unpreemptible_limit_seconds=10,
    )
    machine = a_machine(nodes)
    return Simulation(
        machine=machine, tree=tree, policy=policy, works=works, heartbeat=HEARTBEAT
    ).run()


def a_work(name, group, *, arrives, nodes=1, seconds):
    return Work(
        id=name,
        path=(group, "p", "u"),
        arrives=arrives,
        nodes=nodes,
        limit=seconds,
        seconds=seconds,
        preemptible=seconds > 10,
        grace=GRACE,
    )


def keeps_the_bound(simulation, name):
    """Say whether the lag of a group stayed below its bound and what one heartbeat can add."""
    share = simulation.tree.get_group((name,))
    nodes = len(simulation.machine.nodes)
    bound = lag_bound(share, capacity_nodes=nodes, policy=simulation.policy)
    bound += share.claim_micronodes(nodes) * HEARTBEAT
    return 0 < simulation.state.worst_lags[name,] <= bound


def test_while_one_saves_its_work_no_other_yields_however_short_the_target():
    policy = a_policy(preemption=True, response_target_seconds=1, max_grace_seconds=5)
    saving = a_running("r0", "industry", nodes=(0,), preemptible=True, grace_seconds=5)
    saving = replace(saving, is_stopping=True, ends_by_seconds=NOW + 4)
    others = [
        a_running(f"r{n}", "industry", nodes=(n,), preemptible=True, grace_seconds=5)
        for n in range(1, 6)
    ]
    snapshot = a_snapshot(
        a_machine(6), QUARTERS, pending=[a_pending("j", "sme")], running=[saving, *others]
    )
    assert plan(snapshot, policy).preempts == ()


# The first group became pressing while it waited, and then got all nodes, since nobody else asked:
# if what a pressing group runs were never stopped, the second would get nothing for long.
@pytest.mark.slow
def test_a_pressing_group_yields_what_it_runs_beyond_its_target():
    works = [
        a_work(f"{group}-{number:02}", group, arrives=arrives, seconds=seconds)
        for group, count, arrives, seconds in [
            ("borrower", 16, 0, 10),
            ("first", 32, 1, 1000),
            ("second", 5, 11, 1000),
        ]
        for number in range(count)
    ]
    simulation = simulate(16, {"first": (750_000, 1), "second": (125_000, 1)}, works)
    assert keeps_the_bound(simulation, "first")
    assert keeps_the_bound(simulation, "second")
    stopped = {name for name in simulation.preempted if name.startswith("first")}
    assert len(stopped) == 3  # it ran 16 nodes, and keeps its target of 13


# Every ten seconds all jobs of a group end, others come that ask for one node more in all, and the
# last of them, four nodes wide, meets three free ones. Had borrowers yielded only what it
# asked for, one more node would come each time, and three would always lie idle.
@pytest.mark.slow
def test_a_demand_that_creeps_upwards_does_not_leave_nodes_idle_for_long():
    works = [a_work(f"b-{number:02}", "borrower", arrives=0, seconds=LONG) for number in range(36)]
    works += [
        a_work(f"o-00-{number}", "owed", arrives=0, nodes=2, seconds=11) for number in range(4)
    ]
    for cycle in range(1, 32):
        arrives, before = 1 + 10 * cycle, 0 if cycle == 1 else 4
        few = [1] * (4 + cycle - before)
        works += [
            a_work(f"o-{cycle:02}-{number:02}", "owed", arrives=arrives, nodes=nodes, seconds=10)
            for number, nodes in enumerate([*few, 4])
        ]
    assert keeps_the_bound(simulate(44, {"owed": (909_090, 4)}, works), "owed")
