"""De minimis aid as rows: one for each award that is aid."""

from collections.abc import Collection
from datetime import datetime

from django.db import models

from allmende.domain.access.aid import AidEntry
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound
from allmende.storage import database


class AidEntryRow(models.Model):
    """A grant of aid, as it has to stand in the central register."""

    id = models.CharField(max_length=80, primary_key=True)
    award_id = models.CharField(max_length=60, unique=True)
    organisation_id = models.CharField(max_length=40, db_index=True)
    granted_on = models.DateField(db_index=True)
    due_at = models.DateTimeField()
    registered_at = models.DateTimeField(null=True)
    content = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "aid_entry"


def lock_entries() -> None:
    """Let nobody else write aid before this transaction ends.

    The sum of an undertaking spans organisations and machines: there is nothing smaller to lock.
    """
    database.lock_table(AidEntryRow._meta.db_table)


def save_entry(entry: AidEntry) -> None:
    """Write an entry, new or registered."""
    AidEntryRow.objects.update_or_create(
        id=entry.id,
        defaults={
            "award_id": entry.award_id,
            "organisation_id": entry.organisation_id,
            "granted_on": entry.granted_on,
            "due_at": entry.due_at,
            "registered_at": entry.registered_at,
            "content": to_plain(entry),
        },
    )


def get_entry(entry_id: str) -> AidEntry:
    """Return an entry; `NotFound` when there is none."""
    row = AidEntryRow.objects.filter(id=entry_id).first()
    if row is None:
        raise NotFound(kind="aid entry", id=entry_id)
    return from_plain(AidEntry, row.content)


def list_entries_of(organisation_ids: Collection[str]) -> list[AidEntry]:
    """Return everything that was ever granted to these organisations."""
    rows = AidEntryRow.objects.filter(organisation_id__in=organisation_ids).order_by("id")
    return [from_plain(AidEntry, row.content) for row in rows]


def list_entries(*, after: str = "", limit: int = 100) -> list[AidEntry]:
    """Return entries in the order of their ids, from the one after `after` on."""
    rows = AidEntryRow.objects.filter(id__gt=after).order_by("id")[:limit]
    return [from_plain(AidEntry, row.content) for row in rows]


def list_duties(*, after: str = "", limit: int = 100) -> list[AidEntry]:
    """Return a page of entries, what is to be registered first, then by the day that it is due."""
    registered = models.Case(
        models.When(registered_at__isnull=True, then=0),
        default=1,
        output_field=models.IntegerField(),
    )
    rows = AidEntryRow.objects.annotate(is_registered=registered)
    if after:
        last = rows.filter(id=after).first()
        if last is None:
            raise NotFound(kind="aid entry", id=after)
        same = models.Q(is_registered=last.is_registered)
        rows = rows.filter(
            models.Q(is_registered__gt=last.is_registered)
            | same & models.Q(due_at__gt=last.due_at)
            | same & models.Q(due_at=last.due_at, id__gt=after)
        )
    rows = rows.order_by("is_registered", "due_at", "id")[:limit]
    return [from_plain(AidEntry, row.content) for row in rows]


def count_duties(now: datetime) -> tuple[int, int]:
    """Return how many entries are to be registered, and how many of them are late."""
    is_late = models.Count("id", filter=models.Q(due_at__lte=now))
    rows = AidEntryRow.objects.filter(registered_at__isnull=True)
    counted = rows.aggregate(every=models.Count("id"), late=is_late)
    return counted["every"], counted["late"]
