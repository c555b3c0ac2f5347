"""What a cluster is told of each group, and what that is worth in a small cluster like Slurm."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import MICRONODES, Share, ShareTree
from allmende.domain.scheduling.steering import (
    ClusterLook,
    GroupFigures,
    Level,
    Memory,
    QueuedJob,
    Steering,
    Totals,
    steer,
)
from tests.domain.scheduling.steered_cluster import Cluster, random_world

TREE = ShareTree(
    shares=(
        Share(path=("sme",), guarantee_ppm=250_000, widest_job_nodes=2),
        Share(path=("health",), guarantee_ppm=250_000, widest_job_nodes=2),
        Share(path=("science",)),
    )
)
POLICY = Policy(max_time_limit_seconds=60, usage_half_life_seconds=1000)
STOPPING = Policy(
    max_time_limit_seconds=60,
    usage_half_life_seconds=1000,
    preemption=True,
    response_target_seconds=5,
    max_unpreemptible_limit_seconds=0,
)


def jobs(group, *, running=0, waiting=0, nodes=1, **facts):
    make = {"account": "a", "qos": group, "nodes": nodes} | facts
    return [QueuedJob(is_running=True, **make)] * running + [
        QueuedJob(is_running=False, **make)
    ] * waiting


def look_at(memory, at, *queued, policy=POLICY, **facts) -> Steering:
    every = {"tree": TREE, "policy": policy, "group_of": {}, "reaction_seconds": 10} | facts
    look = ClusterLook(nodes_in_service=16, jobs=tuple(job for some in queued for job in some))
    return steer(memory, look, at_seconds=at, **every)


def figures_of(steering, group="sme") -> GroupFigures:
    return next(each for each in steering.figures if each.group_id == group)


def level_of(steering, group="sme") -> Level:
    return next(each for each in steering.levels if each.group_id == group)


def test_a_group_that_misses_nodes_is_raised_and_its_lag_grows_by_what_it_misses():
    first = look_at(
        Memory.begin(0), 0, jobs("sme", running=1, waiting=9), jobs("science", running=15)
    )
    assert level_of(first).is_raised
    then = look_at(first.memory, 10, jobs("sme", running=1, waiting=9), jobs("science", running=15))
    assert figures_of(then).lag_micronode_seconds == 30 * MICRONODES
    assert figures_of(then).worst_lag_micronode_seconds == 30 * MICRONODES
    assert figures_of(then).bound_micronode_seconds == ((4 + 2) * 60 + 4 * 10) * MICRONODES
    assert figures_of(then, "science").bound_micronode_seconds == 0
    assert figures_of(then).totals == Totals(
        delivered_node_seconds=10,
        entitled_micronode_seconds=40 * MICRONODES,
        met_micronode_seconds=10 * MICRONODES,
    )


def test_it_is_lowered_when_two_looks_in_a_row_find_it_not_owed():
    owed = look_at(Memory.begin(0), 0, jobs("sme", waiting=1))
    served = look_at(owed.memory, 1, jobs("sme", running=1))
    assert level_of(served).is_raised
    again = look_at(served.memory, 2, jobs("sme", running=1))
    assert level_of(again) == Level(group_id="sme")


def test_a_group_without_a_guarantee_is_told_nothing():
    steering = look_at(Memory.begin(0), 0, jobs("science", waiting=9))
    assert [level.group_id for level in steering.levels] == ["sme", "health"]


def test_what_cannot_start_anyway_is_no_debt():
    barred = look_at(
        Memory.begin(0),
        0,
        jobs("sme", waiting=9, is_eligible=False),
        jobs("health", waiting=1, nodes=3),
        jobs("science", waiting=1, nodes=12),
    )
    assert not any(level.is_raised for level in barred.levels)
    assert [each.waiting_nodes for each in barred.figures] == [0, 0, 12]


def test_a_job_of_another_qos_counts_for_the_group_of_its_account():
    foreign = jobs("normal", waiting=3, account="p-1")
    assert figures_of(look_at(Memory.begin(0), 0, foreign)).waiting_nodes == 0
    known = look_at(Memory.begin(0), 0, foreign, group_of={"p-1": "sme"})
    assert figures_of(known).waiting_nodes == 3


def test_of_two_raised_groups_none_takes_the_room_of_the_other():
    alone = look_at(Memory.begin(0), 0, jobs("sme", waiting=20))
    assert level_of(alone).most_nodes is None
    both = look_at(Memory.begin(0), 0, jobs("sme", waiting=20), jobs("health", waiting=3))
    assert [level.most_nodes for level in both.levels] == [13, 3]
    greedy = look_at(Memory.begin(0), 0, jobs("sme", waiting=20), jobs("health", waiting=20))
    assert [level.most_nodes for level in greedy.levels] == [8, 8]
    modest = look_at(Memory.begin(0), 0, jobs("sme", waiting=2), jobs("health", waiting=3))
    assert [level.most_nodes for level in modest.levels] == [8, 8]


def test_a_pressing_group_may_have_borrowers_stopped_until_it_has_its_target():
    waiting = (jobs("sme", waiting=9), jobs("science", running=9), jobs("health", running=7))
    first = look_at(Memory.begin(0), 0, *waiting, policy=STOPPING)
    assert level_of(first).may_stop == ()
    pressing = look_at(first.memory, 3, *waiting, policy=STOPPING)
    assert level_of(pressing) == Level(
        group_id="sme", is_raised=True, may_stop=("health", "science"), most_nodes=6
    )
    assert figures_of(pressing).may_stop == ("health", "science")
    modest = look_at(
        first.memory, 3, jobs("sme", waiting=9), jobs("health", running=6), policy=STOPPING
    )
    assert level_of(modest).may_stop == ("science",)
    served = look_at(
        pressing.memory, 4, jobs("sme", running=6, waiting=3), *waiting[1:], policy=STOPPING
    )
    assert level_of(served) == Level(group_id="sme", is_raised=True)


def test_a_clock_that_was_set_back_stands_still():
    first = look_at(Memory.begin(100), 100, jobs("sme", waiting=9))
    back = look_at(first.memory, 50, jobs("sme", waiting=9))
    assert back.memory.fairness.at_seconds == 100
    assert figures_of(back).lag_micronode_seconds == 0


def test_memory_and_figures_are_kept_as_json():
    first = look_at(Memory.begin(0), 0, jobs("sme", waiting=9))
    then = look_at(first.memory, 9, jobs("sme", waiting=9), policy=STOPPING)
    assert Memory.from_json(json.loads(json.dumps(then.memory.to_json()))) == then.memory
    figures = figures_of(then)
    assert GroupFigures.from_json(json.loads(json.dumps(asdict(figures)))) == figures


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_no_group_passes_its_bound(seed, groups):
    assert Cluster(world=random_world(seed, groups=groups)).worst_ratio() <= 1


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_group_does_not_pass_the_shorter_bound_of_preemption(seed):
    world = random_world(seed, preemption=True)
    assert Cluster(world=world).worst_ratio() <= 1


@pytest.mark.parametrize("preemption", [False, True])
def test_without_steering_the_same_worlds_break_the_bound(preemption):
    worlds = [random_world(seed, groups=2, preemption=preemption) for seed in range(20)]
    assert max(Cluster(world=world, is_steered=False).worst_ratio() for world in worlds) > 1.5
