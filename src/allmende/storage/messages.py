"""The queue of messages: what people were told, and what they are still to be told."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import models

from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    Message,
    MessageState,
)
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence


class MessageRow(models.Model):
    """One message to one person. Its id is made of the event, so that it is there once."""

    id = models.CharField(max_length=40, primary_key=True)
    kind = models.CharField(max_length=40)
    about = models.CharField(max_length=60)
    recipient_id = models.CharField(max_length=40)
    subject = models.JSONField()
    body = models.JSONField()
    path = models.CharField(max_length=200)
    queued_at = models.DateTimeField(db_index=True)
    next_try_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    state = models.CharField(max_length=20)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=400, blank=True)

    class Meta:
        app_label = "storage"
        db_table = "message"
        indexes = (
            models.Index(fields=("state", "next_try_at"), name="message_next"),
            models.Index(fields=("recipient_id", "queued_at"), name="message_of"),
        )


def add_messages(messages: Sequence[Message]) -> None:
    """Queue messages; those that are there already stay as they are."""
    rows = [MessageRow(id=each.id, **_values(each)) for each in messages]
    MessageRow.objects.bulk_create(rows, ignore_conflicts=True)


def save_message(message: Message) -> None:
    """Write how far a message is."""
    MessageRow.objects.filter(id=message.id).update(**_values(message))


def lock_message(message_id: str) -> Message:
    """Return a message that nobody else can change until this transaction ends."""
    row = MessageRow.objects.select_for_update().filter(id=message_id).first()
    if row is None:
        raise NotFound(kind="message", id=message_id)
    return _from_row(row)


def lock_next(now: datetime) -> Message | None:
    """Return the message whose turn it is, locked; None when nothing waits at this instant."""
    rows = MessageRow.objects.filter(state=MessageState.QUEUED.value, next_try_at__lte=now)
    row = rows.select_for_update(skip_locked=True).order_by("next_try_at", "id").first()
    return None if row is None else _from_row(row)


def find_unknown(messages: Sequence[Message]) -> list[Message]:
    """Return those of the messages that are not in the queue."""
    ids = {each.id for each in messages}
    rows = MessageRow.objects.filter(id__among=ids)
    known = set(rows.values_list("id", flat=True)) if ids else set()
    return [each for each in messages if each.id not in known]


def list_messages(
    *,
    states: Collection[MessageState] = (),
    recipient_id: str = "",
    before: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[Message]:
    """Return messages, the newest first, from before a place in that order on."""
    rows = MessageRow.objects.order_by("-queued_at", "-id")
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    if recipient_id:
        rows = rows.filter(recipient_id=recipient_id)
    if before is not None:
        at, message_id = before
        earlier = models.Q(queued_at__lt=at) | models.Q(queued_at=at, id__lt=message_id)
        rows = rows.filter(earlier)
    return [_from_row(row) for row in rows[:limit]]


def find_place(message_id: str) -> tuple[datetime, str] | None:
    """Return where a message stands in the order of the queue, None where there is none."""
    row = MessageRow.objects.filter(id=message_id).first()
    return None if row is None else (row.queued_at, row.id)


def count_by_state() -> dict[MessageState, int]:
    """Return how many messages stand where."""
    rows = MessageRow.objects.order_by().values_list("state").annotate(models.Count("id"))
    return {MessageState(state): number for state, number in rows}


def delete_before(instant: datetime) -> int:
    """Forget messages that were queued before an instant; return how many."""
    deleted, _ = MessageRow.objects.filter(queued_at__lt=instant).delete()
    return deleted


def _values(message: Message) -> dict[str, object]:
    return {
        "kind": message.kind.value,
        "about": message.about,
        "recipient_id": message.recipient_id,
        "subject": message.subject.to_json(),
        "body": [each.to_json() for each in message.body],
        "path": message.path,
        "queued_at": message.queued_at,
        "next_try_at": message.next_try_at,
        "give_up_at": message.give_up_at,
        "state": message.state.value,
        "attempts": message.attempts,
        "sent_at": message.sent_at,
        "error": message.error,
    }


def _from_row(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        kind=MessageKind(row.kind),
        about=row.about,
        recipient_id=row.recipient_id,
        subject=Sentence.from_json(row.subject),
        body=tuple(Sentence.from_json(each) for each in row.body),
        path=row.path,
        queued_at=row.queued_at,
        next_try_at=row.next_try_at,
        give_up_at=row.give_up_at,
        state=MessageState(row.state),
        attempts=row.attempts,
        sent_at=row.sent_at,
        error=row.error,
    )
