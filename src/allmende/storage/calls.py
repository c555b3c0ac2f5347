"""Calls that were opened, whole, so that people have what they applied under."""

from collections.abc import Collection
from datetime import datetime

from django.db import models

from allmende.domain.access.calls import Call
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound


class CallRow(models.Model):
    """A call as it was opened."""

    id = models.CharField(max_length=40, primary_key=True)
    mode_id = models.CharField(max_length=40)
    partition_id = models.CharField(max_length=40)
    opens_at = models.DateTimeField()
    content = models.JSONField()
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=40)

    class Meta:
        app_label = "storage"
        db_table = "call"


class RulesSnapshotRow(models.Model):
    """The rules in force on some day, kept once under their hash."""

    hash = models.CharField(max_length=64, primary_key=True)
    content = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "rules_snapshot"


def create_call(call: Call, *, opened_at: datetime, opened_by: str) -> None:
    """Write a call that was not open before."""
    CallRow.objects.create(
        id=call.id,
        mode_id=call.mode_id,
        partition_id=call.partition_id,
        opens_at=call.opens_at,
        content=to_plain(call),
        opened_at=opened_at,
        opened_by=opened_by,
    )


def find_call(call_id: str) -> Call | None:
    """Return a call, or None."""
    row = CallRow.objects.filter(id=call_id).first()
    return from_plain(Call, row.content) if row else None


def get_call(call_id: str) -> Call:
    """Return a call; `NotFound` when it was never opened."""
    call = find_call(call_id)
    if call is None:
        raise NotFound(kind="call", id=call_id)
    return call


def list_by_ids(call_ids: Collection[str]) -> dict[str, Call]:
    """Return calls by their ids; unknown ones are left out."""
    rows = CallRow.objects.filter(id__in=list(call_ids))
    return {row.id: from_plain(Call, row.content) for row in rows}


def list_calls(*, after: str = "", limit: int | None = 100) -> list[Call]:
    """Return calls in the order of their ids, from the one after `after` on."""
    rows = CallRow.objects.filter(id__gt=after).order_by("id")[:limit]
    return [from_plain(Call, row.content) for row in rows]


def list_opened_before(instant: datetime) -> list[Call]:
    """Return the calls that were opened before an instant, in the order of their opening."""
    rows = CallRow.objects.filter(opened_at__lt=instant, opens_at__lt=instant)
    return [from_plain(Call, row.content) for row in rows.order_by("opens_at", "id")]


def keep_rules(rules_hash: str, content: object) -> None:
    """Keep a snapshot of rules; keeping it again changes nothing."""
    RulesSnapshotRow.objects.get_or_create(hash=rules_hash, defaults={"content": content})


def list_rules(hashes: Collection[str]) -> dict[str, object]:
    """Return snapshots of rules as plain values, by their hash; unknown ones are left out."""
    rows = RulesSnapshotRow.objects.filter(hash__in=list(hashes))
    return dict(rows.values_list("hash", "content"))


def get_rules(rules_hash: str) -> object:
    """Return a snapshot of rules as plain values; `NotFound` when there is none."""
    row = RulesSnapshotRow.objects.filter(hash=rules_hash).first()
    if row is None:
        raise NotFound(kind="snapshot of rules", id=rules_hash)
    return row.content
