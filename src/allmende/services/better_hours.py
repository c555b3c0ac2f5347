"""When a job that may wait should begin: the hours that its partition prefers."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.flexible import (
    Hour,
    choose_start,
    parse_day_time,
    percent_inside,
    preferred_hours,
)
from allmende.domain.training.conditions import read_instant, read_until
from allmende.domain.training.job_specs import JobSpec


def choose(
    spec: JobSpec, partition: Partition, *, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the start that a job file chooses and the latest it allows; None where it has none.

    An instant that is over leaves nothing to wait for, nor does a deadline that is near.
    """
    if not spec.flexible_until:
        return None, None
    latest = read_until(spec.flexible_until, now=now, zone=ZoneInfo(partition.time_zone))
    deadline = find_deadline(spec, partition, now=now)
    duration = timedelta(seconds=spec.max_duration_seconds)
    if deadline is not None:
        latest = min(latest, deadline - duration)
    latest = max(now, latest)
    hours = _list_hours(partition, since=now, until=latest + duration)
    chosen = choose_start(now, latest, duration_seconds=spec.max_duration_seconds, hours=hours)
    return chosen, latest


def find_deadline(spec: JobSpec, partition: Partition, *, now: datetime) -> datetime | None:
    """Return by when a job file says that it must have ended, on the clocks of a partition."""
    if not spec.deadline:
        return None
    return read_instant(spec.deadline, now=now, zone=ZoneInfo(partition.time_zone))


def count_green_percent(partition: Partition, starts_at: datetime, *, duration_seconds: int) -> int:
    """Return how much of a time lies in hours that a partition prefers."""
    ends_at = starts_at + timedelta(seconds=duration_seconds)
    hours = _list_hours(partition, since=starts_at, until=ends_at)
    return percent_inside(hours, starts_at, duration_seconds=duration_seconds)


def _list_hours(partition: Partition, *, since: datetime, until: datetime) -> list[Hour]:
    return preferred_hours(
        [parse_day_time(text) for text in partition.preferred_hours],
        zone=ZoneInfo(partition.time_zone),
        since=since,
        until=until,
    )
