"""When a job that may wait should begin: the hours that its partition prefers."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.flexible import choose_start, parse_day_time, preferred_hours
from allmende.domain.training.conditions import read_until
from allmende.domain.training.job_files import JobSpec


def choose(
    spec: JobSpec, partition: Partition, *, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the start that a job file chooses and the latest it allows; None where it has none.

    An instant that is over leaves nothing to wait for.
    """
    if not spec.flexible_until:
        return None, None
    zone = ZoneInfo(partition.time_zone)
    latest = max(now, read_until(spec.flexible_until, now=now, zone=zone))
    hours = preferred_hours(
        [parse_day_time(text) for text in partition.preferred_hours],
        zone=zone,
        since=now,
        until=latest + timedelta(seconds=spec.max_duration_seconds),
    )
    chosen = choose_start(now, latest, duration_seconds=spec.max_duration_seconds, hours=hours)
    return chosen, latest
