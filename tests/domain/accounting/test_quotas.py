from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.accounting.quotas import (
    Extension,
    Grant,
    MonthIsUsedUp,
    Priority,
    Usage,
    WholeIsUsedUp,
    check_not_blocked,
    list_months,
    spread,
    stand,
)
from allmende.domain.basics.periods import Period
from allmende.domain.basics.units import TimeUnit
from tests.domain.accounting.quota_worlds import HOUR, STYLES, a_period, a_usage, at

N, LOW, BLOCKED = Priority.NORMAL, Priority.LOW, Priority.BLOCKED


def in_march(style, *used, **rest):
    """Return how 100 h a month stand in March, in hours: priority, usable, left."""
    standing = stand(STYLES[style], a_usage(*used, **rest), now=at(2026, 3, 10))
    return standing.priority, standing.normal_seconds // HOUR, standing.left_seconds // HOUR


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((100, 100, 0), (N, 200, 200)),  # this month's, and the next one's
        ((0, 0, 0), (N, 300, 300)),  # 100 h from February; January's are forfeited
        ((0, 50, 0), (N, 300, 300)),  # the older hours are used first: February's are all left
        ((0, 150, 0), (N, 250, 250)),  # of 200 h, 50 h of February's own are left
        ((100, 60, 0), (N, 240, 240)),
        ((100, 100, 199), (N, 200, 1)),
        ((100, 100, 200), (LOW, 200, 0)),  # overdrawn by a whole month
        ((100, 100, 250), (LOW, 200, 0)),
        ((100, 180, 0), (N, 120, 120)),  # February used 80 h of March
        ((200, 200, 0), (N, 99, 99)),  # 200 h overdrawn count as 101 %
        ((400, 0, 0), (N, 199, 199)),  # January's debt, forgiven beyond 101 %, fell by one month
    ],
)
def test_juelich(used, expected):
    assert in_march("juelich", *used) == expected


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((100, 100, 0), (N, 200, 200)),
        ((0, 0, 0), (N, 300, 300)),  # three months' worth, never more
        ((0, 0, 299), (N, 300, 1)),
        ((0, 0, 300), (LOW, 300, 0)),
        ((0, 0, 599), (LOW, 300, 0)),
        ((0, 0, 600), (BLOCKED, 300, 0)),  # six times the quota of the month
        ((300, 0, 0), (N, 200, 200)),  # pre-use of one month; the rest of it is not inherited
        ((100, 300, 0), (N, 100, 100)),
        ((1200, 1150, 50), (BLOCKED, 100, 50)),  # twice the whole project
    ],
)
def test_aachen(used, expected):
    assert in_march("rwth", *used) == expected


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((0, 0, 0), (N, 100, 100)),
        ((0, 0, 99), (N, 100, 1)),
        ((0, 0, 100), (LOW, 100, 0)),
        ((300, 500, 0), (N, 100, 100)),  # each month begins anew
        ((0, 0, 1200), (LOW, 100, 0)),  # what is left stays usable
    ],
)
def test_leonardo(used, expected):
    assert in_march("leonardo", *used) == expected


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((0, 0, 0), (N, 1200, 1200)),
        ((1199, 0, 0), (N, 1200, 1)),
        ((1000, 100, 100), (LOW, 1200, 0)),
        ((1400, 99, 0), (LOW, 1200, 0)),
        ((1500, 0, 0), (BLOCKED, 1200, 0)),  # a quarter more
    ],
)
def test_jean_zay(used, expected):
    assert in_march("jean-zay", *used) == expected


def test_what_running_jobs_hold_counts_as_used():
    assert in_march("leonardo", 0, 0, 60, running_hours=39)[0] is N
    assert in_march("leonardo", 0, 0, 60, running_hours=40)[0] is LOW


def test_nothing_is_borrowed_in_the_last_month():
    december = stand(STYLES["juelich"], a_usage(*[100] * 12), now=at(2026, 12, 31, 23, 59))
    assert (december.borrowed_seconds, december.priority) == (0, LOW)


