"""The best start within a range: against a search through every second."""

from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.scheduling.flexible import (
    DayTime,
    Hour,
    HoursAreUnclear,
    choose_start,
    parse_day_time,
    percent_inside,
    preferred_hours,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def hours_of(*costs: float | None, seconds: int = 10) -> list[Hour]:
    return [
        Hour(starts_at=at(seconds * n), ends_at=at(seconds * (n + 1)), cost=cost)
        for n, cost in enumerate(costs)
        if cost is not None
    ]


def total(start: int, duration: int, hours: list[Hour]) -> Fraction:
    """Add up the cost of every second; one outside of the hours is dearer than any of them."""
    unknown = max(Fraction(hour.cost) for hour in hours) + 1
    return sum(
        (
            next((Fraction(h.cost) for h in hours if h.starts_at <= at(s) < h.ends_at), unknown)
            for s in range(start, start + duration)
        ),
        Fraction(0),
    )


@given(
    costs=st.lists(st.none() | st.sampled_from([0, 1, 2.5, 0.1, 0.3, -1, 400]), min_size=1)
    .map(lambda costs: costs[:6])
    .filter(any),
    earliest=st.integers(-15, 40),
    slack=st.integers(0, 50),
    duration=st.integers(1, 35),
)
def test_no_start_is_better_and_none_as_good_is_earlier(costs, earliest, slack, duration):
    hours = hours_of(*costs)
    chosen = choose_start(
        at(earliest), at(earliest + slack), duration_seconds=duration, hours=hours
    )
    starts = range(earliest, earliest + slack + 1)
    best = min(starts, key=lambda start: (total(start, duration, hours), start))
    assert chosen == at(best)


def test_without_hours_or_without_slack_it_begins_at_once():
    assert choose_start(NOON, at(99), duration_seconds=5, hours=[]) == NOON
    assert choose_start(NOON, NOON, duration_seconds=5, hours=hours_of(9, 1)) == NOON
    assert choose_start(NOON, at(-9), duration_seconds=5, hours=hours_of(9, 1)) == NOON


def test_the_cheapest_hours_are_taken_and_the_first_on_a_tie():
    hours = hours_of(5, 1, 5, 1)
    assert choose_start(NOON, at(60), duration_seconds=10, hours=hours) == at(10)
    assert choose_start(NOON, at(5), duration_seconds=10, hours=hours) == at(5)


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [("10:00-16:00", time(10), time(16)), ("22:30-06:00", time(22, 30), time(6))],
)
def test_a_time_of_the_day_is_read(text, begins, ends):
    assert parse_day_time(text) == DayTime(begins, ends)


@pytest.mark.parametrize("text", ["", "10-16", "10:00", "10:00-25:00", "10:00-10:00", "10:00-16"])
def test_what_is_no_time_of_the_day_is_refused(text):
    with pytest.raises(HoursAreUnclear, match="10:00-16:00"):
        parse_day_time(text)


def spans(*texts: str, since: datetime, days: int = 1) -> list[tuple[str, str]]:
    found = preferred_hours(
        [parse_day_time(text) for text in texts],
        zone=BERLIN,
        since=since,
        until=since + timedelta(days=days),
    )
    assert all(hour.cost == 0 for hour in found)
    return [(f"{hour.starts_at:%d %H:%M}", f"{hour.ends_at:%d %H:%M}") for hour in found]


def test_preferred_hours_follow_the_clocks_of_the_place():
    assert ("25 09:00", "25 15:00") in spans("10:00-16:00", since=NOON)
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert ("01 08:00", "01 14:00") in spans("10:00-16:00", since=summer)


def test_hours_that_touch_or_overlap_are_one():
    found = spans("10:00-12:00", "12:00-14:00", "13:00-16:00", since=NOON, days=0)
    assert found == [("24 09:00", "24 15:00"), ("25 09:00", "25 15:00")]


def test_a_night_belongs_to_the_day_on_which_it_begins():
    found = spans("22:00-06:00", since=NOON, days=0)
    assert found == [("24 21:00", "25 05:00"), ("25 21:00", "26 05:00")]


def test_nights_in_which_the_clocks_change_are_as_long_as_they_really_are():
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)  # 02:00-03:00 is there twice
    assert ("25 00:00", "25 02:00") in spans("02:00-03:00", since=autumn)
    assert ("24 20:00", "25 05:00") in spans("22:00-06:00", since=autumn)
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)  # 02:00-03:00 is not there at all
    assert [begins for begins, _ in spans("02:00-03:00", since=spring)] == ["27 01:00", "28 01:00"]
    assert ("28 21:00", "29 04:00") in spans("22:00-06:00", since=spring)


def test_a_month_of_hours_is_chosen_from_quickly():
    hours = hours_of(*(float(n * 7919 % 613) for n in range(720)), seconds=3600)
    chosen = choose_start(NOON, at(30 * 86_400), duration_seconds=5 * 3600, hours=hours)
    assert NOON <= chosen <= at(30 * 86_400)


@given(st.lists(st.sampled_from([0, None]), max_size=6), st.integers(-10, 70), st.integers(1, 60))
def test_the_part_inside_of_hours_is_that_of_its_seconds(costs, start, duration):
    hours = hours_of(*costs)
    seconds = range(start, start + duration)
    inside = sum(any(h.starts_at <= at(second) < h.ends_at for h in hours) for second in seconds)
    assert percent_inside(hours, at(start), duration_seconds=duration) == 100 * inside // duration
