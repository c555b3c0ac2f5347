"""Every deed leaves an event in its own transaction; who may read the events, and check them."""

from typing import Any

from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.audit import AuditEvent, Entry, Finding, Head, verify_chain
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import audit as store


def record(
    deed: Deed, *, action: str, subject: str, why: Sentence | None = None, **facts: Any
) -> None:
    """Append an event to the audit chain. Call it last, inside the deed's transaction.

    Facts may be anything that has a canonical form: no names and no free text of people.
    """
    store.append_event(
        Entry(
            at=deed.now,
            actor_id=deed.actor.id,
            action=action,
            subject=subject,
            why=why,
            facts=facts,
        )
    )


@one_transaction
def record_reading(deed: Deed, *, kind: str, subject: str, why: Sentence | None = None) -> None:
    """Record that sensitive data was read; call it before the data leaves the service."""
    record(deed, action=f"{kind}.read", subject=subject, why=why)


def list_events(
    reader: Person, *, after: int = 0, limit: int = 100, subject: str = ""
) -> list[AuditEvent]:
    """Return a page of the chain, oldest first."""
    check_permission(reader, Permission.READ_AUDIT)
    return store.list_events(after=after, limit=limit, subject=subject)


def list_latest_events(
    reader: Person, *, before: int | None = None, limit: int = 100
) -> list[AuditEvent]:
    """Return a page of the chain, newest first."""
    check_permission(reader, Permission.READ_AUDIT)
    return store.list_latest_events(before=before, limit=limit)


def get_head(reader: Person) -> Head:
    """Return the head of the chain; everybody may note it, and hold us to it."""
    check_permission(reader, Permission.SEE_PROMISES)
    return store.get_head()


def check_audit(reader: Person) -> list[Finding]:
    """Verify the whole chain as it stands in the database."""
    check_permission(reader, Permission.READ_AUDIT)
    return verify_chain(store.iterate_events(), head=store.get_head())
