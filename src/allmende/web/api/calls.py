"""Calls: what is open, for whom, until when."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from allmende import wiring
from allmende.domain.access.calls import CallState
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import calls
from allmende.services.calls import CallView
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, page_of
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["calls"])


class CallOut(Schema):
    """A call as the configuration has it."""

    id: str
    names: dict[str, str]
    descriptions: dict[str, str]
    mode_id: str
    partition_id: str
    access_share: str
    unit: TimeUnit
    size_min_seconds: int
    size_max_seconds: int
    durations_months: list[int]
    opens_at: datetime
    closes_at: datetime | None
    cut_offs: list[datetime]
    decision_working_days: int
    price_cents_per_hour: int
    contingent_seconds: int
    terms_version: str
    terms_text: str
    terms_hash: str


class CallViewOut(Schema):
    """A call and where it stands now."""

    call: CallOut
    state: CallState
    next_cut_off: datetime | None


@router.get("", response=Page[CallViewOut], **takes(Permission.SEE_FACTORY))
def list_calls(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List all calls that were ever opened, closed ones too."""
    found = calls.list_calls(get_actor(request), now=wiring.now(), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda view: view.call.id)


@router.get("/{call_id}", response=CallViewOut, **takes(Permission.SEE_FACTORY))
def get_call(request: HttpRequest, call_id: PathId) -> CallView:
    """Return one call."""
    return calls.get_call(get_actor(request), call_id, now=wiring.now())


@router.post("/{call_id}/open", response={201: CallOut}, **takes(Permission.OPEN_CALL))
def open_call(request: HttpRequest, call_id: PathId) -> Status[Any]:
    """Open a call of the configuration; opening it again changes nothing."""
    return Status(201, calls.open_call(begin_deed(request), call_id, rules=load_access_rules()))
