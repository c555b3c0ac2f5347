"""State aid that this factory granted, for the central register."""

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from allmende.domain.access.aid import AidEntry
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import aid
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, Words, page_of
from allmende.wiring import now

router = Router(tags=["aid"])


class AidOut(Schema):
    """One grant of de minimis aid with its arithmetic; `due_at` is the first instant too late."""

    id: str
    award_id: str
    organisation_id: str
    undertaking_ids: list[str]
    beneficiary: str
    nace_code: str
    member_state: str
    authority: str
    instrument: Words
    cents: int
    seconds: int
    unit: TimeUnit
    price_cents_per_hour: int
    price_source: str
    granted_before_cents: int
    declared_cents: int
    total_cents: int
    ceiling_cents: int
    granted_on: date
    due_at: datetime
    keep_until: date
    registered_at: datetime | None
    registered_by: str
    reference: str
    is_late: bool


class RegistrationIn(Schema):
    """The number that the central register shows for the entry."""

    reference: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]


@router.get("", response=Page[AidOut], **takes(Permission.SEE_AID))
def list_aid(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List all aid that was granted here."""
    found = aid.list_entries(get_actor(request), after=after, limit=limit)
    return page_of([_to_json(each) for each in found], limit=limit, key=lambda each: each["id"])


@router.get("/{entry_id}", response=AidOut, **takes(Permission.SEE_AID))
def get_aid(request: HttpRequest, entry_id: PathId) -> dict[str, Any]:
    """Return one grant."""
    return _to_json(aid.get_entry(get_actor(request), entry_id))


@router.post("/{entry_id}/register", response=AidOut, **takes(Permission.REGISTER_AID))
def register_aid(request: HttpRequest, entry_id: PathId, body: RegistrationIn) -> dict[str, Any]:
    """Note that a grant stands in the central register; the same number again changes nothing."""
    return _to_json(aid.register_entry(begin_deed(request), entry_id, reference=body.reference))


def _to_json(entry: AidEntry) -> dict[str, Any]:
    check = entry.check
    return {
        **{name: getattr(entry, name, None) for name in AidOut.model_fields},
        "seconds": check.seconds,
        "unit": check.unit,
        "price_cents_per_hour": check.price.cents_per_hour,
        "price_source": check.price.source,
        "granted_before_cents": check.granted_cents,
        "declared_cents": check.declared_cents,
        "total_cents": check.total_cents,
        "ceiling_cents": check.ceiling_cents,
        "is_late": entry.is_late(now()),
    }
