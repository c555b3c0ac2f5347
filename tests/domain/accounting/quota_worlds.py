"""Projects with an award and some use, to ask about their quota; hours of Berlin's calendar."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from allmende.domain.accounting.quotas import Grant, Usage, list_months
from allmende.domain.basics.periods import Period
from allmende.wiring.factory import load_factory

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600
STYLES = {style.id: style for style in load_factory().quota_styles}
ON = date(2026, 7, 1)


def at(year, month, day=1, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def a_period(first=(2026, 1, 1), last=(2027, 1, 1)):
    return Period(starts_at=at(*first), ends_at=at(*last))


def a_usage(*used_hours, awarded_hours=1200, period=None, running_hours=0, more=()):
    """Return a project of 100 h a month for a year, and what it used in its first months."""
    period = period or a_period()
    months = list_months(period, "Europe/Berlin")
    used = [*used_hours, *[0] * len(months)][: len(months)]
    return Usage(
        months=months,
        period=period,
        grants=(Grant(period.starts_at, awarded_hours * HOUR), *more),
        used_seconds=tuple(hours * HOUR for hours in used),
        running_seconds=running_hours * HOUR,
    )
