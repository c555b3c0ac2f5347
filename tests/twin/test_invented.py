"""Invented workloads: the same seed, the same jobs; what is asked for is what comes."""

import numpy as np
import pytest

from allmende.domain.scheduling.shares import Share
from allmende.twin.invented import DAY_SECONDS, Demand, Recipe, estimate_jobs, invent
from allmende.twin.shares import group_by_queue

RECIPE = Recipe(
    machine_nodes=64,
    seconds=28 * DAY_SECONDS,
    load=0.9,
    median_seconds=3600,
    longest_seconds=DAY_SECONDS,
    seed=7,
)
DEMANDS = [
    Demand(name="sme", part=0.25, widest_job_nodes=8),
    Demand(name="science", part=0.75, widest_job_nodes=32),
]


def test_the_same_seed_gives_the_same_jobs_and_another_gives_others():
    one, same = invent(RECIPE, DEMANDS), invent(RECIPE, DEMANDS)
    other = invent(Recipe(**{**vars(RECIPE), "seed": 8}), DEMANDS)
    assert np.array_equal(one.arrivals, same.arrivals)
    assert np.array_equal(one.nodes, same.nodes)
    assert not np.array_equal(one.arrivals[:100], other.arrivals[:100])


def test_demand_has_the_size_and_the_parts_that_were_asked_for():
    trace = invent(RECIPE, DEMANDS)
    work = trace.nodes * trace.seconds
    assert work.sum() / (64 * RECIPE.seconds) == pytest.approx(0.9, rel=0.02)
    assert work[trace.queues == 0].sum() / work.sum() == pytest.approx(0.25, abs=0.02)
    assert estimate_jobs(RECIPE, DEMANDS) == pytest.approx(trace.numbers.size, rel=0.1)


def test_jobs_keep_every_limit_and_come_in_order():
    trace = invent(RECIPE, DEMANDS)
    assert (np.diff(trace.arrivals) >= 0).all()
    assert trace.arrivals.max() < RECIPE.seconds
    assert (trace.seconds >= 1).all()
    assert (trace.seconds <= trace.limits).all()
    assert trace.limits.max() <= RECIPE.longest_seconds
    assert trace.nodes[trace.queues == 0].max() <= 8
    powers = (trace.nodes & (trace.nodes - 1)) == 0
    assert powers.mean() > 0.8


def test_nights_and_weekends_are_quieter():
    hours = invent(RECIPE, DEMANDS).arrivals // 3600
    assert ((hours % 24) == 14).sum() > 2 * ((hours % 24) == 3).sum()
    days = np.bincount((hours // 24) % 7)
    assert days[5:].max() < days[:5].min()


def test_more_of_one_group_leaves_the_jobs_of_another_as_they_were():
    more = [Demand(name="sme", part=0.5, widest_job_nodes=8), DEMANDS[1]]
    science = [t.nodes[t.queues == 1] for t in (invent(RECIPE, DEMANDS), invent(RECIPE, more))]
    assert np.array_equal(*science)


def test_a_group_without_demand_submits_nothing_and_queues_become_groups():
    trace = invent(RECIPE, [Demand(name="sme", part=0, widest_job_nodes=8), DEMANDS[1]])
    assert set(trace.queues.tolist()) == {1}
    grouping = group_by_queue([Share(path=("science",), weight=3)], trace)
    assert [share.path for share in grouping.tree.groups] == [("science",), ("sme",)]
    assert set(grouping.group_of_job.tolist()) == {0}
