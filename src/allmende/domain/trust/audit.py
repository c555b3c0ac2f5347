"""The audit chain: what was done, each event bound to the one before by its hash."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import canonical
from allmende.domain.trust.canonical import Json

# The hash that stands before the first event.
GENESIS = canonical.digest("allmende audit chain, format 1")


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """Who did what to what, when and why.

    The actor stands here by id alone: a name can be erased elsewhere, an event cannot.
    """

    number: int  # 1, 2, 3 … without gaps
    at: datetime
    actor_id: str
    action: str  # "application.submitted"
    subject: str  # the id of what it was done to
    why: Sentence | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    previous_hash: str
    hash: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """The last event of the chain: knowing it, one can tell whether anything before it changed."""

    number: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that evidence shows to be wrong, and where."""

    place: str  # "events.jsonl:17"
    problem: Sentence


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is to be recorded, before it has its place in the chain."""

    at: datetime
    actor_id: str
    action: str
    subject: str
    why: Sentence | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def append(head: Head, entry: Entry) -> AuditEvent:
    """Return the event that follows `head`, with its number and its hash."""
    facts = canonical.to_json(entry.facts)
    assert isinstance(facts, dict)
    body: dict[str, Any] = {
        "number": head.number + 1,
        "at": entry.at,
        "actor_id": entry.actor_id,
        "action": entry.action,
        "subject": entry.subject,
        "why": entry.why,
        "facts": facts,
        "previous_hash": head.hash,
    }
    return AuditEvent(**body, hash=canonical.digest(canonical.render(body)))


def hash_of(event: AuditEvent) -> str:
    """Return the hash that the event's content calls for."""
    body = canonical.to_json(event)
    assert isinstance(body, dict)
    return canonical.digest(canonical.render({k: v for k, v in body.items() if k != "hash"}))


def head_after(event: AuditEvent) -> Head:
    """Return the head of a chain that ends with this event."""
    return Head(number=event.number, hash=event.hash)


def verify_chain(events: Iterable[AuditEvent], *, head: Head | None = None) -> list[Finding]:
    """Find every changed, removed, reordered or inserted event, given all from the first on.

    Events cut off at the end leave a chain that is whole in itself: only the `head`, noted
    somewhere else, shows that they are missing.
    """
    findings: list[Finding] = []
    last = Head()
    for event in events:
        findings += _check_event(last, event)
        last = head_after(event)
    if head is not None and last != head:
        findings.append(_finding(last.number, CUT, expected=head.number, found=last.number))
    return findings


CHANGED = Sentence("event {number} was changed: its hash does not fit its content")
TORN = Sentence("event {number} does not follow the event before it")
MISNUMBERED = Sentence("event {number} stands where event {expected} belongs")
CUT = Sentence("the chain ends at event {found}, but its head is event {expected}")


def _check_event(last: Head, event: AuditEvent) -> list[Finding]:
    findings = []
    if event.number != last.number + 1:
        findings.append(_finding(event.number, MISNUMBERED, expected=last.number + 1))
    if event.previous_hash != last.hash:
        findings.append(_finding(event.number, TORN))
    if event.hash != hash_of(event):
        findings.append(_finding(event.number, CHANGED))
    return findings


def _finding(number: int, kind: Sentence, **facts: int) -> Finding:
    problem = Sentence(kind.template, {"number": number, **facts})
    return Finding(place=f"event {number}", problem=problem)


def parse_event(value: Mapping[str, Any]) -> AuditEvent:
    """Read an event from the object that its canonical JSON holds."""
    why = value["why"]
    assert isinstance(value["number"], int), "events are counted"
    assert isinstance(value["facts"], Mapping), "facts have names"
    return AuditEvent(
        **{
            **value,
            "at": canonical.parse_instant(value["at"]),
            "why": None if why is None else Sentence.from_json(why),
        }
    )
