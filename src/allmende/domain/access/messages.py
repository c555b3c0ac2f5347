"""What people are told by e-mail: one message for each event, tried until it is delivered.

The id of a message follows from kind, subject matter, recipient and occasion, so that an event that
is announced twice is still one message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from string import Formatter
from typing import Any

from allmende.domain.access.message_kinds import WORDINGS, MessageKind
from allmende.domain.access.snapshots import hash_content
from allmende.domain.basics.ids import render_id
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence

PATIENCE = timedelta(days=3)  # how long a message is tried before it is given up
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
# Whoever takes a message to send it has it to themselves for so long; it is more than all time-outs
# of sending together, so that nobody else sends it meanwhile.
HANDLING = timedelta(minutes=10)
KEPT = timedelta(days=365)
ID_LETTERS = 16
ERROR_CHARACTERS = 300


class MessageIsDone(Refusal):
    """Message {message} is {state}. Only one that was given up can be tried again."""


class MessageState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENT = "sent"
    LAPSED = "lapsed"  # what it tells of was over before it could be sent
    GIVEN_UP = "given_up"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to one person, with its sentences as they were when the event happened."""

    id: str
    kind: MessageKind
    about: str  # the id of what it tells of
    recipient_id: str
    subject: Sentence
    body: tuple[Sentence, ...]
    path: str  # of the page that it leads to
    queued_at: datetime
    next_try_at: datetime
    give_up_at: datetime
    state: MessageState = MessageState.QUEUED
    attempts: int = 0
    sent_at: datetime | None = None
    error: str = ""  # why the last try failed


def id_of(kind: MessageKind, *, about: str, recipient_id: str, occasion: str = "") -> str:
    """Return the id of the one message that tells a person of an event."""
    digest = hash_content([kind.value, about, recipient_id, occasion])
    return render_id("msg", int(digest, base=16), length=ID_LETTERS)


def write_message(
    kind: MessageKind,
    *,
    about: str,
    recipient_id: str,
    now: datetime,
    occasion: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Message:
    """Return the message of a kind, to be sent at once.

    `occasion` tells events of one kind about one thing apart, such as two decisions.
    """
    wording, known = WORDINGS[kind], {"about": about, **(facts or {})}
    return Message(
        id=id_of(kind, about=about, recipient_id=recipient_id, occasion=occasion),
        kind=kind,
        about=about,
        recipient_id=recipient_id,
        subject=_fill(wording.subject, known),
        body=tuple(_fill(each, known) for each in wording.body if _is_known(each, known)),
        path=wording.path.format(about=about),
        queued_at=now,
        next_try_at=now,
        give_up_at=now + PATIENCE,
    )


def take(message: Message, *, now: datetime) -> Message:
    """Return the message in the hands of somebody who sends it now."""
    return replace(message, attempts=message.attempts + 1, next_try_at=now + HANDLING)


def is_lost(message: Message, *, now: datetime) -> bool:
    """Say whether the message was tried for as long as it should be."""
    return bool(message.attempts) and now >= message.give_up_at


def mark_sent(message: Message, *, now: datetime) -> Message:
    """Return the message as sent; sent before by somebody else, it stays as it is."""
    if message.state is MessageState.SENT:
        return message
    return replace(message, state=MessageState.SENT, sent_at=now, error="")


def mark_failed(message: Message, *, error: str, now: datetime) -> Message:
    """Return the message with another try ahead, or given up when its time is over."""
    if message.state is not MessageState.QUEUED:
        return message
    failed = replace(message, error=" ".join(error.split())[:ERROR_CHARACTERS])
    if is_lost(failed, now=now):
        return give_up(failed)
    return replace(failed, next_try_at=now + pause_after(message))


def give_up(message: Message) -> Message:
    """Return the message as one that nobody tries any more."""
    return replace(message, state=MessageState.GIVEN_UP)


def lapse(message: Message) -> Message:
    """Return the message as one that tells nothing true any more."""
    return replace(message, state=MessageState.LAPSED)


def retry(message: Message, *, now: datetime) -> Message:
    """Return a message that was given up, to be tried anew; one that waits goes on waiting.

    Somebody may be sending that one right now.
    """
    if message.state not in (MessageState.GIVEN_UP, MessageState.QUEUED):
        raise MessageIsDone(message=message.id, state=message.state.value)
    if message.state is MessageState.QUEUED:
        return message
    return replace(
        message, state=MessageState.QUEUED, next_try_at=now, give_up_at=now + PATIENCE, attempts=0
    )


def pause_after(message: Message) -> timedelta:
    """Return how long to wait after a failed try: twice as long each time, and never all at once.

    Up to half of it comes on top, by message and try, so that a queue that failed together does
    not come back together.
    """
    doubled = FIRST_PAUSE * 2 ** min(message.attempts - 1, 16) if message.attempts else FIRST_PAUSE
    share = int(hash_content([message.id, message.attempts])[:4], base=16) / 0xFFFF
    return min(doubled, LONGEST_PAUSE) * (1 + share / 2)


def _fill(sentence: Sentence, facts: Mapping[str, Any]) -> Sentence:
    return Sentence(sentence.template, {name: facts[name] for name in _places(sentence)})


def _is_known(sentence: Sentence, facts: Mapping[str, Any]) -> bool:
    return all(facts.get(name) is not None for name in _places(sentence))


def _places(sentence: Sentence) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(sentence.template) if name]
