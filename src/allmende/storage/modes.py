"""Versions of access modes that the programme office wrote: added, never changed."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models

from allmende.domain.access.modes import AccessMode
from allmende.domain.access.snapshots import from_plain, to_plain


class ModeVersionRow(models.Model):
    """A mode as it is in force from a day on."""

    id = models.BigAutoField(primary_key=True)
    mode_id = models.CharField(max_length=40)
    valid_from = models.DateField()
    content = models.JSONField()
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=40)

    class Meta:
        app_label = "storage"
        db_table = "mode_version"
        constraints = (
            models.UniqueConstraint(fields=["mode_id", "valid_from"], name="mode_version_once"),
        )


@dataclass(frozen=True, kw_only=True)
class AddedMode:
    """A version with who added it, and when."""

    mode: AccessMode
    added_at: datetime
    added_by: str


def add_version(mode: AccessMode, *, added_at: datetime, added_by: str) -> None:
    """Write a version that was not there before."""
    ModeVersionRow.objects.create(
        mode_id=mode.id,
        valid_from=mode.valid_from,
        content=to_plain(mode),
        added_at=added_at,
        added_by=added_by,
    )


def list_versions() -> list[AddedMode]:
    """Return every version that was added, in the order of adding."""
    return [
        AddedMode(
            mode=from_plain(AccessMode, row.content), added_at=row.added_at, added_by=row.added_by
        )
        for row in ModeVersionRow.objects.order_by("id")
    ]
