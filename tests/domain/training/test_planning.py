"""Plans: in order, in proportion, and refused where they cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.layouts import ModelTooLarge
from allmende.domain.training.planning import (
    MoreThanThereIs,
    NoSuchPrecision,
    NothingKnown,
    Task,
    TooManyActive,
    plan_training,
)
from allmende.domain.training.published_runs import Precision
from allmende.domain.training.ranges import Range, around
from tests.domain.training.planning_facts import FACTS, gpu, machine

LARGE = {"parameters": 70 * 10**9, "tokens": 2 * 10**12}
parameters = st.integers(10**6, 10**11)
tokens = st.integers(10**6, 10**14)


def plan(**changes):
    return plan_training(Task(**{"gpu": gpu(), **LARGE, **changes}), FACTS)


def test_the_arithmetic_by_hand():
    made = plan(gpus=512)
    assert made.flop == 6 * 70 * 2 * 10**21
    # The middle one of Alder (0.4), Birch (0.3) and Cedar (0.2).
    share = 0.3
    assert made.gpu_hours.expected == pytest.approx(8.4e23 / (1e15 * share * 3600))
    assert made.days.expected == pytest.approx(made.gpu_hours.expected / 512 / 24)
    assert made.nodes == 64
    assert made.power_kilowatts.expected == pytest.approx(512 * (630 + 150) * 1.2 / 1000)
    hours = made.gpu_hours.expected
    assert made.energy_kwh.expected == pytest.approx(hours * (630 + 150) * 1.2 / 1000)
    assert made.carbon_kg.expected == pytest.approx(made.energy_kwh.expected * 0.363)
    assert made.checkpoints.gigabytes == 980
    assert made.checkpoints.write_seconds == pytest.approx(980 / 64)
    assert "30 per cent of the peak" in made.notes[0].english()


@given(parameters=parameters, tokens=tokens, gpus=st.sampled_from([None, 256, 1024]))
def test_every_range_is_in_order(parameters, tokens, gpus):
    made = plan(parameters=parameters, tokens=tokens, gpus=gpus)
    ranges = (made.gpu_hours, made.days, made.power_kilowatts, made.energy_kwh, made.carbon_kg)
    assert all(0 < each.low <= each.expected <= each.high for each in ranges)
    assert made.gpus == made.layout.gpus == (gpus or made.nodes * 8)
    hours = made.days.expected * 24 * made.gpus
    assert hours == pytest.approx(made.gpu_hours.expected)
    power = made.power_kilowatts.expected * made.days.expected * 24
    assert power == pytest.approx(made.energy_kwh.expected)


@given(small=parameters, large=parameters, few=tokens, many=tokens)
def test_more_parameters_or_tokens_never_take_less(small, large, few, many):
    (small, large), (few, many) = sorted([small, large]), sorted([few, many])
    less = plan(parameters=small, tokens=few, gpus=256)
    more = plan(parameters=large, tokens=many, gpus=256)
    assert less.flop <= more.flop
    for name in ("gpu_hours", "days", "energy_kwh", "carbon_kg"):
        assert getattr(less, name).expected <= getattr(more, name).expected
    assert less.checkpoints.gigabytes <= more.checkpoints.gigabytes


def test_only_the_active_parameters_compute():
    dense, sparse = plan(), plan(active_parameters=7 * 10**9)
    assert sparse.flop * 10 == dense.flop
    assert sparse.utilisation.families == ("Mixed",)
    assert plan(active_parameters=70 * 10**9).utilisation == dense.utilisation


def test_by_itself_it_lasts_two_months_at_most():
    made = plan()
    assert made.days.expected <= 60
    assert made.gpus % 8 == 0
    assert plan(parameters=10**6, tokens=10**6).gpus == 8


def test_a_machine_ends_where_it_ends():
    small = machine(nodes=4)
    made = plan(machine=small)
    assert made.gpus == 32
    assert made.days.expected > 60
    with pytest.raises(MoreThanThereIs, match="Hall has 32 GPUs, not 33"):
        plan(machine=small, gpus=33)
    with pytest.raises(MoreThanThereIs, match="Hall has 8 GPUs, not 16"):
        plan(machine=machine(nodes=1))
    unknown = machine(nodes=None)
    assert unknown.gpus is None
    assert plan(machine=unknown).gpus == plan().gpus


def test_what_cannot_be_is_refused():
    with pytest.raises(TooManyActive, match=r"\(7.1 × 10¹⁰\) than the model has"):
        plan(active_parameters=71 * 10**9)
    with pytest.raises(NoSuchPrecision, match="Quick 80 does not compute in FP8"):
        plan(gpu=gpu(has_fp8=False), precision=Precision.FP8)
    with pytest.raises(NothingKnown, match="No published run"):
        plan(precision=Precision.FP8)
    with pytest.raises(ModelTooLarge):
        plan(gpus=3)


def test_a_gpu_without_runs_of_its_own_is_planned_with_care():
    borrowed = plan(gpu=gpu(generation="vulcan", like="hopper"), gpus=512)
    known = plan(gpus=512)
    assert borrowed.utilisation.share == known.utilisation.share
    assert borrowed.gpu_hours.low < known.gpu_hours.low
    assert "borrows from Alder, Birch, Cedar" in borrowed.notes[0].english()
    sparse = plan(gpu=gpu(generation="vulcan", like="ampere"), active_parameters=10**9)
    assert sparse.utilisation.is_borrowed


def test_too_many_replicas_and_work_done_twice_are_said():
    assert "more than the 3906 sequences" in plan(gpus=65_536).notes[-1].english()
    twice = plan(parameters=10**12, gpu=gpu(gpus_per_node=4))
    assert "computed again" in twice.notes[1].english()


def test_ranges_multiply_by_their_ends():
    one, two = Range(low=1, expected=2, high=3), around(10, factor=2)
    assert one * two == Range(low=5, expected=20, high=60)
    assert (one * 2).map(lambda each: each + 1) == Range(low=3, expected=5, high=7)
    with pytest.raises(AssertionError, match="in order"):
        Range(low=2, expected=1, high=3)
