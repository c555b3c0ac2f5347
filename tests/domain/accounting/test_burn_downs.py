from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.accounting.burn_downs import DAY_SECONDS, BurnDown, advise, measure_rates
from allmende.domain.basics.sentences import Sentence
from tests.domain.accounting.quota_worlds import HOUR, a_period, at

UNIT = Sentence("node-h")
PERIOD = a_period((2026, 10, 1), (2026, 12, 31))


def a_burn_down(*, awarded=1000, used=0, rates=(0, 0), nodes=4, now=None, **held):
    """Return a project whose figures are given in hours, its rates in hours a day."""
    return BurnDown(
        period=PERIOD,
        at=now or at(2026, 12, 1),  # thirty days are left
        awarded_seconds=awarded * HOUR,
        used_seconds=used * HOUR,
        running_seconds=held.get("running", 0) * HOUR,
        committed_seconds=held.get("committed", 0) * HOUR,
        expired_seconds=held.get("expired", 0) * HOUR,
        rates=tuple(Fraction(rate, 24) for rate in rates),
        seconds_a_second=nodes,
        marks=(),
    )


def advice(burn):
    return str(advise(burn, unit=UNIT))


def test_what_is_left_is_neither_used_nor_held_nor_expired():
    burn = a_burn_down(used=300, running=50, committed=30, expired=20)
    assert burn.left_seconds == 600 * HOUR
    assert burn.unused_seconds == 680 * HOUR


def test_the_calendar_lets_nobody_use_more_than_every_node_until_the_end():
    # One node, thirty days: 720 h. What runs now was begun before and comes on top.
    burn = a_burn_down(nodes=1, running=10)
    assert burn.possible_seconds == 730 * HOUR
    assert burn.certainly_lost_seconds == 270 * HOUR
    assert "270.0 node-h cannot be used any more" in advice(burn)


def test_hours_that_will_be_lost_are_a_range():
    burn = a_burn_down(used=200, rates=(10, 20))
    assert burn.lost_seconds == (200 * HOUR, 500 * HOUR)
    assert "200.0 to 500.0 node-h expire unused" in advice(burn)
    assert burn.used_up_at is None


def test_who_is_faster_than_the_calendar_is_told_when_it_ends():
    burn = a_burn_down(used=900, rates=(5, 10))
    assert burn.used_up_at == at(2026, 12, 11)
    assert "before the project ends" in advice(burn)


def test_who_is_on_course_is_told_so():
    assert "on course" in advice(a_burn_down(used=400, rates=(20, 20)))
    assert a_burn_down(rates=(0, 0)).used_up_at is None


def test_a_range_of_nothing_is_one_figure():
    assert "rate 400.0 node-h expire unused" in advice(a_burn_down(rates=(20, 20)))


def test_on_its_first_day_a_project_is_told_what_it_may_use_a_day():
    burn = a_burn_down(awarded=910, now=PERIOD.starts_at)
    assert burn.is_young
    assert "10.0 node-h a day use everything" in advice(burn)


def test_what_is_over_is_over():
    assert "All hours are used" in advice(a_burn_down(used=1000))
    assert "over" in advice(a_burn_down(now=at(2027, 1, 1)))


def test_a_project_that_has_not_begun_has_its_whole_period():
    burn = a_burn_down(now=at(2026, 9, 1))
    assert burn.ahead_seconds == PERIOD.seconds


@pytest.mark.parametrize(("days", "expected"), [(28, (10, 20)), (7, (20, 40)), (0, (140, 280))])
def test_a_young_project_counts_from_its_beginning(days, expected):
    lately = [(14, 140 * HOUR), (28, 280 * HOUR)]
    rates = measure_rates(lately, age_seconds=days * DAY_SECONDS)
    if days == 28:
        assert [rate * 24 for rate in rates] == [10, 10]
    else:
        assert [rate * 24 for rate in rates] == list(expected)


def test_more_refunds_than_use_are_a_rate_of_zero():
    assert measure_rates([(14, -5)], age_seconds=10**7) == (0,)


AMOUNT = st.integers(0, 2000)


@given(
    used=AMOUNT,
    running=AMOUNT,
    rates=st.lists(st.integers(0, 500), min_size=2, max_size=2).map(sorted),
    nodes=st.integers(0, 10),
    days=st.integers(-10, 120),
)
def test_what_is_lost_lies_between_what_must_be_and_everything(used, running, rates, nodes, days):
    burn = a_burn_down(used=used, running=running, rates=rates, nodes=nodes)
    burn = replace(burn, at=PERIOD.starts_at + timedelta(days=days))
    least, most = burn.lost_seconds
    assert 0 <= burn.certainly_lost_seconds <= least <= most <= burn.unused_seconds
    assert advice(burn)
    earlier = replace(burn, at=burn.at - timedelta(days=1))
    assert earlier.certainly_lost_seconds <= burn.certainly_lost_seconds
