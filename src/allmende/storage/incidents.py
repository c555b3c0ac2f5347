"""Incidents as rows: one for each entry, and the database refuses to change any."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import models

from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.trust.incidents import Impact, Incident, IncidentEntry, LostAttempt, Report
from allmende.storage import database
from allmende.storage.jobs import AttemptRow

REPORT_FIELDS = ("site_id", "partition_id", "began_at", "ended_at", "words", "note")


class IncidentEntryRow(models.Model):
    """What somebody said of an incident at one time."""

    incident_id = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    site_id = models.CharField(max_length=40)
    partition_id = models.CharField(max_length=40, blank=True)
    impact = models.CharField(max_length=20)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    words = models.TextField()
    note = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=40)

    class Meta:
        app_label = "storage"
        db_table = "incident_entry"
        constraints = (
            models.UniqueConstraint(fields=("incident_id", "number"), name="incident_entry_once"),
        )


def lock_entries() -> None:
    """Let nobody else add an entry before this transaction ends; it happens seldom."""
    database.lock_table(IncidentEntryRow._meta.db_table)


def add_entry(entry: IncidentEntry) -> None:
    """Append an entry."""
    values: dict[str, Any] = {name: getattr(entry.report, name) for name in REPORT_FIELDS}
    IncidentEntryRow.objects.create(
        incident_id=entry.incident_id,
        number=entry.number,
        at=entry.at,
        by=entry.by,
        impact=entry.report.impact.value,
        **values,
    )


def get_incident(incident_id: str) -> Incident:
    """Return an incident; `NotFound` when there is none."""
    found = _read([incident_id])
    if not found:
        raise NotFound(kind="incident", id=incident_id)
    return found[0]


def list_incidents(*, site_id: str = "", after: str = "", limit: int) -> list[Incident]:
    """Return incidents, those noted last first; `after` is the id of the last one seen.

    With `site_id`, those of which an entry names that site.
    """
    firsts = IncidentEntryRow.objects.filter(number=1).order_by("-id")
    if site_id:
        there = IncidentEntryRow.objects.filter(site_id=site_id).values("incident_id")
        firsts = firsts.filter(incident_id__in=there)
    if after and (last := firsts.filter(incident_id=after).first()):
        firsts = firsts.filter(id__lt=last.id)
    return _read(list(firsts.values_list("incident_id", flat=True)[:limit]))


def list_open() -> list[Incident]:
    """Return the incidents that last, those noted last first."""
    later = IncidentEntryRow.objects.filter(
        incident_id=models.OuterRef("incident_id"), number__gt=models.OuterRef("number")
    )
    rows = IncidentEntryRow.objects.filter(~models.Exists(later), ended_at__isnull=True)
    return _read(list(rows.order_by("-id").values_list("incident_id", flat=True)))


def list_lost_attempts(*, since: datetime, partition_ids: Collection[str]) -> list[LostAttempt]:
    """Return the attempts that ended since then because their node died, in order."""
    rows = AttemptRow.objects.filter(
        reason=EndReason.NODE_FAIL.value, ended_at__gte=since, partition_id__in=partition_ids
    ).order_by("ended_at", "key")
    columns = ("key", "job_id", "partition_id", "ended_at", "refunded_seconds")
    return [
        LostAttempt(**dict(zip(columns, row, strict=True))) for row in rows.values_list(*columns)
    ]


def _read(incident_ids: Iterable[str]) -> list[Incident]:
    """Return these incidents in this order, with all their entries."""
    ids = list(incident_ids)
    entries: dict[str, list[IncidentEntry]] = {incident_id: [] for incident_id in ids}
    for row in IncidentEntryRow.objects.filter(incident_id__in=ids).order_by("number"):
        entries[row.incident_id].append(_entry(row))
    return [Incident(id=key, entries=tuple(each)) for key, each in entries.items() if each]


def _entry(row: IncidentEntryRow) -> IncidentEntry:
    report = Report(
        impact=Impact(row.impact), **{name: getattr(row, name) for name in REPORT_FIELDS}
    )
    return IncidentEntry(
        incident_id=row.incident_id, number=row.number, report=report, at=row.at, by=row.by
    )
