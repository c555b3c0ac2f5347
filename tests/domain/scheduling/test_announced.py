"""The guarantee where capacity falls and rises, and that was announced."""

from dataclasses import replace
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling.kernel import CapacityChange, lag_bound, plan
from allmende.domain.scheduling.shares import MICRONODES
from tests.domain.scheduling import attack
from tests.domain.scheduling.attack_worlds import random_world
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_policy,
    a_running,
    a_snapshot,
    a_tree,
)

SEEDS = st.integers(min_value=0, max_value=2**32)


@given(seed=SEEDS)
@example(seed=20)  # the head of an owed group waits
@settings(max_examples=30, deadline=None)
def test_reductions_into_which_all_targets_fit_cost_nothing(seed):
    assert attack.worst_lag(random_world(Random(seed), "announced")).ratio <= 1


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_deeper_reduction_costs_no_more_than_the_time_that_is_not_calm(seed):
    rng = Random(seed)
    world = random_world(rng, "announced")
    longest = world.longest_limit
    begins = rng.randint(1, 3 * longest)
    ends = begins + rng.randint(1, 2 * longest)
    fewest = rng.randint(0, world.fewest_nodes - 1)
    world = replace(world, changes=((begins, fewest), (ends, world.nodes)))
    worst, policy = attack.play_announced(world), attack.policy_of(world)
    for share in world.tree.groups:
        if share.guarantee_ppm:
            # Not calm: one longest limit before and after each change, and what is between.
            lost = share.claim_micronodes(world.nodes) * 2 * longest
            lost += share.claim_micronodes(fewest) * (ends - begins)
            bound = lag_bound(share, capacity_nodes=world.nodes, policy=policy)
            assert worst[share.path] <= bound + lost


# Twelve of twenty nodes are in service for five seconds more. If the target followed the capacity,
# it would be 7 of 12, and what the group misses of 11 would be lent out.
def test_the_target_does_not_shrink_during_a_short_reduction():
    changes = [(NOW - 5, 12), (NOW + 5, 20), (NOW + 20, 2), (NOW + 30, 20)]
    machine = a_machine(
        20, capacity_changes=tuple(CapacityChange(at_seconds=at, nodes=n) for at, n in changes)
    )
    running = [a_running("r", group="owed", nodes=range(7))]
    pending = [
        a_pending("head", group="owed", limit=50),  # its limit reaches into the next reduction
        a_pending("narrow", nodes=1, limit=4),
        a_pending("wide", nodes=2, limit=4),
    ]
    snapshot = a_snapshot(
        machine,
        a_tree(owed=(500_000, 1), free=(0, 0)),
        pending,
        running,
        lags={("owed",): 200 * MICRONODES},
        pressing_since={("owed",): 0},
    )
    answer = plan(snapshot, a_policy())
    assert [start.job_id for start in answer.starts] == ["narrow"]
    assert "wide" in {wait.job_id for wait in answer.waits}


def test_what_a_later_pressing_group_frees_before_a_reduction_an_earlier_one_may_count_on():
    machine = a_machine(6, capacity_changes=(CapacityChange(at_seconds=NOW + 20, nodes=4),))
    running = [
        a_running("later-r", group="later", nodes=(0, 1), ends=NOW + 10),
        a_running("r", nodes=(2, 3), ends=NOW + 80),
    ]
    pending = [
        a_pending("first", group="first", nodes=2, limit=50),
        a_pending("later", group="later", nodes=2, limit=50),
    ]
    snapshot = a_snapshot(
        machine,
        a_tree(first=(166_667, 2), later=(166_667, 2), free=(0, 0)),
        pending,
        running,
        lags={("first",): 300 * MICRONODES, ("later",): 300 * MICRONODES},
        pressing_since={("first",): 0, ("later",): 1},
    )
    assert [start.job_id for start in plan(snapshot, a_policy()).starts] == ["first"]
