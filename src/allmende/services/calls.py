"""Calls: opened from the configuration, shown to everybody."""

from dataclasses import dataclass, replace
from datetime import datetime

from allmende.domain.access.calls import (
    AccessRules,
    Call,
    CallHasFlaw,
    CallState,
    DifferentCall,
    on_its_machine,
)
from allmende.domain.access.flaws import Flaw, list_call_flaws, list_past_flaws
from allmende.domain.access.snapshots import hash_content
from allmende.domain.basics.people import Person
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import allocations, audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import calls as store
from allmende.storage import database


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
    return _open(deed, rules.get_call(call_id), rules)


@one_transaction
def open_new_call(deed: Deed, call: Call, *, rules: AccessRules) -> Call:
    """Open a call that the office wrote, as one of the configuration; it lies not in the past."""
    check_permission(deed.actor, Permission.OPEN_CALL)
    call = on_its_machine(call, rules.partitions)
    if store.find_call(call.id) is None:
        _refuse_flaws(call, list_past_flaws(call, now=deed.now))
    return _open(deed, call, rules)


def list_flaws(call: Call, *, rules: AccessRules, now: datetime) -> list[Flaw]:
    """Return everything for which `open_new_call` would refuse a call that is not open yet."""
    flaws = list_call_flaws(call, modes=rules.modes, partitions=rules.partitions)
    return [*list_past_flaws(call, now=now), *flaws]


def _open(deed: Deed, call: Call, rules: AccessRules) -> Call:
    database.lock_table("call")
    known = store.find_call(call.id)
    if known is not None:
        if replace(known, mode=None) != call:
            raise DifferentCall(call=call.id)
        return known
    _refuse_flaws(call, list_call_flaws(call, modes=rules.modes, partitions=rules.partitions))
    call = replace(call, mode=rules.get_mode_of(call))
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
        deed,
        action="call.opened",
        subject=call.id,
        mode=call.mode_id,
        terms=call.terms_hash,
        content=hash_content(call),
    )
    return call


def _refuse_flaws(call: Call, flaws: list[Flaw]) -> None:
    for flaw in flaws:
        field = ".".join(map(str, flaw.at))
        raise CallHasFlaw(call=call.id, field=field, problem=flaw.sentence)


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


def list_prepared(reader: Person, *, rules: AccessRules) -> list[Call]:
    """Return the calls of the configuration that were not opened yet."""
    check_permission(reader, Permission.OPEN_CALL)
    known = store.list_by_ids([call.id for call in rules.calls])
    return [call for call in rules.calls if call.id not in known]


def list_open_calls(reader: Person, *, now: datetime) -> list[CallView]:
    """Return the calls under which one can apply at that instant."""
    check_permission(reader, Permission.SEE_FACTORY)
    views = (_view(call, now) for call in store.list_calls(limit=None))
    return [view for view in views if view.state is CallState.OPEN]


def _view(call: Call, now: datetime) -> CallView:
    return CallView(call=call, state=call.state(now), next_cut_off=call.next_cut_off(now))
