"""The decision clock counts German working days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.holidays import LAENDER, easter_sunday, list_holidays
from allmende.domain.access.working_days import BERLIN, due_after, is_working_day

instants = st.integers(0, 16 * 366 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@pytest.mark.parametrize(
    "sunday",
    [date(2000, 4, 23), date(2008, 3, 23), date(2024, 3, 31), date(2026, 4, 5), date(2038, 4, 25)],
)
def test_easter(sunday):
    assert easter_sunday(sunday.year) == sunday


def test_holidays_of_2026():
    assert sorted(list_holidays(2026)) == [
        date(2026, 1, 1),
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 5, 14),
        date(2026, 5, 25),
        date(2026, 10, 3),
        date(2026, 12, 25),
        date(2026, 12, 26),
    ]


@pytest.mark.parametrize(
    ("day", "laender"),
    [
        (date(2026, 1, 6), "BW BY ST"),
        (date(2027, 3, 8), "BE MV"),
        (date(2022, 3, 8), "BE"),
        (date(2026, 6, 4), "BW BY HE NW RP SL"),  # Corpus Christi
        (date(2027, 8, 15), "SL"),
        (date(2027, 9, 20), "TH"),
        (date(2026, 10, 31), "BB HB HH MV NI SH SN ST TH"),
        (date(2017, 10, 31), "BB MV SN ST TH"),
        (date(2026, 11, 1), "BW BY NW RP SL"),
        (date(2026, 11, 18), "SN"),  # the Wednesday before 23 November
        (date(2033, 11, 16), "SN"),
        (date(2023, 11, 22), "SN"),
        (date(2025, 5, 8), "BE"),
        (date(2026, 5, 8), ""),
    ],
)
def test_each_land_has_its_own(day, laender):
    assert {land for land in LAENDER if day in list_holidays(day.year, land)} == {*laender.split()}


def test_the_clock_knows_the_land_of_the_site():
    start = datetime(2026, 6, 3, 12, tzinfo=UTC)  # the day before Corpus Christi
    berlin, juelich = (due_after(start, working_days=1, land=land) for land in ("BE", "NW"))
    assert juelich - berlin == timedelta(days=1)
    assert due_after(start, working_days=1) == berlin


@pytest.mark.parametrize(
    ("start", "days", "last"),
    [
        ("2026-11-23T12:00", 2, "2026-11-25"),  # Monday
        ("2026-11-20T12:00", 2, "2026-11-24"),  # Friday
        ("2026-11-21T12:00", 2, "2026-11-24"),  # Saturday
        ("2026-04-02T12:00", 2, "2026-04-08"),  # before Good Friday
        ("2026-12-23T12:00", 4, "2026-12-30"),
        ("2026-11-23T23:30", 2, "2026-11-26"),  # in Berlin it is Tuesday already
        ("2026-11-23T12:00", 10, "2026-12-07"),
    ],
)
def test_due_is_the_end_of_the_last_day_in_berlin(start, days, last):
    due = due_after(datetime.fromisoformat(start).replace(tzinfo=UTC), working_days=days)
    end = datetime.fromisoformat(last).replace(tzinfo=BERLIN) + timedelta(days=1)
    assert due == end
    assert due.tzinfo is UTC


@given(start=instants, days=st.integers(0, 30))
def test_exactly_that_many_working_days_lie_between(start, days):
    due = due_after(start, working_days=days).astimezone(BERLIN)
    first, end = start.astimezone(BERLIN).date(), due.date()
    between = [first + timedelta(days=d) for d in range(1, (end - first).days)]
    assert sum(is_working_day(day) for day in between) == days
    assert (due.hour, due.minute) == (0, 0)
    assert days == 0 or is_working_day(between[-1])


@given(start=instants, days=st.integers(0, 30))
def test_more_days_are_never_due_earlier(start, days):
    assert due_after(start, working_days=days) <= due_after(start, working_days=days + 1)
