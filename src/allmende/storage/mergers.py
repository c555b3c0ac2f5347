"""Mergers of organisations as rows."""

from django.db import models

from allmende.domain.access.mergers import Merger
from allmende.storage import database


class MergerRow(models.Model):
    """An organisation that merged into another one."""

    organisation_id = models.CharField(max_length=40, primary_key=True)
    into_id = models.CharField(max_length=40)
    on = models.DateField()
    reason = models.TextField()
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=40)

    class Meta:
        app_label = "storage"
        db_table = "merger"


def lock_mergers() -> None:
    """Let nobody else record a merger before this transaction ends: chains must not close."""
    database.lock_table(MergerRow._meta.db_table)


def add_merger(merger: Merger) -> None:
    """Write a merger; none is ever changed."""
    MergerRow.objects.create(
        organisation_id=merger.organisation_id,
        into_id=merger.into_id,
        on=merger.on,
        reason=merger.reason,
        recorded_at=merger.recorded_at,
        recorded_by=merger.recorded_by,
    )


def list_mergers() -> dict[str, Merger]:
    """Return every merger by the organisation that merged; a factory sees a few in its life."""
    return {
        row.organisation_id: Merger(
            organisation_id=row.organisation_id,
            into_id=row.into_id,
            on=row.on,
            reason=row.reason,
            recorded_at=row.recorded_at,
            recorded_by=row.recorded_by,
        )
        for row in MergerRow.objects.order_by("-on", "organisation_id")
    }
