"""Quota windows: how much of its time a project may use at normal priority, month by month.

Awarded time is spread evenly over the months of the period; a month that the period only touches
counts for the part of it that it covers. Time that is awarded later is spread over the months that
are left. All amounts are whole seconds, and the quotas of all months add up to what was awarded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from allmende.domain.basics.periods import Period
from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.units import TimeUnit, hours_from_seconds


class MonthIsUsedUp(Refusal):
    """The project has used {used} {unit} this month, and nothing starts from {most} {unit} on. Wait
    for the next month, which begins at {next_month}, or ask the programme office."""


class WholeIsUsedUp(Refusal):
    """The project has used {used} {unit}, and nothing starts from {most} {unit} on. Ask the
    programme office for more time, or apply for a new project."""


class Priority(StrEnum):
    """How the waiting jobs of a project are treated."""

    NORMAL = "normal"
    LOW = "low"  # they go after the others of their group
    BLOCKED = "blocked"  # none starts


class Grant(NamedTuple):
    """Time that a project was given at an instant; below zero, what was taken back."""

    at: datetime
    seconds: int


class Extension(NamedTuple):
    """At an instant the end of a period was moved; before, it was to end then."""

    at: datetime
    ended_at: datetime


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a project was awarded and has used, as far as its quota goes by it."""

    months: tuple[Period, ...]  # the calendar months that its period touches
    period: Period
    grants: tuple[Grant, ...]
    used_seconds: tuple[int, ...]  # settled less refunded, in each month; some may come back
    running_seconds: int = 0  # held by jobs that run now
    extensions: tuple[Extension, ...] = ()  # the oldest first

    def __post_init__(self) -> None:
        assert len(self.months) == len(self.used_seconds), "an amount for each month"
        assert self.running_seconds >= 0, "nothing is held below zero"

    @property
    def awarded_seconds(self) -> int:
        """Return all that was granted, less what was taken back."""
        return sum(grant.seconds for grant in self.grants)

    @property
    def taken_seconds(self) -> int:
        """Return all that was used, and what running jobs hold."""
        return sum(self.used_seconds) + self.running_seconds

    def period_known_in(self, month: Period) -> Period:
        """Return the period as it was known when a month was over."""
        later = (each for each in self.extensions if each.at >= month.ends_at)
        first = next(later, None)
        if first is None:
            return self.period
        return replace(self.period, ends_at=max(self.period.starts_at, first.ended_at))

    def place_of(self, instant: datetime) -> int:
        """Return the number of the month of an instant; the nearest one outside the period."""
        return sum(month.starts_at <= instant for month in self.months[1:])


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a project stands at an instant, with the figures that say why."""

    priority: Priority
    quota_seconds: int  # of this month, or of the whole period
    carried_seconds: int  # from the month before; below zero, what was used of this one already
    borrowed_seconds: int  # of the next month, that may be used in this one
    used_seconds: int  # in this month, or altogether, with what running jobs hold
    stop_at_seconds: int | None  # use from which on nothing starts
    whole_stop_at_seconds: int | None  # the same of all that the project used
    window: Period  # the month, or the period

    @property
    def normal_seconds(self) -> int:
        """Return how much may be used at normal priority in this window, altogether."""
        return max(0, self.carried_seconds + self.quota_seconds + self.borrowed_seconds)

    @property
    def left_seconds(self) -> int:
        """Return how much of that is left."""
        return max(0, self.normal_seconds - self.used_seconds)


def list_months(period: Period, time_zone: str) -> tuple[Period, ...]:
    """Return the calendar months of a place that a period touches, each from midnight to midnight.

    An empty period touches the month in which it begins.
    """
    zone = ZoneInfo(time_zone)
    first = period.starts_at.astimezone(zone)
    number = 12 * first.year + first.month - 1
    starts = [_begin(number, zone)]
    while len(starts) < 2 or starts[-1] < period.ends_at:
        number += 1
        starts.append(_begin(number, zone))
    return tuple(Period(starts_at=start, ends_at=end) for start, end in pairwise(starts))


def _begin(number: int, zone: ZoneInfo) -> datetime:
    year, month = divmod(number, 12)
    return datetime(year, month + 1, 1, tzinfo=zone).astimezone(UTC)


def spread(usage: Usage) -> tuple[int, ...]:
    """Return the quota of each month; what rounding leaves goes to later months.

    Whoever gets more time or a later end has another quota from that month on, not before it.
    """
    granted = [0] * len(usage.months)
    for grant in usage.grants:
        granted[usage.place_of(grant.at)] += grant.seconds
    quotas, left = [], 0
    for place, seconds in enumerate(granted):
        left += seconds
        period = usage.period_known_in(usage.months[place])
        ahead = [_weight(period, month) for month in usage.months[place:]]
        part = ahead[0] / sum(ahead) if sum(ahead) else Fraction(len(ahead) == 1)
        quota = max(0, int(left * part))
        quotas.append(quota)
        left -= quota
    return tuple(quotas)


def _weight(period: Period, month: Period) -> Fraction:
    """Return the part of a month that the period covers."""
    starts, ends = max(period.starts_at, month.starts_at), min(period.ends_at, month.ends_at)
    covered = Period(starts_at=starts, ends_at=max(starts, ends))
    return Fraction(covered.seconds, month.seconds)


def stand(style: QuotaStyle, usage: Usage, *, now: datetime) -> Standing:
    """Return how a project stands; without months, its whole award is its quota."""
    if style.is_monthly:
        return _stand_in_month(style, usage, usage.place_of(now))
    awarded = max(0, usage.awarded_seconds)
    return _judge(style, usage, Window(usage.period, awarded, 0, 0, usage.taken_seconds))


class Window(NamedTuple):
    """A month or a whole period: its quota, what it inherits and borrows, what was used in it."""

    period: Period
    quota_seconds: int
    carried_seconds: int
    borrowed_seconds: int
    used_seconds: int


def _stand_in_month(style: QuotaStyle, usage: Usage, place: int) -> Standing:
    quotas = spread(usage)
    carried = carry(style, quotas, usage.used_seconds[:place])
    used = usage.used_seconds[place] + usage.running_seconds
    borrowed = (*quotas, 0)[place + 1] if style.borrows else 0
    month = Window(usage.months[place], quotas[place], carried, borrowed, used)
    return _judge(style, usage, month)


def carry(style: QuotaStyle, quotas: Sequence[int], used_seconds: Sequence[int]) -> int:
    """Return what the month after those that `used_seconds` are given for inherits.

    Older time is used first, so what is left of a month is at most its own quota. Whoever used more
    than that has used of the next month, up to the debt that the style knows.
    """
    carried = 0
    for place, used in enumerate(used_seconds):
        left = carried + quotas[place] - used
        most = quotas[place] if style.carries_over else 0
        debt = quotas[place + 1] * style.debt_percent // 100
        carried = max(-debt, min(left, most))
    return carried


def _judge(style: QuotaStyle, usage: Usage, window: Window) -> Standing:
    monthly, whole = style.stop_month_percent, style.stop_whole_percent
    stop = window.quota_seconds * monthly // 100 if monthly and style.is_monthly else None
    whole_stop = max(0, usage.awarded_seconds) * whole // 100 if whole else None
    standing = Standing(
        priority=Priority.NORMAL,
        quota_seconds=window.quota_seconds,
        carried_seconds=window.carried_seconds,
        borrowed_seconds=window.borrowed_seconds,
        used_seconds=window.used_seconds,
        stop_at_seconds=stop,
        whole_stop_at_seconds=whole_stop,
        window=window.period,
    )
    return replace(standing, priority=_priority(standing, usage))


def _priority(standing: Standing, usage: Usage) -> Priority:
    stop, whole_stop = standing.stop_at_seconds, standing.whole_stop_at_seconds
    if stop is not None and standing.used_seconds >= stop:
        return Priority.BLOCKED
    if whole_stop is not None and usage.taken_seconds >= whole_stop:
        return Priority.BLOCKED
    return Priority.NORMAL if standing.left_seconds else Priority.LOW


def check_not_blocked(standing: Standing, usage: Usage, unit: TimeUnit) -> None:
    """Refuse jobs of a project that has used so much that nothing of it starts."""
    if standing.priority is not Priority.BLOCKED:
        return
    whole_stop = standing.whole_stop_at_seconds
    if whole_stop is not None and usage.taken_seconds >= whole_stop:
        raise WholeIsUsedUp(
            used=_hours(usage.taken_seconds), most=_hours(whole_stop), unit=unit.hours_name
        )
    assert standing.stop_at_seconds is not None, "one of the two stops it"
    raise MonthIsUsedUp(
        used=_hours(standing.used_seconds),
        most=_hours(standing.stop_at_seconds),
        unit=unit.hours_name,
        next_month=standing.window.ends_at,
    )


def _hours(seconds: int) -> float:
    return round(float(hours_from_seconds(seconds)), 3)
