"""Spans, sectors, working days that a decision took, and hours summed up."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.modes import Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.programme_figures import (
    Decision,
    Dimension,
    Funnel,
    Movement,
    Stage,
    UserCategory,
    categorise,
    choose,
    count_organisations,
    find_quantile,
    fold_hours,
    measure_decisions,
    sum_funnels,
    sum_hours,
    unknown_subject,
)
from allmende.domain.access.sectors import SECTION_WORDS, section_of
from allmende.domain.access.spans import list_spans_until, parse_span, quarter_of, year_span
from allmende.domain.access.working_days import count_working_days, due_after
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.units import TimeUnit

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
INSTANTS = st.integers(0, 150_000_000).map(lambda seconds: NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026", "2025-12-31T23:00", "2026-12-31T23:00"),
        ("2026-Q2", "2026-03-31T22:00", "2026-06-30T22:00"),
        ("2026-10", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("2026-12", "2026-11-30T23:00", "2026-12-31T23:00"),
    ],
)
def test_a_span_is_of_berlin_and_keeps_its_name(name, start, end):
    span = parse_span(name)
    assert span.name == name
    assert span.period.starts_at == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert span.period.ends_at == datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert not span.is_over(span.period.ends_at - timedelta(seconds=1))
    assert span.is_over(span.period.ends_at)
    assert span.is_quarter is ("Q" in name)


def test_the_months_of_a_year_follow_each_other_without_a_gap():
    months = year_span(2026).list_months()
    assert [name for name, _ in months] == [f"2026-{month:02d}" for month in range(1, 13)]
    assert all(one.ends_at == two.starts_at for (_, one), (_, two) in pairwise(months))


@pytest.mark.parametrize("name", ["", "26", "2026-13", "2026-Q5", "2026-1", "1999", "2026\n"])
def test_what_is_no_span_is_refused(name):
    with pytest.raises(InvalidInput):
        parse_span(name)


def test_spans_are_offered_the_newest_first_and_none_that_has_not_begun():
    assert [each.name for each in list_spans_until(NOON, years=1)] == [
        "2026", "2026-Q4", "2026-Q3", "2026-Q2", "2026-Q1"
    ]  # fmt: skip
    assert quarter_of(NOON).name == "2026-Q4"
    assert quarter_of(datetime(2026, 12, 31, 23, 30, tzinfo=UTC)).name == "2027-Q1"


@given(start=INSTANTS, end=INSTANTS)
def test_working_days_taken_are_the_least_promise_that_was_kept(start, end):
    days = count_working_days(start, end)
    assert end < due_after(start, working_days=days)
    assert days == 0 or end >= due_after(start, working_days=days - 1)


@pytest.mark.parametrize(
    ("code", "letter"),
    [("62.01", "J"), ("01", "A"), ("72.1", "M"), ("04", ""), ("", ""), ("x", "")],
)
def test_a_sector_is_the_section_of_its_division(code, letter):
    assert section_of(code) == letter
    assert letter in ("", *SECTION_WORDS)


@pytest.mark.parametrize(
    ("kind", "price", "category"),
    [
        (OrganisationKind.ENTERPRISE, Price.FREE, UserCategory.INDUSTRY),
        (OrganisationKind.ENTERPRISE, Price.PAID, UserCategory.COMMERCIAL),
        (OrganisationKind.UNIVERSITY, Price.PAID, UserCategory.COMMERCIAL),
        (OrganisationKind.RESEARCH_INSTITUTE, Price.FREE, UserCategory.RESEARCH),
        (OrganisationKind.PUBLIC_BODY, Price.FREE, UserCategory.PUBLIC_SECTOR),
        (OrganisationKind.ASSOCIATION, Price.FREE, UserCategory.OTHER),
    ],
)
def test_who_pays_is_commercial_whoever_it_is(kind, price, category):
    assert categorise(kind, price) is category


def decision(name, *, days, promised=2, mode_id="playground", is_missing=False):
    return Decision(
        application_id=name,
        mode_id=mode_id,
        counted_from=NOON,
        due_at=due_after(NOON, working_days=promised),
        decided_at=None if is_missing else NOON + timedelta(days=days),
    )


def test_decisions_are_measured_against_their_own_promise():
    found = [decision(f"a{days}", days=days) for days in (0, 1, 2, 3)]  # a Monday and after
    found += [decision("missing", days=0, is_missing=True), decision("b", days=1, mode_id="other")]
    other, playground = measure_decisions(found, now=NOON + timedelta(days=9))
    assert (other.mode_id, other.decided, other.in_time) == ("other", 1, 1)
    assert (playground.decided, playground.missing, playground.in_time) == (4, 1, 3)
    assert (other.share_in_time, playground.share_in_time) == (1.0, 0.6)
    assert [each.application_id for each in playground.late] == ["a3", "missing"]
    assert (playground.median_days, playground.nine_in_ten_days) == (1, 3)


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_a_quantile_is_the_least_value_that_enough_do_not_exceed(values, percent):
    found = find_quantile(values, percent)
    assert 100 * sum(each <= found for each in values) >= percent * len(values)
    assert 100 * sum(each < found for each in values) < percent * len(values)


def test_nothing_has_no_quantile():
    assert find_quantile([], 50) is None


def movement(project_id, month="2026-07", **amounts):
    return Movement(
        project_id=project_id,
        partition_id="werkbank",
        access_share="union",
        unit=TimeUnit.NODE_SECONDS,
        month=month,
        **amounts,
    )


def test_hours_fold_by_any_properties_and_keep_their_sums():
    subjects = {each: unknown_subject(each) for each in ("p", "q")}
    moved = [
        movement("p", granted_seconds=100),
        movement("p", "2026-08", used_seconds=40),
        movement("q", "2026-08", granted_seconds=7, expired_seconds=7),
    ]
    whole = fold_hours(moved, subjects)
    assert [(each.month, each.granted_seconds) for each in whole] == [
        ("2026-07", 100),
        ("2026-08", 7),
    ]
    (one,) = sum_hours(whole, [Dimension.PARTITION])
    assert (one.partition_id, one.month) == ("werkbank", "")
    assert (one.granted_seconds, one.used_seconds, one.expired_seconds) == (107, 40, 7)
    assert fold_hours(moved, subjects, [Dimension.PARTITION]) == [one]
    assert choose(moved, subjects, {Dimension.MONTH: "2026-07"}) == moved[:1]
    assert count_organisations(moved, subjects, "granted_seconds") == (0, 0)


def test_funnels_of_calls_add_up():
    funnels = [
        Funnel(call_id="a", mode_id="m", counts={Stage.STARTED: 3, Stage.AWARDED: 1}),
        Funnel(call_id="b", mode_id="m", counts={Stage.STARTED: 2}),
    ]
    counts = sum_funnels(funnels)
    assert (counts[Stage.STARTED], counts[Stage.AWARDED], counts[Stage.OPEN]) == (5, 1, 0)