def test_before_its_period_and_after_it_a_project_stands_as_in_the_nearest_month():
    style, usage = STYLES["leonardo"], a_usage(100)
    assert stand(style, usage, now=at(2025, 6)).priority is LOW
    assert stand(style, usage, now=at(2028, 6)) == stand(style, usage, now=at(2026, 12))


def test_months_begin_at_midnight_of_the_place_also_when_clocks_change():
    months = list_months(a_period((2026, 3, 1), (2026, 5, 1)), "Europe/Berlin")
    assert [month.starts_at.isoformat()[:16] for month in months] == [
        "2026-02-28T23:00",
        "2026-03-31T22:00",
    ]
    assert [month.seconds // HOUR for month in months] == [31 * 24 - 1, 30 * 24]
    # An hour of March is as much of its quota before the change as after it.
    usage = a_usage(period=a_period((2026, 3, 1), (2026, 5, 1)), awarded_hours=200)
    assert spread(usage) == (100 * HOUR, 100 * HOUR)


def test_a_month_that_the_period_only_touches_counts_for_its_part():
    usage = a_usage(period=a_period((2026, 4, 16), (2026, 6, 16)), awarded_hours=200)
    assert [seconds / HOUR for seconds in spread(usage)] == [50, 100, 50]


def test_time_of_a_top_up_is_spread_over_the_months_that_are_left():
    more = [Grant(at(2026, 7, 20), 600 * HOUR)]
    quotas = spread(a_usage(more=more))
    assert [seconds // HOUR for seconds in quotas] == [100] * 6 + [200] * 6


def test_time_that_was_taken_back_leaves_no_quota_below_zero():
    more = [Grant(at(2026, 12, 5), -500 * HOUR)]
    quotas = spread(a_usage(more=more))
    assert [seconds // HOUR for seconds in quotas] == [100] * 11 + [0]


def test_a_later_end_spreads_what_is_left_and_changes_no_month_before_it():
    longer = a_usage(awarded_hours=1200, period=a_period((2026, 1, 1), (2028, 1, 1)))
    moved = replace(longer, extensions=(Extension(at(2026, 7, 15), at(2027, 1)),))
    hours = [round(seconds / HOUR, 2) for seconds in spread(moved)]
    assert hours == [100] * 6 + [33.33] * 18
    again = (Extension(at(2026, 3, 31), at(2026, 7)), Extension(at(2026, 7, 1), at(2027, 1)))
    hours = [seconds // HOUR for seconds in spread(replace(longer, extensions=again))]
    assert hours[:7] == [200, 200, 80, 80, 80, 80, 26]


def test_a_later_end_that_came_too_late_leaves_all_to_the_months_after_it():
    longer = a_usage(awarded_hours=1200, period=a_period((2026, 1, 1), (2026, 5, 1)))
    late = replace(longer, extensions=(Extension(at(2026, 3, 1), at(2026, 2, 1)),))
    assert [seconds // HOUR for seconds in spread(late)] == [1200, 0, 0, 0]
    later = replace(late, grants=(*late.grants, Grant(at(2026, 2, 3), HOUR)))
    assert sum(spread(later)) == 1201 * HOUR


def test_a_period_without_length_gives_everything_at_once():
    usage = a_usage(period=a_period((2026, 1, 1), (2026, 1, 1)))
    assert spread(usage) == (1200 * HOUR,)


def test_an_award_of_an_odd_number_of_seconds_is_spread_to_the_last_one():
    usage = replace(a_usage(), grants=(Grant(at(2026, 1), 1_000_003),))
    assert sum(spread(usage)) == 1_000_003
    assert max(spread(usage)) - min(spread(usage)) <= 1


def test_who_may_start_nothing_is_told_why_and_until_when():
    usage = a_usage(0, 0, 600)
    style, now = STYLES["rwth"], at(2026, 3, 10)
    with pytest.raises(MonthIsUsedUp) as month:
        check_not_blocked(stand(style, usage, now=now), usage, TimeUnit.NODE_SECONDS)
    assert month.value.facts["next_month"] == at(2026, 4)
    assert (month.value.facts["used"], month.value.facts["most"]) == (600, 600)
    usage = a_usage(1500)
    with pytest.raises(WholeIsUsedUp, match="1500"):
        check_not_blocked(stand(STYLES["jean-zay"], usage, now=now), usage, TimeUnit.GPU_SECONDS)
    usage = a_usage(0)
    check_not_blocked(stand(style, usage, now=now), usage, TimeUnit.NODE_SECONDS)


DAYS = st.integers(min_value=0, max_value=700)
SECONDS = st.integers(min_value=0, max_value=10**9)


@st.composite
def projects(draw):
    starts = at(2026, 1) + timedelta(days=draw(DAYS), seconds=draw(st.integers(0, 86_399)))
    period = Period(starts_at=starts, ends_at=starts + timedelta(days=draw(DAYS), seconds=1))
    months = list_months(period, "Europe/Berlin")
    instants = st.integers(0, period.seconds).map(lambda s: starts + timedelta(seconds=s))
    more = draw(st.lists(st.builds(Grant, instants, SECONDS), max_size=3))
    used = draw(st.lists(SECONDS, min_size=len(months), max_size=len(months)))
    moved = sorted(draw(st.lists(st.tuples(instants, instants), max_size=2)))
    return Usage(
        months=months,
        period=period,
        grants=(Grant(starts, draw(SECONDS)), *sorted(more)),
        used_seconds=tuple(used),
        running_seconds=draw(SECONDS),
        extensions=tuple(Extension(*each) for each in moved),
    )


STYLE = st.sampled_from(sorted(STYLES)).map(STYLES.__getitem__)


@pytest.mark.slow
@given(usage=projects())
def test_the_quotas_of_all_months_are_the_award(usage):
    quotas = spread(usage)
    assert sum(quotas) == usage.awarded_seconds
    assert all(quota >= 0 for quota in quotas)


@pytest.mark.slow
@given(style=STYLE, usage=projects(), more=SECONDS, day=DAYS)
def test_who_uses_more_never_has_more_left_nor_a_better_priority(style, usage, more, day):
    order = list(Priority)
    now = usage.period.starts_at + timedelta(days=day)
    before = stand(style, usage, now=now)
    running = usage.running_seconds + more
    after = stand(style, replace(usage, running_seconds=running), now=now)
    assert 0 <= after.left_seconds <= before.left_seconds <= before.normal_seconds
    assert order.index(after.priority) >= order.index(before.priority)


@pytest.mark.slow
@given(style=STYLE, usage=projects(), place=st.integers(0, 24), more=SECONDS)
def test_use_in_an_earlier_month_never_gives_more_in_a_later_one(style, usage, place, more):
    place %= len(usage.months)
    used = list(usage.used_seconds)
    used[place] += more
    now = usage.months[-1].starts_at
    before = stand(style, usage, now=now)
    after = stand(style, replace(usage, used_seconds=tuple(used)), now=now)
    assert after.left_seconds <= before.left_seconds


@pytest.mark.slow
@given(style=STYLE, usage=projects(), wishes=st.lists(SECONDS, min_size=24, max_size=24))
def test_nobody_uses_more_at_normal_priority_than_was_awarded(style, usage, wishes):
    """Each month as much as is wished and as normal priority allows: all together is the award."""
    usage = replace(usage, used_seconds=(0,) * len(usage.months), running_seconds=0)
    quotas, used = spread(usage), [0] * len(usage.months)
    for place, month in enumerate(usage.months):
        standing = stand(style, replace(usage, used_seconds=tuple(used)), now=month.starts_at)
        used[place] = min(wishes[place % 24], standing.left_seconds)
        if style.is_monthly:
            borrowed = (*quotas, 0)[place + 1] if style.borrows else 0
            assert sum(used) <= sum(quotas[: place + 1]) + borrowed
    assert sum(used) <= usage.awarded_seconds
