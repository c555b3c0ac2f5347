"""Better hours: when a job that can wait should begin."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from fractions import Fraction
from itertools import accumulate

from allmende.domain.basics.refusals import Refusal

MICROSECOND = timedelta(microseconds=1)


class HoursAreUnclear(Refusal):
    """{text} is no time of the day. Write when it begins and when it ends: 10:00-16:00."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Hour:
    """A time with one cost throughout: the lower, the better. Its unit is the caller's own.

    Grams of carbon per kilowatt-hour fit as well as 0 for an hour that is preferred.
    """

    starts_at: datetime
    ends_at: datetime
    cost: float


@dataclass(frozen=True)
class DayTime:
    """A time of every day on the clocks of a place; it may reach over midnight."""

    begins: time
    ends: time


def choose_start(
    earliest: datetime, latest: datetime, *, duration_seconds: int, hours: Sequence[Hour]
) -> datetime:
    """Return the start from `earliest` to `latest` with the lowest mean cost over the duration.

    The first of them on ties. The hours do not overlap; time outside of them costs more than the
    dearest hour, so a start reaches into the unknown only if it must. Without hours: `earliest`.
    """
    if not hours or latest <= earliest:
        return earliest
    gains = _Gains(hours, since=earliest)
    duration = timedelta(seconds=duration_seconds)
    # Between these the mean changes evenly, so the best start is one of them.
    edges = {edge for hour in hours for edge in (hour.starts_at, hour.ends_at)}
    starts = {earliest, latest} | edges | {edge - duration for edge in edges}
    return min(
        (start for start in starts if earliest <= start <= latest),
        key=lambda start: (gains.until(start) - gains.until(start + duration), start),
    )


class _Gains:
    """How much cheaper than the unknown the hours are, summed up to any instant, exactly."""

    def __init__(self, hours: Sequence[Hour], *, since: datetime) -> None:
        self.since = since
        ordered = sorted(hours, key=lambda hour: hour.starts_at)
        unknown = max(Fraction(hour.cost) for hour in hours) + 1
        self.starts = [self._count(hour.starts_at) for hour in ordered]
        self.lengths = [(hour.ends_at - hour.starts_at) // MICROSECOND for hour in ordered]
        self.rates = [unknown - Fraction(hour.cost) for hour in ordered]
        whole = (rate * length for rate, length in zip(self.rates, self.lengths, strict=True))
        self.sums = list(accumulate(whole, initial=Fraction(0)))

    def until(self, instant: datetime) -> Fraction:
        at = self._count(instant)
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return Fraction(0)
        return self.sums[index] + self.rates[index] * min(
            at - self.starts[index], self.lengths[index]
        )

    def _count(self, instant: datetime) -> int:
        return (instant - self.since) // MICROSECOND


def parse_day_time(text: str) -> DayTime:
    """Read 10:00-16:00 or, over midnight, 22:00-06:00."""
    begins, dash, ends = text.partition("-")
    try:
        found = DayTime(time.fromisoformat(begins), time.fromisoformat(ends))
    except ValueError as error:
        raise HoursAreUnclear(text=text) from error
    if not dash or ":" not in begins or ":" not in ends or found.begins == found.ends:
        raise HoursAreUnclear(text=text)
    return found


def preferred_hours(
    day_times: Iterable[DayTime], *, zone: tzinfo, since: datetime, until: datetime
) -> list[Hour]:
    """Return the preferred times of every day from `since` to `until` as hours without a cost.

    They follow the clocks of the zone, also through the nights in which these change.
    """
    day, spans = since.astimezone(zone).date() - timedelta(days=1), []
    times = list(day_times)
    while day <= until.astimezone(zone).date():
        for each in times:
            last = day if each.begins < each.ends else day + timedelta(days=1)
            begins = datetime.combine(day, each.begins, tzinfo=zone).astimezone(UTC)
            spans.append((begins, datetime.combine(last, each.ends, tzinfo=zone).astimezone(UTC)))
        day += timedelta(days=1)
    merged: list[tuple[datetime, datetime]] = []
    for begins, ends in sorted(span for span in spans if span[0] < span[1]):
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(ends, merged[-1][1]))
        else:
            merged.append((begins, ends))
    return [Hour(starts_at=begins, ends_at=ends, cost=0) for begins, ends in merged]


def percent_inside(hours: Iterable[Hour], starts_at: datetime, *, duration_seconds: int) -> int:
    """Return how much of a time lies inside of hours that do not overlap, in whole per cent."""
    ends_at = starts_at + timedelta(seconds=duration_seconds)
    inside = sum(
        (
            max(min(hour.ends_at, ends_at) - max(hour.starts_at, starts_at), timedelta(0))
            for hour in hours
        ),
        timedelta(0),
    )
    return 100 * inside // (ends_at - starts_at)
