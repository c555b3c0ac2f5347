"""The audit chain: who did what, when and why."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from allmende.domain.trust.audit import Finding, Head
from allmende.domain.trust.permissions import Permission
from allmende.services import audit, recomputations
from allmende.services.recomputations import Recomputed
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import Limit, Page, QueryId, Words, page_of

router = Router(tags=["audit"])


class EventOut(Schema):
    """One link of the chain."""

    number: int
    at: datetime
    actor_id: str
    action: str
    subject: str
    why: Words | None
    facts: dict[str, Any]
    previous_hash: str
    hash: str


class HeadOut(Schema):
    """The end of the chain; whoever notes it can later prove that nothing before it changed."""

    number: int
    hash: str


class FindingOut(Schema):
    """Something wrong, and where."""

    place: str
    problem: Words


class RecomputedOut(Schema):
    """How much was worked out once more, and what does not follow."""

    applications: int
    awards: int
    findings: list[FindingOut]


@router.get("/events", response=Page[EventOut], **takes(Permission.READ_AUDIT))
def list_events(
    request: HttpRequest,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Limit = 50,
    subject: QueryId | None = None,
) -> dict[str, Any]:
    """List events, oldest first."""
    reader = get_actor(request)
    events = audit.list_events(reader, after=after, limit=limit, subject=subject or "")
    return page_of(events, limit=limit, key=lambda event: event.number)


@router.get("/head", response=HeadOut, **takes(Permission.SEE_PROMISES))
def get_head(request: HttpRequest) -> Head:
    """Return the end of the chain."""
    return audit.get_head(get_actor(request))


@router.get("/decisions", response=RecomputedOut, **takes(Permission.READ_AUDIT))
def recompute_decisions(request: HttpRequest) -> Recomputed:
    """Work out every decision on access once more from what it rested on."""
    return recomputations.recompute_decisions(get_actor(request))


@router.get("/check", response=list[FindingOut], **takes(Permission.READ_AUDIT))
def check_audit(request: HttpRequest) -> list[Finding]:
    """Verify the whole chain; an empty list means that it is unbroken."""
    return audit.check_audit(get_actor(request))
