"""What the office has to decide, the most urgent first, and what it has decided."""

from allmende.domain.access.applications import Application
from allmende.domain.basics.people import Person
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.storage import applications as store


def count_waiting(reader: Person) -> int:
    """Return how many applications wait for a decision."""
    check_permission(reader, Permission.SEE_EVERY_APPLICATION)
    return store.count_waiting()


def list_waiting(reader: Person, *, after: str = "", limit: int = 100) -> list[Application]:
    """Return a page of what waits for a decision, what is due first before the rest."""
    check_permission(reader, Permission.SEE_EVERY_APPLICATION)
    return store.list_waiting(after=after, limit=limit)


def list_decided(reader: Person, *, after: str = "", limit: int = 100) -> list[Application]:
    """Return a page of what was decided or taken back, the newest first."""
    check_permission(reader, Permission.SEE_EVERY_APPLICATION)
    return store.list_decided(after=after, limit=limit)
