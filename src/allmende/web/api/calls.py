"""Calls: what is open, for whom, until when."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from allmende import wiring
from allmende.domain.access.calls import AccessRules, Call, CallState, defaults_of
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import calls
from allmende.services.calls import CallView
from allmende.web.api.modes import Count, ModeOut, Texts
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import (
    After,
    Amount,
    BodyId,
    Limit,
    Page,
    PathId,
    Text,
    in_utc,
    page_of,
)
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
    mode: ModeOut | None


class CallIn(Schema):
    """A call to open. What is left out, its mode says; sizes are in the unit of the machine."""

    id: BodyId
    names: Texts
    descriptions: Texts
    mode_id: BodyId
    partition_id: BodyId
    access_share: BodyId | None = None
    size_min_seconds: Amount = 1
    size_max_seconds: Amount | None = None
    durations_months: tuple[Count, ...] | None = None
    opens_at: datetime
    closes_at: datetime | None = None
    cut_offs: tuple[datetime, ...] = ()
    decision_working_days: Count | None = None
    price_cents_per_hour: Amount = 0
    contingent_seconds: Amount = 0
    civilian_only: bool = True
    needs_onboarding: bool = False
    terms_version: BodyId
    terms_text: Text

    def to_call(self, rules: AccessRules) -> Call:
        """Return the call; `NotFound` if its mode or its machine is unknown."""
        mode = rules.get_mode(self.mode_id, on=day_of(in_utc(self.opens_at)))
        said = {name: value for name, value in self.dict().items() if value is not None}
        said["opens_at"] = in_utc(self.opens_at)
        said["cut_offs"] = tuple(in_utc(each) for each in self.cut_offs)
        if self.closes_at is not None:
            said["closes_at"] = in_utc(self.closes_at)
        partition = rules.get_partition(self.partition_id)
        return Call(**{**defaults_of(mode, partition), **said})


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


@router.post("", response={201: CallOut}, **takes(Permission.OPEN_CALL))
def open_new_call(request: HttpRequest, body: CallIn) -> Status[Any]:
    """Open a call that the body describes. The same once more changes nothing.

    Another content under an id that is taken is refused: people have applied under it.
    """
    rules = load_access_rules()
    call = calls.open_new_call(begin_deed(request), body.to_call(rules), rules=rules)
    return Status(201, call)


@router.post("/{call_id}/open", response={201: CallOut}, **takes(Permission.OPEN_CALL))
def open_call(request: HttpRequest, call_id: PathId) -> Status[Any]:
    """Open a call of the configuration; opening it again changes nothing."""
    return Status(201, calls.open_call(begin_deed(request), call_id, rules=load_access_rules()))
