"""Forward runs within a number of decisions, and for jobs that are only asked about."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling.shares import Share, ShareTree
from allmende.twin.forecasts import HORIZON_SECONDS, RUNS, TOGETHER, Forward, make_dice
from allmende.twin.pasts import Past
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_policy,
    a_running,
    a_snapshot,
    random_policy,
    random_snapshot,
)
from tests.twin.test_forecasts import FREE, forward, past_of

FULL = [a_running("r", nodes=(0, 1), started=NOW - 10, ends=NOW + 40)]


def a_queue(length):
    """Jobs of two nodes each, one after the other."""
    return [a_pending(f"j{number:03}", nodes=2) for number in range(length)]


def test_as_many_runs_are_made_as_the_decisions_allow():
    ahead = forward(a_queue(40), FULL, past_of(*range(5, 95, 3)))
    few = ahead.forecast("j039", dice=make_dice(1), decisions=300)
    all_runs = ahead.forecast("j039", dice=make_dice(1))
    assert TOGETHER < few.runs < 12
    assert all_runs.runs == RUNS
    assert few.earliest_seconds <= few.median_seconds <= few.latest_seconds


def test_what_the_decisions_do_not_reach_starts_after_it():
    ahead = forward(a_queue(40), FULL, past_of(*range(5, 95, 3)))
    told = ahead.forecast("j039", dice=make_dice(1), decisions=20)
    assert (told.runs, told.median_seconds, told.latest_seconds) == (TOGETHER, None, None)
    assert 0 < told.earliest_seconds < min(ahead.run("j039", dice=make_dice(1), runs=8))


def test_beyond_the_horizon_nothing_is_said_with_few_decisions_either():
    past = past_of(*[100] * 20, every=10**6)  # everybody runs to the limit
    running = [a_running("r", ends=NOW + 2 * HORIZON_SECONDS)]
    ahead = forward([a_pending("j", nodes=2)], running, past)
    told = ahead.forecast("j", dice=make_dice(1), decisions=200)
    assert (told.earliest_seconds, told.latest_seconds) == (None, None)


@given(seed=st.integers(min_value=0, max_value=2**32), decisions=st.integers(2, 400))
@settings(max_examples=25)
def test_any_number_of_decisions_gives_a_range_in_order(seed, decisions):
    rng = Random(seed)
    ahead = Forward(random_snapshot(rng), random_policy(rng), past_of(*range(5, 95, 9)))
    for job in ahead.eligible[:2]:
        told = ahead.forecast(job.id, dice=make_dice(seed), decisions=decisions)
        said = [told.earliest_seconds, told.median_seconds, told.latest_seconds]
        known = [second for second in said if second is not None]
        assert known == sorted(known)
        assert said[: len(known)] == known


def test_one_of_several_asked_is_forecast_as_if_it_alone_were_submitted():
    asked = [a_pending("wide", nodes=2, submitted=NOW), a_pending("slim", submitted=NOW)]
    snapshot = a_snapshot(a_machine(2), FREE, a_queue(3), FULL)
    together = Forward(snapshot, a_policy(), past_of(*[100] * 20, every=10**6), asked)
    for job in asked:
        alone = a_snapshot(a_machine(2), FREE, [*a_queue(3), job], FULL)
        expected = Forward(alone, a_policy(), past_of(*[100] * 20, every=10**6))
        told, known = (
            set(each.run(job.id, dice=make_dice(1), runs=4).tolist())
            for each in (together, expected)
        )
        assert told == known
    # Nor does it stand in the way of those that do wait.
    assert set(together.run("j000", dice=make_dice(1), runs=4).tolist()) == {40}


@pytest.mark.parametrize("jobs", [0, 500])
def test_a_long_queue_is_asked_alike(jobs):
    asked = [a_pending("asked", submitted=NOW)]
    waiting = [a_pending(f"j{number:03}", limit=1) for number in range(jobs)]
    snapshot = a_snapshot(a_machine(2), FREE, waiting, FULL)
    ahead = Forward(snapshot, a_policy(), Past([]), asked)
    assert (ahead.run("asked", dice=make_dice(1), runs=2) >= jobs // 2).all()


def test_a_group_at_its_ceiling_may_be_asked_about():
    tree = ShareTree(shares=(Share(path=("free",), ceiling_ppm=500_000),))
    running = [a_running("r", nodes=(0,), started=NOW - 10, ends=NOW + 40)]
    snapshot = a_snapshot(a_machine(2), tree, [], running)
    past = past_of(*[100] * 20, every=10**6)
    ahead = Forward(snapshot, a_policy(), past, [a_pending("asked", submitted=NOW)])
    assert set(ahead.run("asked", dice=make_dice(1), runs=4).tolist()) == {40}


def test_what_can_never_start_is_not_run():
    snapshot = a_snapshot(a_machine(2), FREE, [], FULL)
    ahead = Forward(snapshot, a_policy(), Past([]), [a_pending("asked", nodes=3, submitted=NOW)])
    assert ahead.eligible_ids == set()
