"""Ceilings of a machine's time: what is left under each, for everybody, and the check of an award.

What was given is read from the ledger, so top-ups and what came back count as well.
"""

from dataclasses import replace
from datetime import datetime

from allmende.domain.access.calls import AccessRules, Call
from allmende.domain.access.ceilings import (
    LIMITED_SHARE,
    Contingent,
    build_contingent,
    check_contingent,
    count_given,
    find_share_seconds,
    list_ceilings,
    year_of,
)
from allmende.domain.access.modes import AccessMode
from allmende.domain.access.working_days import day_of
from allmende.domain.accounting.allocations import AccessShare
from allmende.domain.basics.people import Person
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.deeds import Deed
from allmende.storage import ceilings as store
from allmende.storage import ledger as ledger_store


def list_contingents(reader: Person, *, rules: AccessRules, now: datetime) -> list[Contingent]:
    """Return every ceiling of every machine whose shares are known; everybody may see them."""
    check_permission(reader, Permission.SEE_FACTORY)
    on = day_of(now)
    found: list[Contingent] = []
    for partition in rules.partitions:
        if find_share_seconds(partition, LIMITED_SHARE, year=on.year) is not None:
            limits = list_ceilings(rules, on=on, partition_id=partition.id)
            found += _count(
                [build_contingent(*each, partition, rules=rules, on=on) for each in limits],
                now=now,
            )
    return found


def list_contingents_of(
    reader: Person, call: Call, mode: AccessMode, *, rules: AccessRules, now: datetime
) -> list[Contingent]:
    """Return the ceilings that an award under a call has to stay below."""
    if call.access_share != LIMITED_SHARE:
        return []
    return [
        each
        for each in list_contingents(reader, rules=rules, now=now)
        if each.partition_id == call.partition_id and mode.id in each.mode_ids
    ]


def check_ceilings(
    deed: Deed, call: Call, mode: AccessMode, *, seconds: int, rules: AccessRules
) -> None:
    """Refuse an award that would pass a ceiling; nobody else gives time of the share meanwhile."""
    on = day_of(deed.now)
    limits = list_ceilings(rules, on=on, partition_id=call.partition_id, mode=mode)
    if call.access_share != LIMITED_SHARE or not limits:
        return
    # One account that all modes of the share have in common: modes with a ceiling together wait
    # for each other. It comes first in the order in which the ledger locks accounts.
    share = AccessShare(partition_id=call.partition_id, name=call.access_share, unit=call.unit)
    ledger_store.open_accounts([share.capacity()])
    ledger_store.lock_balances([share.capacity().id])
    partition = rules.get_partition(call.partition_id)
    contingents = [build_contingent(*each, partition, rules=rules, on=on) for each in limits]
    for contingent in _count(contingents, now=deed.now):
        check_contingent(contingent, seconds=seconds)


def _count(contingents: list[Contingent], *, now: datetime) -> list[Contingent]:
    """Return the contingents of one machine with what is given of each."""
    pool_ids = {each.rule: _list_pool_ids(each) for each in contingents}
    every = frozenset().union(*pool_ids.values())
    with ledger_store.one_snapshot():
        out, back = store.sum_moves(every, within=year_of(now))
    return [
        replace(each, given_seconds=count_given(out, back, pool_ids[each.rule]))
        for each in contingents
    ]


def _list_pool_ids(contingent: Contingent) -> frozenset[str]:
    share = AccessShare(
        partition_id=contingent.partition_id, name=contingent.access_share, unit=contingent.unit
    )
    return frozenset(share.pool(mode_id).id for mode_id in contingent.mode_ids)
