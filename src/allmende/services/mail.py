"""E-mail: queued in the transaction of the deed that causes it, sent afterwards, at least once.

Sending has three steps: take the next message (one transaction), hand it to the mail server, write
down what came of it (another transaction). Killed before the last step, the message is sent again
after a while, under the same Message-ID.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from allmende.domain.access import messages
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.message_kinds import REMINDERS, MessageKind
from allmende.domain.access.messages import (
    KEPT,
    Message,
    MessageState,
    write_message,
)
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, reminders
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import messages as store
from allmende.storage import people as people_store

BATCH = 20  # messages sent in a row; then whoever sends looks whether it is still their turn


class NotDelivered(Refusal):
    """The mail server did not take the message: {problem}"""

    status = 503


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A message in the hands of whoever sends it, with the person it goes to."""

    message: Message
    recipient: Person


@dataclass(frozen=True, kw_only=True)
class QueueView:
    """A page of the queue with the names of the recipients, and how many messages stand where."""

    messages: list[Message]
    names: dict[str, str]
    counts: dict[MessageState, int]


@dataclass
class Delivery:
    """What came of a round of sending."""

    sent: int = 0
    failed: list[Message] = field(default_factory=list)
    given_up: list[Message] = field(default_factory=list)


def announce(
    deed: Deed,
    kind: MessageKind,
    *,
    about: str,
    to: Iterable[str],
    occasion: str = "",
    **facts: Any,
) -> None:
    """Queue a message to people, inside the transaction of the deed that causes it.

    The same event again is the same message, however often the deed is repeated.
    """
    written = [
        write_message(
            kind, about=about, recipient_id=each, occasion=occasion, facts=facts, now=deed.now
        )
        for each in sorted(set(to))
    ]
    store.add_messages(written)


def announce_to(deed: Deed, role: Role, kind: MessageKind, *, about: str, **facts: Any) -> None:
    """Queue a message to everybody who has a role."""
    everybody = [person.id for person in people_store.list_by_role(role)]
    announce(deed, kind, about=about, to=everybody, **facts)


def remind(deed: Deed, *, rules: AccessRules) -> int:
    """Queue every reminder that is due now and not queued yet; return how many there were.

    Thousands of reviews take seconds to look through, so nobody is kept from writing meanwhile:
    what changes between the look and the sending is found by the look before it is sent.
    """
    check_permission(deed.actor, Permission.SEND_MAIL)
    due = store.find_unknown(reminders.list_due(deed.now, rules=rules))
    store.add_messages(due)
    return len(due)


@one_transaction
def forget_old(deed: Deed) -> int:
    """Forget messages after a year; return how many there were."""
    check_permission(deed.actor, Permission.SEND_MAIL)
    return store.delete_before(deed.now - KEPT)


def deliver(
    act: Callable[[], Deed],
    *,
    send: Callable[[Parcel], None],
    rules: AccessRules,
    limit: int = BATCH,
) -> Delivery:
    """Send what waits, one message after the other; `send` raises `NotDelivered`.

    `act` gives a deed of now for each step: the steps are transactions of their own.
    """
    delivery = Delivery()
    for _ in range(limit):
        parcel = take_next(act(), rules=rules)
        if parcel is None:
            break
        try:
            send(parcel)
        except NotDelivered as refusal:
            message = record_failure(act(), parcel.message.id, error=str(refusal.facts["problem"]))
            is_lost = message.state is MessageState.GIVEN_UP
            (delivery.given_up if is_lost else delivery.failed).append(message)
        else:
            record_sent(act(), parcel.message.id)
            delivery.sent += 1
    return delivery


@one_transaction
def take_next(deed: Deed, *, rules: AccessRules) -> Parcel | None:
    """Take the next message to send it now; nobody else gets it for some minutes.

    A reminder of what is no longer so lapses, and what was tried for days is given up.
    """
    check_permission(deed.actor, Permission.SEND_MAIL)
    while (message := store.lock_next(deed.now)) is not None:
        recipient = people_store.list_by_ids([message.recipient_id]).get(message.recipient_id)
        is_over = message.kind in REMINDERS and not reminders.is_due(
            message, now=deed.now, rules=rules
        )
        if recipient is None or is_over:
            store.save_message(messages.lapse(message))
        elif messages.is_lost(message, now=deed.now):
            _give_up(deed, messages.give_up(message))
        else:
            taken = messages.take(message, now=deed.now)
            store.save_message(taken)
            return Parcel(message=taken, recipient=recipient)
    return None


@one_transaction
def record_sent(deed: Deed, message_id: str) -> Message:
    """Write down that the mail server took a message."""
    check_permission(deed.actor, Permission.SEND_MAIL)
    sent = messages.mark_sent(store.lock_message(message_id), now=deed.now)
    store.save_message(sent)
    return sent


@one_transaction
def record_failure(deed: Deed, message_id: str, *, error: str) -> Message:
    """Write down why a try failed; the next one is later, or there is none any more."""
    check_permission(deed.actor, Permission.SEND_MAIL)
    message = store.lock_message(message_id)
    failed = messages.mark_failed(message, error=error, now=deed.now)
    store.save_message(failed)
    if failed.state is MessageState.GIVEN_UP and failed != message:
        _give_up(deed, failed)
    return failed


@one_transaction
def retry_message(deed: Deed, message_id: str) -> Message:
    """Try a message anew that was given up; again, it changes nothing."""
    check_permission(deed.actor, Permission.RETRY_MAIL)
    message = store.lock_message(message_id)
    tried = messages.retry(message, now=deed.now)
    if tried != message:
        store.save_message(tried)
        audit.record(deed, action="message.retried", subject=message_id)
    return tried


def list_own_messages(reader: Person, *, after: str = "", limit: int = 100) -> list[Message]:
    """Return a page of what was written to oneself, the newest first."""
    check_permission(reader, Permission.SEE_SELF)
    return store.list_messages(
        recipient_id=reader.id, before=store.find_place(after) if after else None, limit=limit
    )


def list_queue(
    reader: Person,
    *,
    states: Collection[MessageState] = (),
    after: str = "",
    limit: int = 100,
) -> QueueView:
    """Return a page of all messages, the newest first: who gets what, and what became of it."""
    check_permission(reader, Permission.SEE_MAIL)
    before = store.find_place(after) if after else None
    found = store.list_messages(states=states, before=before, limit=limit)
    return QueueView(
        messages=found,
        names=people_store.get_names(each.recipient_id for each in found),
        counts=store.count_by_state(),
    )


def _give_up(deed: Deed, message: Message) -> None:
    """Keep the message as given up, and tell those who can do something about it, once a day."""
    store.save_message(message)
    if message.kind is MessageKind.MAIL_GIVEN_UP:
        return  # no notice of notices
    day = day_of(deed.now).isoformat()
    for role in (Role.PROGRAMME_OFFICER, Role.OPERATOR):
        announce_to(deed, role, MessageKind.MAIL_GIVEN_UP, about="mail", occasion=day)
