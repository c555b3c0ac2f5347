"""Rows of the audit chain; the database refuses to change or delete them."""

import json
from collections.abc import Collection, Iterator

from django.db import models

from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import audit, canonical
from allmende.domain.trust.audit import AuditEvent, Entry, Head


class AuditEventRow(models.Model):
    """One event. The canonical texts are kept as text, so that no database rewrites them."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor_id = models.CharField(max_length=40, db_index=True)
    action = models.CharField(max_length=60, db_index=True)
    subject = models.CharField(max_length=200, db_index=True)
    why = models.TextField(blank=True)
    facts = models.TextField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        app_label = "storage"
        db_table = "audit_event"


class AuditHeadRow(models.Model):
    """The end of the chain: one row, locked by whoever appends."""

    id = models.SmallIntegerField(primary_key=True)
    number = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        app_label = "storage"
        db_table = "audit_head"


_ONLY_ROW = 1


def append_event(entry: Entry) -> AuditEvent:
    """Append to the chain; whoever comes second waits for the first to commit."""
    event = audit.append(lock_head(), entry)
    AuditEventRow.objects.bulk_create([_to_row(event)])  # one plain INSERT
    AuditHeadRow.objects.filter(id=_ONLY_ROW).update(number=event.number, hash=event.hash)
    return event


def lock_head() -> Head:
    """Return the head, and let nobody append before this transaction ends."""
    row = AuditHeadRow.objects.select_for_update().filter(id=_ONLY_ROW).first()
    if row is None:
        genesis = AuditHeadRow(id=_ONLY_ROW, number=0, hash=audit.GENESIS)
        AuditHeadRow.objects.bulk_create([genesis], ignore_conflicts=True)
        row = AuditHeadRow.objects.select_for_update().get(id=_ONLY_ROW)
    return Head(number=row.number, hash=row.hash)


def get_head() -> Head:
    """Return the last event's number and hash."""
    row = AuditHeadRow.objects.filter(id=_ONLY_ROW).first()
    return Head() if row is None else Head(number=row.number, hash=row.hash)


def list_events(
    *, after: int = 0, limit: int = 100, subject: str = "", actor_id: str = "", action: str = ""
) -> list[AuditEvent]:
    """Return events in order, from the one after `after` on."""
    wanted = {"subject": subject, "actor_id": actor_id, "action": action}
    rows = AuditEventRow.objects.filter(
        number__gt=after, **{name: value for name, value in wanted.items() if value}
    )
    return [_from_row(row) for row in rows.order_by("number")[:limit]]


def list_latest_events(*, before: int | None = None, limit: int = 100) -> list[AuditEvent]:
    """Return the newest events first, for people; `before` pages on."""
    rows = AuditEventRow.objects.order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    return [_from_row(row) for row in rows[:limit]]


def list_events_about(subjects: Collection[str], *, action: str) -> list[AuditEvent]:
    """Return the events of one action about some subjects, in their order."""
    rows = AuditEventRow.objects.filter(action=action, subject__in=list(subjects))
    return [_from_row(row) for row in rows.order_by("number")]


def list_all_events(*, action: str) -> list[AuditEvent]:
    """Return every event of an action, oldest first."""
    rows = AuditEventRow.objects.filter(action=action).order_by("number")
    return [_from_row(row) for row in rows]


def find_last_event(*, action: str) -> AuditEvent | None:
    """Return the newest event of an action, if there is one."""
    row = AuditEventRow.objects.filter(action=action).order_by("-number").first()
    return None if row is None else _from_row(row)


def iterate_events() -> Iterator[AuditEvent]:
    """Yield the whole chain, from the first event on."""
    for row in AuditEventRow.objects.order_by("number").iterator(chunk_size=1000):
        yield _from_row(row)


def _to_row(event: AuditEvent) -> AuditEventRow:
    return AuditEventRow(
        number=event.number,
        at=event.at,
        actor_id=event.actor_id,
        action=event.action,
        subject=event.subject,
        why="" if event.why is None else canonical.render(event.why),
        facts=canonical.render(event.facts),
        previous_hash=event.previous_hash,
        hash=event.hash,
    )


def _from_row(row: AuditEventRow) -> AuditEvent:
    return AuditEvent(
        number=row.number,
        at=row.at,
        actor_id=row.actor_id,
        action=row.action,
        subject=row.subject,
        why=Sentence.from_json(json.loads(row.why)) if row.why else None,
        facts=json.loads(row.facts),
        previous_hash=row.previous_hash,
        hash=row.hash,
    )
