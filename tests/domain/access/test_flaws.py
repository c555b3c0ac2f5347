"""A mode and a call are refused for the same reasons, wherever they were written."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.calls import CutOffCalendar, defaults_of, on_its_machine
from allmende.domain.access.flaws import list_call_flaws, list_mode_flaws, list_past_flaws
from allmende.domain.access.modes import Calendar, Modes, Price
from allmende.domain.access.working_days import BERLIN, day_of, period_of
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import HOUR, NOON, PLAYGROUND, RULES, TODAY

LARGE_SCALE = RULES.get_mode("large-scale", on=TODAY)
PLAY = RULES.get_mode("playground", on=TODAY)
SCIENCE = RULES.get_call("werkbank-ai-for-science-2027-1")
MACHINE = RULES.get_partition("werkbank")
PLAN = LARGE_SCALE.review


def places(flaws):
    return [".".join(map(str, flaw.at)) for flaw in flaws]


def call_flaws(call, modes=RULES.modes):
    return places(list_call_flaws(call, modes=modes, partitions=RULES.partitions))


def test_what_is_shipped_has_no_flaw():
    assert [flaw for mode in RULES.modes.modes for flaw in list_mode_flaws(mode)] == []
    assert [flaw for call in RULES.calls for flaw in call_flaws(call)] == []


@pytest.mark.parametrize(
    ("mode", "at"),
    [
        (replace(PLAY, id="Play ground"), "id"),
        (replace(PLAY, names={"en": "Play", "de": " "}), "names"),
        (replace(PLAY, audience={"de": "Alle"}), "audience"),
        (replace(PLAY, durations_months=()), "durations_months"),
        (replace(PLAY, durations_months=(0,)), "durations_months"),
        (replace(PLAY, decision_working_days=-1), "decision_working_days"),
        (replace(PLAY, size_min_seconds=9, size_max_seconds=8), "size_max_seconds"),
        (replace(PLAY, routes=frozenset()), "routes"),
        (replace(PLAY, review=PLAN, calendar=Calendar.CUT_OFFS, decision_working_days=10),
         "selection"),
        (replace(LARGE_SCALE, review=None), "selection"),
        (replace(LARGE_SCALE, calendar=Calendar.ALWAYS_OPEN), "calendar"),
        (replace(LARGE_SCALE, review=replace(PLAN, criteria=(), tie_breaks=(), sum_threshold=0)),
         "review.criteria"),
        (replace(LARGE_SCALE, review=replace(PLAN, tie_breaks=("beauty",))), "review.tie_breaks"),
        (replace(LARGE_SCALE, review=replace(PLAN, sum_threshold=16)), "review.sum_threshold"),
        (replace(LARGE_SCALE, review=replace(PLAN, reviews_per_application=0)),
         "review.reviews_per_application"),
        (replace(LARGE_SCALE, review=replace(PLAN, assessment_working_days=7)),
         "review.assessment_working_days"),
        (replace(LARGE_SCALE, decision_working_days=9), "review.panel_working_days"),
        (replace(LARGE_SCALE, review=replace(PLAN, rebuttal_working_days=3)),
         "review.rebuttal_working_days"),
        (replace(LARGE_SCALE, review=replace(
            PLAN, criteria=(replace(PLAN.criteria[0], weight=0), *PLAN.criteria[1:]))),
         "review.criteria.0.weight"),
        (replace(LARGE_SCALE, review=replace(
            PLAN, criteria=(PLAN.criteria[0], replace(PLAN.criteria[1], names={"en": "I"}),
                            PLAN.criteria[2]))),
         "review.criteria.1.names"),
    ],
)  # fmt: skip
def test_a_flaw_of_a_mode_stands_at_its_field(mode, at):
    assert places(list_mode_flaws(mode)) == [at]


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"id": "A call"}, "id"),
        ({"id": "x" * 41}, "id"),
        ({"descriptions": {"en": "One"}}, "descriptions"),
        ({"size_max_seconds": 0}, "size_max_seconds"),
        ({"size_min_seconds": 5 * HOUR}, "size_max_seconds"),
        ({"size_max_seconds": 5_001 * HOUR}, "size_max_seconds"),
        ({"closes_at": PLAYGROUND.opens_at}, "closes_at"),
        ({"terms_text": " \n"}, "terms_text"),
        ({"terms_version": ""}, "terms_text"),
        ({"mode_id": "sandbox"}, "mode_id"),
        ({"partition_id": "bench"}, "partition_id"),
        ({"unit": TimeUnit.GPU_SECONDS}, "unit"),
        ({"access_share": "local"}, "access_share"),
        ({"cut_offs": (NOON,)}, "cut_offs"),
        ({"price_cents_per_hour": 1}, "price_cents_per_hour"),
    ],
)
def test_a_flaw_of_a_call_stands_at_its_field(changes, at):
    assert call_flaws(replace(PLAYGROUND, **changes)) == [at]


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"cut_offs": ()}, "cut_offs"),
        ({"cut_offs": SCIENCE.cut_offs[::-1]}, "cut_offs"),
        ({"cut_offs": (SCIENCE.opens_at, *SCIENCE.cut_offs)}, "cut_offs"),
        ({"decision_working_days": 20}, "decision_working_days"),
    ],
)
def test_a_call_of_a_reviewed_mode_keeps_its_clock(changes, at):
    assert call_flaws(replace(SCIENCE, **changes)) == [at]


def test_a_mode_that_begins_on_a_day_carries_a_call_that_opens_at_its_midnight_in_berlin():
    """Midnight of 1 January in Berlin is still 31 December in UTC."""
    mode = replace(PLAY, id="new-year", valid_from=date(2027, 1, 1))
    midnight = datetime(2027, 1, 1, tzinfo=BERLIN).astimezone(UTC)
    assert midnight.date() == date(2026, 12, 31)
    call = replace(PLAYGROUND, mode_id="new-year", opens_at=midnight)
    modes = Modes((mode,))
    assert call_flaws(call, modes) == []
    assert call_flaws(replace(call, opens_at=midnight - timedelta(seconds=1)), modes) == ["mode_id"]
    rules = replace(RULES, modes=modes)
    assert rules.get_mode_of(call) == mode
    assert rules.get_mode_of(replace(call, mode=PLAY)) == PLAY


@given(st.integers(0, 20 * 366 * 24 * 3600))
def test_every_instant_lies_in_its_day_and_days_meet(seconds):
    instant = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    day = day_of(instant)
    assert instant in period_of(day)
    assert period_of(day).ends_at == period_of(day + timedelta(days=1)).starts_at


def test_the_days_of_the_clock_change_are_shorter_and_longer():
    hours = [period_of(date(2027, *day)).seconds // HOUR for day in ((3, 28), (6, 1), (10, 31))]
    assert hours == [23, 24, 25]


def test_a_new_call_is_not_over_before_it_begins():
    fine = replace(PLAYGROUND, opens_at=NOON - timedelta(hours=1))
    assert list_past_flaws(fine, now=NOON) == []
    gone = replace(fine, opens_at=NOON - timedelta(days=1), cut_offs=(NOON,), closes_at=NOON)
    assert places(list_past_flaws(gone, now=NOON)) == ["opens_at", "cut_offs", "closes_at"]


@pytest.mark.parametrize(
    ("unit", "gpus", "most_hours"),
    [
        (TimeUnit.NODE_SECONDS, 4, 1_250),
        (TimeUnit.NODE_SECONDS, 0, 5_000),
        (TimeUnit.GPU_SECONDS, 4, 5_000),
    ],
)
def test_what_a_mode_proposes_for_a_machine_is_what_it_carries(unit, gpus, most_hours):
    machine = replace(MACHINE, unit=unit, gpus_per_node=gpus)
    values = defaults_of(PLAY, machine)
    assert values["size_max_seconds"] == most_hours * HOUR
    call = replace(PLAYGROUND, **values)
    assert list_call_flaws(call, modes=RULES.modes, partitions=(machine,)) == []


def test_node_hours_of_a_mode_are_proposed_as_gpu_hours_and_shares_are_those_of_the_machine():
    benchmark = RULES.get_mode("benchmark", on=TODAY)
    machine = replace(
        MACHINE, unit=TimeUnit.GPU_SECONDS, gpus_per_node=4, access_shares={"local": Fraction(1)}
    )
    values = defaults_of(benchmark, machine)
    assert (values["size_max_seconds"], values["access_share"]) == (14_000 * HOUR, "local")
    bare = replace(machine, access_shares={})
    unlimited = defaults_of(replace(PLAY, size_max_seconds=None), bare)
    assert (unlimited["size_max_seconds"], unlimited["access_share"]) == (0, "union")
    old = replace(MACHINE, bought_after_2020=False)
    assert not on_its_machine(PLAYGROUND, [old]).bought_after_2020
    assert on_its_machine(PLAYGROUND, []) == PLAYGROUND


def test_cut_offs_to_come_are_offered_in_order():
    first, second = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    calendar = CutOffCalendar(
        mode_id="m", year=2026, instants=(second, first), source="s", checked_on=TODAY
    )
    rules = replace(RULES, calendars=(calendar, replace(calendar, mode_id="n")))
    assert rules.list_cut_offs("m", now=NOON) == (first,)
    assert rules.list_cut_offs("m", now=first) == ()


def test_a_call_is_open_on_a_day_that_it_touches():
    call = replace(PLAYGROUND, opens_at=NOON, closes_at=NOON + timedelta(hours=1))
    day = day_of(NOON)
    days = [call.is_open_on(period_of(day + timedelta(days=n))) for n in (-1, 0, 1)]
    assert days == [False, True, False]
    assert replace(call, closes_at=None).is_open_on(period_of(day + timedelta(days=1)))
    paid = replace(PLAYGROUND, price_cents_per_hour=5)
    modes = Modes((replace(PLAY, price=Price.PAID),))
    assert call_flaws(paid, modes) == []
