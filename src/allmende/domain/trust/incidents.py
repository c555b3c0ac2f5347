"""Incidents: what went wrong at a site, told to everybody; entries are added, never edited."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from allmende.domain.basics.characters import check_written
from allmende.domain.basics.periods import check_zone
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Factory

LONGEST_WORDS = 300
# A clock of an operator may run ahead by so much.
CLOCK_LEEWAY = timedelta(minutes=5)


class IncidentHasNotBegun(Refusal):
    """It would begin at {began_at}, which is to come. Announce maintenance as a reservation."""

    status = 422


class IncidentEndsBeforeItBegan(Refusal):
    """It would end at {ended_at}, not after it began at {began_at}. Give a later end, or none while
    it lasts."""

    status = 422


class IncidentEndsLater(Refusal):
    """It would end at {ended_at}, which is to come. Leave the end out while it lasts."""

    status = 422


class PartitionElsewhere(Refusal):
    """{partition} does not stand at {site}. Name one of its partitions, or none for the whole
    site."""

    status = 422


class Impact(StrEnum):
    """How much people notice."""

    DOWN = "down"  # nothing runs there
    DEGRADED = "degraded"  # slower, or with fewer nodes


@dataclass(frozen=True, kw_only=True)
class Report:
    """What somebody says of an incident at one time. `words` are public, `note` is not."""

    site_id: str
    partition_id: str = ""  # "" for the whole site
    impact: Impact
    began_at: datetime
    ended_at: datetime | None = None  # None while it lasts
    words: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class IncidentEntry:
    """A report, written down; the latest of an incident says how things stand."""

    incident_id: str
    number: int  # 1 for the first
    report: Report
    at: datetime
    by: str


@dataclass(frozen=True, kw_only=True)
class Incident:
    """An incident with all that was said of it, the earliest first."""

    id: str
    entries: tuple[IncidentEntry, ...]

    @property
    def now(self) -> Report:
        """Return what was said last."""
        return self.entries[-1].report

    @property
    def is_open(self) -> bool:
        """Say whether it lasts."""
        return self.now.ended_at is None


@dataclass(frozen=True, kw_only=True)
class LostAttempt:
    """An attempt that ended because its node died, and what came back for it."""

    key: str
    job_id: str
    partition_id: str
    ended_at: datetime
    refunded_seconds: int


def check_report(report: Report, *, factory: Factory, now: datetime) -> None:
    """Refuse a site or partition that does not exist, times that cannot be, and empty words."""
    site = factory.get_site(report.site_id)
    if report.partition_id:
        partition = factory.get_partition(report.partition_id)
        if partition.site_id != site.id:
            raise PartitionElsewhere(partition=partition.name, site=site.name)
    for time in (report.began_at, report.ended_at):
        if time is not None:
            check_zone(time)
    if report.began_at > now + CLOCK_LEEWAY:
        raise IncidentHasNotBegun(began_at=report.began_at)
    if report.ended_at is not None:
        if report.ended_at <= report.began_at:
            raise IncidentEndsBeforeItBegan(ended_at=report.ended_at, began_at=report.began_at)
        if report.ended_at > now + CLOCK_LEEWAY:
            raise IncidentEndsLater(ended_at=report.ended_at)
    check_written("words", report.words, most=LONGEST_WORDS)
    if report.note:
        check_written("note", report.note, most=LONGEST_WORDS)


def covers(report: Report, site_id: str, *, since: datetime) -> bool:
    """Say whether a report tells of what lasts at a site since an instant."""
    return report.site_id == site_id and (report.ended_at is None or report.ended_at > since)


def is_touched(report: Report, lost: LostAttempt, *, sites: Mapping[str, str]) -> bool:
    """Say whether an attempt was lost in an incident; `sites` names the site of each partition."""
    is_there = (
        lost.partition_id == report.partition_id
        if report.partition_id
        else sites.get(lost.partition_id) == report.site_id
    )
    ends_at = report.ended_at
    return (
        is_there
        and report.began_at <= lost.ended_at
        and (ends_at is None or lost.ended_at < ends_at)
    )
