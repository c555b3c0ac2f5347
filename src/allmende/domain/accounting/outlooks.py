"""Until when a project keeps its normal priority, and when it gets it back: one instant, explained.

It goes on as it did lately: use is spread evenly over the time ahead. What a job that one is about
to submit would hold counts as used from now on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from allmende.domain.accounting import quotas
from allmende.domain.accounting.quotas import Priority, Usage
from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.sentences import Sentence

RATE_DAYS = 14


class Ending(StrEnum):
    """What ends the normal priority."""

    PERIOD = "period"
    HOURS = "hours"  # nothing is left
    QUOTA = "quota"


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Until when jobs have normal priority, what ends it, and when it comes back."""

    priority: Priority  # now, with the job that was asked about
    until: datetime  # not after now where the priority is not normal
    ending: Ending
    back_at: datetime | None  # if nothing more is used from then on; None: not in this period
    is_monthly: bool


def foresee(
    style: QuotaStyle | None,
    usage: Usage,
    *,
    now: datetime,
    rate: Fraction,
    and_seconds: int = 0,
) -> Outlook:
    """Return the outlook at a rate of use, in charged seconds a second; without a style too."""
    here = usage.place_of(now)
    used = list(usage.used_seconds)
    used[here] += usage.running_seconds + and_seconds
    priority = _stand(style, usage, used, here)
    moment, ending = usage.period.ends_at, Ending.PERIOD
    left = usage.awarded_seconds - sum(used)
    out_at = _reach(now, left, rate, before=moment)
    if out_at is not None:
        moment, ending = out_at, Ending.HOURS
    over_at = _find_end(style, usage, used, now=now, rate=rate) if style else None
    if over_at is not None and over_at <= moment:
        moment, ending = over_at, Ending.QUOTA
    back_at = None
    if style is not None and ending is Ending.QUOTA:
        back_at = _find_return(style, usage, used, after=moment)
    return Outlook(
        priority=priority,
        until=moment,
        ending=ending,
        back_at=back_at,
        is_monthly=style is not None and style.is_monthly,
    )


def _stand(style: QuotaStyle | None, usage: Usage, used: Sequence[int], place: int) -> Priority:
    if style is None:
        return Priority.NORMAL
    return quotas.stand(style, _using(usage, used), now=usage.months[place].starts_at).priority


def _using(usage: Usage, used: Sequence[int]) -> Usage:
    return replace(usage, used_seconds=tuple(used), running_seconds=0)


def _reach(moment: datetime, seconds: int, rate: Fraction, *, before: datetime) -> datetime | None:
    """Return when so much will have been used, or None if that is not before an instant."""
    if seconds <= 0:
        return moment
    if not rate:
        return None
    lasts = -(-seconds // rate)
    ahead = int((before - moment).total_seconds())
    return moment + timedelta(seconds=lasts) if lasts < ahead else None


def _find_end(
    style: QuotaStyle, usage: Usage, used: list[int], *, now: datetime, rate: Fraction
) -> datetime | None:
    """Return when the quota is used up, and count what is used until then; None if it never is."""
    moment = now
    for place in range(usage.place_of(now), len(usage.months)):
        until = min(usage.months[place].ends_at, usage.period.ends_at)
        standing = quotas.stand(style, _using(usage, used), now=usage.months[place].starts_at)
        if standing.priority is not Priority.NORMAL:
            return moment
        over_at = _reach(moment, standing.left_seconds, rate, before=until)
        if over_at is not None:
            used[place] += standing.left_seconds
            return over_at
        used[place] += int(rate * max(0, int((until - moment).total_seconds())))
        moment = max(moment, until)
    return None


def _find_return(
    style: QuotaStyle, usage: Usage, used: Sequence[int], *, after: datetime
) -> datetime | None:
    """Return the beginning of the first month that has normal priority if nothing more is used."""
    for place in range(usage.place_of(after) + 1, len(usage.months)):
        if _stand(style, usage, used, place) is Priority.NORMAL:
            return usage.months[place].starts_at
    return None


def say_outlook(outlook: Outlook, *, rate_hours_a_day: float, unit: Sentence) -> Sentence:
    """Say it in a sentence or two."""
    facts = {"until": outlook.until, "back": outlook.back_at, "hours": rate_hours_a_day}
    return Sentence(_choose(outlook).template, {**facts, "unit": unit, "days": RATE_DAYS})


def _choose(outlook: Outlook) -> Sentence:
    if outlook.priority is Priority.BLOCKED:
        return _say_blocked(outlook)
    if outlook.priority is Priority.LOW:
        return _say_low(outlook)
    if outlook.ending is Ending.PERIOD:
        return Sentence("Jobs have normal priority until {until}, when the project ends.")
    if outlook.ending is Ending.HOURS:
        return Sentence(
            "Jobs have normal priority until {until}: then all hours are used, at {hours} {unit} a "
            "day as in the last {days} days."
        )
    if not outlook.is_monthly:
        return Sentence(
            "Jobs have normal priority until {until}: then all awarded hours are used, at {hours} "
            "{unit} a day as in the last {days} days. From then on they go after the others of "
            "their group."
        )
    if outlook.back_at is None:
        return Sentence(
            "Jobs have normal priority until {until}: then the quota of the month is used, at "
            "{hours} {unit} a day as in the last {days} days. From then on they go after the "
            "others of their group until the project ends."
        )
    return Sentence(
        "Jobs have normal priority until {until}: then the quota of the month is used, at {hours} "
        "{unit} a day as in the last {days} days. Until {back} they go after the others of their "
        "group."
    )


def _say_low(outlook: Outlook) -> Sentence:
    if not outlook.is_monthly:
        return Sentence(
            "Jobs go after the others of their group: all awarded hours are used, and what may be "
            "used beyond them has low priority."
        )
    if outlook.back_at is None:
        return Sentence(
            "Jobs go after the others of their group until the project ends: the quota of the "
            "month is used."
        )
    return Sentence(
        "Jobs go after the others of their group: the quota of the month is used. They have normal "
        "priority again from {back} on, if nothing more is used until then."
    )


def _say_blocked(outlook: Outlook) -> Sentence:
    if outlook.back_at is None:
        return Sentence("No job starts any more: all that the project may use is used.")
    return Sentence(
        "No job starts: the quota of the month is used several times over. They start again from "
        "{back} on, if nothing more is used until then."
    )
