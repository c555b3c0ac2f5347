"""Working days in Germany, which count the time that the office has for a decision."""

from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from allmende.domain.basics.periods import Period

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = 5


def easter_sunday(year: int) -> date:
    """Return Easter Sunday (the Gregorian computus of Meeus, Jones and Butcher)."""
    golden = year % 19
    century, in_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leap_centuries - correction + 15) % 30
    leap_years, year_rest = divmod(in_century, 4)
    weekday = (32 + 2 * century_rest + 2 * leap_years - moon - year_rest) % 7
    shift = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def holidays(year: int) -> frozenset[date]:
    """Return the public holidays of all sixteen states; holidays of single states count as work."""
    easter = easter_sunday(year)
    movable = {easter + timedelta(days=days) for days in (-2, 1, 39, 50)}
    fixed = {date(year, *day) for day in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))}
    return frozenset(movable | fixed)


def is_working_day(day: date) -> bool:
    """Say whether the office works on that day."""
    return day.weekday() < SATURDAY and day not in holidays(day.year)


def day_of(instant: datetime) -> date:
    """Return the day of Berlin in which an instant lies: a rule of a day begins at its midnight."""
    return instant.astimezone(BERLIN).date()


def due_after(start: datetime, *, working_days: int) -> datetime:
    """Return the instant at which that many working days after the day of `start` are over.

    The day of the start itself does not count (§ 187 (1) BGB), the last day counts whole
    (§ 188 (1) BGB); days are those of Berlin. The result is the first instant that is late.
    """
    day = day_of(start)
    left = working_days
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return end_of_day(day)


def period_of(day: date) -> Period:
    """Return a day of Berlin, which has 23 hours when the clocks go forward, and 25 back."""
    return Period(starts_at=end_of_day(day - timedelta(days=1)), ends_at=end_of_day(day))


def end_of_day(day: date) -> datetime:
    """Return the first instant after a day of Berlin, in UTC."""
    midnight = datetime.combine(day + timedelta(days=1), time_of_day(), tzinfo=BERLIN)
    return midnight.astimezone(UTC)
