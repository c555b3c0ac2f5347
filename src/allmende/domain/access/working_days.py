"""Working days in Germany, which count the time that the office has for a decision."""

from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from allmende.domain.access.holidays import list_holidays
from allmende.domain.basics.periods import Period

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = 5


def is_working_day(day: date, land: str = "") -> bool:
    """Say whether people work on that day, in a Land if one is named."""
    return day.weekday() < SATURDAY and day not in list_holidays(day.year, land)


def day_of(instant: datetime) -> date:
    """Return the day of Berlin in which an instant lies: a rule of a day begins at its midnight."""
    return instant.astimezone(BERLIN).date()


def due_after(start: datetime, *, working_days: int, land: str = "") -> datetime:
    """Return the instant at which that many working days after the day of `start` are over.

    The day of the start itself does not count (§ 187 (1) BGB), the last day counts whole
    (§ 188 (1) BGB); days are those of Berlin, holidays those of all Länder and of `land`. The
    result is the first instant that is late.
    """
    day = day_of(start)
    left = working_days
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day, land)
    return end_of_day(day)


def period_of(day: date) -> Period:
    """Return a day of Berlin, which has 23 hours when the clocks go forward, and 25 back."""
    return Period(starts_at=end_of_day(day - timedelta(days=1)), ends_at=end_of_day(day))


def begin_before(end: datetime, *, working_days: int, land: str = "") -> datetime:
    """Return the begin of the day from which on so many working days lie before `end`.

    `end` is a first instant that is late, such as `due_after` returns.
    """
    day = day_of(end - timedelta(microseconds=1))
    left = working_days - is_working_day(day, land)
    while left > 0:
        day -= timedelta(days=1)
        left -= is_working_day(day, land)
    return end_of_day(day - timedelta(days=1))


def end_of_day(day: date) -> datetime:
    """Return the first instant after a day of Berlin, in UTC."""
    midnight = datetime.combine(day + timedelta(days=1), time_of_day(), tzinfo=BERLIN)
    return midnight.astimezone(UTC)


def count_working_days(start: datetime, end: datetime, *, land: str = "") -> int:
    """Return the fewest working days after `start` that are not over yet at `end`.

    So what is done at `end` kept a promise of that many days, and broke one of fewer: it is the
    inverse of `due_after`.
    """
    first, last = (each.astimezone(BERLIN).date() for each in (start, end))
    if last <= first:
        return 0
    weeks, rest = divmod((last - first).days - 1, 7)
    between = weeks * SATURDAY + sum(
        (first + timedelta(days=days)).weekday() < SATURDAY for days in range(1, rest + 1)
    )
    years = range(first.year, last.year + 1)
    off = sum(
        first < day < last and day.weekday() < SATURDAY
        for year in years
        for day in list_holidays(year, land)
    )
    return between - off + 1
