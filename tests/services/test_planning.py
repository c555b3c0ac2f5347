"""The planner finds the hardware, the price, the marks and the access mode."""

import pytest

from allmende.domain.basics.people import PUBLIC
from allmende.domain.basics.refusals import InvalidInput
from allmende.services import planning, sizes
from allmende.services.planning import NoSuchGpu, NoSuchMachine, PlanQuestion
from allmende.wiring.planning import load_planning
from tests.services.access import NOON, RULES

BILLION, TRILLION = 10**9, 10**12


def ask(parameters=7 * BILLION, tokens=TRILLION, **question):
    asked = PlanQuestion(parameters=parameters, tokens=tokens, **question)
    return planning.plan(PUBLIC, asked, facts=load_planning(), rules=RULES, now=NOON)


def test_apertus_would_take_on_jupiter_what_it_took_on_alps():
    answer = ask(70 * BILLION, 15 * TRILLION, machine="jupiter")
    assert answer.task.gpu.id == "gh200"
    assert answer.plan.gpu_hours.expected == pytest.approx(6_000_000, rel=0.1)
    assert [mark.is_reached for mark in answer.marks] == [True, True, False]


def test_a_fast_lane_may_make_a_provider_of_who_trains_further():
    first, second, _ = ask(10 * BILLION, 8 * 10**11, gpu="h100").marks
    assert first.flop == pytest.approx(10**23 / 3, rel=1e-6)
    assert (first.is_reached, second.is_reached) == (True, False)


NAMES = ["jupiter", "Jupiter", "jupiter-booster", "JUPITER Booster", "jup"]


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_is_found_by_every_name_that_it_has(name):
    assert ask(machine=name).task.machine.id == "jupiter"


@pytest.mark.parametrize("name", ["h100", "H100", "h-100"])
def test_a_gpu_is_found_however_it_is_written(name):
    assert ask(gpu=name).task.gpu.id == "h100"


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"gpu": "h10"}, "no GPU h10 in the planner. Did you mean h100?"),
        ({"gpu": "tpu"}, "Known: a100, h100"),
        ({"machine": "jupitr"}, "no machine jupitr in the planner. Did you mean jupiter?"),
        ({"machine": "ju"}, "no machine ju"),
        ({"machine": "x" * 99}, "Known: jupiter"),
    ],
)
def test_unknown_hardware_is_refused_with_what_is_near(question, words):
    with pytest.raises((NoSuchGpu, NoSuchMachine), match=words):
        ask(**question)


def test_a_gpu_or_a_machine_must_be_named():
    with pytest.raises(InvalidInput, match=r"Name a GPU .a100, .* or a machine"):
        ask()


def test_a_machine_is_planned_as_if_it_had_the_gpu_that_is_named():
    own, other = ask(machine="jupiter"), ask(gpu="b200", machine="jupiter")
    assert other.plan.gpu_hours == ask(gpu="b200").plan.gpu_hours
    assert (other.price, other.task.gpus_per_node) == (own.price, own.task.gpus_per_node)
    assert other.assumptions[0].english() == (
        "JUPITER Booster has NVIDIA GH200 96 GB. This is what the training would take if it had"
        " as many NVIDIA B200 180 GB."
    )
    assert ask(gpu="gh200", machine="jupiter") == own


def test_a_gpu_costs_what_clouds_take_and_a_machine_what_the_rules_say():
    cloud = ask(gpu="h100")
    assert cloud.price.low < cloud.price.expected < cloud.price.high
    assert "aimultiple" in cloud.price_source
    for question in ({"machine": "jupiter"}, {"gpu": "a100"}):
        answer = ask(**question)
        assert answer.price.expected == 2.0
        expected = answer.plan.gpu_hours.expected * 2.0
        assert answer.cost_euros.expected == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tokens", "fits", "does_not"),
    [
        (10**11, "playground", "fast-lane"),
        (3 * 10**11, "fast-lane", "playground"),
        (3 * TRILLION, "large-scale", "fast-lane"),
    ],
)
def test_the_mode_that_fits_is_named(tokens, fits, does_not):
    answer = ask(tokens=tokens, gpu="h100")
    assert answer.modes[0].id == fits
    assert does_not not in {mode.id for mode in answer.modes}
    assert answer.modes[0].hours == answer.plan.gpu_hours.expected


def test_node_hours_are_counted_for_modes_that_count_them():
    answer = ask(10 * BILLION, 5 * TRILLION, machine="jupiter")
    science = next(mode for mode in answer.modes if mode.id == "ai-for-science")
    assert science.hours == pytest.approx(answer.plan.gpu_hours.expected / 4)


def test_a_range_may_reach_beyond_its_mode():
    assert not ask(tokens=12 * 10**10, gpu="h100").modes[0].holds_range
    assert ask(tokens=10**9, gpu="h100").modes[0].holds_range


def test_calculator_and_planner_know_the_same_utilisation():
    planned = ask(gpu="h100").plan.utilisation.share
    assert round(planned * 100) == sizes.UTILISATION_PERCENT


def test_each_assumption_names_its_source():
    sentences = [each.english() for each in ask(machine="lumi").assumptions]
    assert "TildeOpen" in sentences[0]
    assert all("Source: " in each for each in sentences[1:])
    assert "128 GB" in sentences[1]
