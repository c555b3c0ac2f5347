from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.accounting.outlooks import Ending, foresee, say_outlook
from allmende.domain.accounting.quotas import Priority, stand
from allmende.domain.basics.sentences import Sentence
from tests.domain.accounting.quota_worlds import HOUR, STYLES, a_usage, at
from tests.domain.accounting.test_quotas import STYLE, projects

NOW = at(2026, 3, 10)
UNIT = Sentence("node-h")


def hours_a_day(hours):
    return Fraction(hours, 24)


def look(style, usage, *, hours=0, now=NOW, and_hours=0):
    return foresee(
        STYLES.get(style), usage, now=now, rate=hours_a_day(hours), and_seconds=and_hours * HOUR
    )


def said(outlook):
    return str(say_outlook(outlook, rate_hours_a_day=10, unit=UNIT))


def test_without_a_style_the_hours_or_the_period_end_it():
    quiet = look("", a_usage(100))
    assert (quiet.ending, quiet.until, quiet.back_at) == (Ending.PERIOD, at(2027, 1), None)
    assert "when the project ends" in said(quiet)
    busy = look("", a_usage(100, 100, 40), hours=96)
    assert (busy.ending, busy.until) == (Ending.HOURS, at(2026, 3, 20))
    assert "all hours are used, at 10 node-h" in said(busy)
    assert look("", a_usage(1200)).until == NOW


def test_the_quota_of_the_month_ends_it_until_the_next_month():
    outlook = look("leonardo", a_usage(0, 0, 50), hours=10)
    assert (outlook.priority, outlook.ending) == (Priority.NORMAL, Ending.QUOTA)
    assert (outlook.until, outlook.back_at) == (at(2026, 3, 15), at(2026, 4, 1))
    assert "then the quota of the month is used" in said(outlook)


def test_the_clock_change_costs_nobody_an_hour():
    # 50 h at 2 h a day last 25 days: to the hour, though the clocks go forward on the 29th.
    outlook = look("leonardo", a_usage(0, 0, 50), hours=2, now=at(2026, 3, 5))
    assert outlook.until == at(2026, 3, 30, 1)


def test_a_later_month_may_end_it():
    outlook = look("leonardo", a_usage(), hours=Fraction(16, 5))  # 99.2 h in 31 days
    assert outlook.ending is Ending.PERIOD
    outlook = look("leonardo", a_usage(), hours=Fraction(33, 10))  # 102.3 h
    assert outlook.until == at(2026, 5, 31, 7, 16).replace(second=22)
    assert outlook.back_at == at(2026, 6)


def test_a_job_that_one_is_about_to_submit_counts_as_used():
    before = look("leonardo", a_usage(0, 0, 50))
    after = look("leonardo", a_usage(0, 0, 50), and_hours=50)
    assert (before.priority, after.priority) == (Priority.NORMAL, Priority.LOW)
    assert (after.until, after.back_at) == (NOW, at(2026, 4))
    assert "They have normal priority again from" in said(after)


def test_a_debt_may_cost_the_whole_next_month():
    # Overdrawn by 201 h of 100 h a month: in November 101 % are missing, and December lends none.
    usage = a_usage(*[100] * 10, 401)
    outlook = look("juelich", usage, now=at(2026, 11, 10))
    assert (outlook.priority, outlook.back_at) == (Priority.LOW, None)
    assert "until the project ends" in said(outlook)


def test_nothing_comes_back_after_the_last_month():
    outlook = look("leonardo", a_usage(*[0] * 11, 20), hours=8, now=at(2026, 12, 10))
    assert (outlook.until, outlook.back_at) == (at(2026, 12, 20), None)
    assert "until the project ends" in said(outlook)


@pytest.mark.parametrize(
    ("used", "hours", "words"),
    [
        (1000, 10, "From then on they go after the others"),
        (1300, 10, "what may be used beyond them has low priority"),
        (1500, 10, "all that the project may use is used"),
    ],
)
def test_a_whole_award_is_used_up_once(used, hours, words):
    outlook = look("jean-zay", a_usage(used), hours=hours)
    assert outlook.back_at is None
    assert words in said(outlook)


def test_who_is_stopped_is_told_when_jobs_start_again():
    outlook = look("rwth", a_usage(0, 0, 600))
    assert (outlook.priority, outlook.back_at) == (Priority.BLOCKED, at(2026, 4))
    assert "They start again from" in said(outlook)


RATES = st.fractions(min_value=0, max_value=100, max_denominator=1000)


@pytest.mark.slow
@given(style=STYLE, usage=projects(), rate=RATES, more=st.integers(0, 10**7))
def test_an_outlook_agrees_with_the_standing_at_its_instants(style, usage, rate, more):
    now = usage.period.starts_at
    outlook = foresee(style, usage, now=now, rate=rate, and_seconds=more)
    assert now <= outlook.until <= usage.period.ends_at
    if outlook.priority is Priority.NORMAL and outlook.back_at:
        assert outlook.until <= outlook.back_at
    if not more:
        assert outlook.priority is stand(style, usage, now=now).priority
    later = foresee(style, usage, now=now, rate=rate + 1, and_seconds=more)
    assert later.until <= outlook.until  # who uses more keeps it no longer
