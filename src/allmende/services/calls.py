"""Calls: opened from the configuration, shown to everybody."""

from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access.calls import AccessRules, Call, CallState, DifferentCall
from allmende.domain.basics.people import Person
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import allocations, audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import calls as store


@dataclass(frozen=True, kw_only=True)
class CallView:
    """A call and where it stands at an instant."""

    call: Call
    state: CallState
    next_cut_off: datetime | None


@one_transaction
def open_call(deed: Deed, call_id: str, *, rules: AccessRules) -> Call:
    """Open a call of the configuration and fill its pool; opening it again changes nothing."""
    check_permission(deed.actor, Permission.OPEN_CALL)
    call = rules.get_call(call_id)
    known = store.find_call(call_id)
    if known is not None:
        if known != call:
            raise DifferentCall(call=call_id)
        return known
    store.create_call(call, opened_at=deed.now, opened_by=deed.actor.id)
    if call.contingent_seconds:
        allocations.open_pool(
            deed,
            partition_id=call.partition_id,
            access_share=call.access_share,
            mode_id=call.mode_id,
            unit=call.unit,
            seconds=call.contingent_seconds,
            fund_id=f"call:{call.id}",
        )
    audit.record(
        deed, action="call.opened", subject=call.id, mode=call.mode_id, terms=call.terms_hash
    )
    return call


def get_call(reader: Person, call_id: str, *, now: datetime) -> CallView:
    """Return a call with its state."""
    check_permission(reader, Permission.SEE_FACTORY)
    return _view(store.get_call(call_id), now)


def list_calls(
    reader: Person, *, now: datetime, after: str = "", limit: int = 100
) -> list[CallView]:
    """Return a page of all calls that were ever opened, closed ones too."""
    check_permission(reader, Permission.SEE_FACTORY)
    return [_view(call, now) for call in store.list_calls(after=after, limit=limit)]


def list_open_calls(reader: Person, *, now: datetime) -> list[CallView]:
    """Return the calls under which one can apply at that instant."""
    return [view for view in list_calls(reader, now=now) if view.state is CallState.OPEN]


def _view(call: Call, now: datetime) -> CallView:
    return CallView(call=call, state=call.state(now), next_cut_off=call.next_cut_off(now))
