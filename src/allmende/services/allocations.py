"""Compute time given to projects: awarded, held for jobs, settled, refunded, expired."""

from collections.abc import Sequence
from dataclasses import replace

from allmende.domain.accounting import allocations, holds, ledger
from allmende.domain.accounting.allocations import AccessShare, ProjectAccounts, accounts_from
from allmende.domain.accounting.holds import Hold, HoldRequest, Settlement
from allmende.domain.accounting.ledger import Transfer
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.budgets import find_accounts, list_accounts
from allmende.services.budgets import get_budget as get_budget
from allmende.services.budgets import list_budgets as list_budgets
from allmende.services.deeds import Deed, one_transaction
from allmende.services.ledger import entry_of, write_transfers
from allmende.storage import ledger as store


@one_transaction
def open_pool(
    deed: Deed,
    *,
    partition_id: str,
    access_share: str,
    mode_id: str,
    unit: TimeUnit,
    seconds: int,
    fund_id: str = "",
) -> Transfer:
    """Put time of an access share into the pool of a mode. A further filling takes a `fund_id`."""
    check_permission(deed.actor, Permission.OPEN_POOL)
    _check_seconds(seconds)
    share = AccessShare(partition_id=partition_id, name=access_share, unit=unit)
    pool = share.pool(mode_id)
    store.open_accounts([share.capacity(), pool])
    entry = entry_of(deed, "open_pool", Sentence("time for {mode}", {"mode": mode_id}))
    transfer = allocations.fund(
        share, mode_id, fund_id=fund_id or pool.id, seconds=seconds, entry=entry
    )
    write_transfers(deed, [transfer], action="pool.opened", subject=pool.id)
    return transfer


@one_transaction
def award_to_project(
    deed: Deed,
    *,
    award_id: str,
    project_id: str,
    partition_id: str,
    access_share: str,
    mode_id: str,
    unit: TimeUnit,
    seconds: int,
    may_overdraw_seconds: int = 0,
) -> Transfer:
    """Give a project the time of its award; its first award says how far it may be overdrawn."""
    check_permission(deed.actor, Permission.CHANGE_BUDGET)
    _check_seconds(seconds)
    share = AccessShare(partition_id=partition_id, name=access_share, unit=unit)
    accounts = share.accounts_of(project_id, may_overdraw_seconds=may_overdraw_seconds)
    # A mode without a pool has nothing to award: its empty pool says so.
    store.open_accounts([share.pool(mode_id), *accounts.list_all()])
    entry = entry_of(deed, "award_to_project", Sentence("award {award}", {"award": award_id}))
    transfer = allocations.award(accounts, mode_id, award_id=award_id, seconds=seconds, entry=entry)
    write_transfers(deed, [transfer], action="allocation.awarded", subject=project_id)
    return transfer


@one_transaction
def award_elsewhere(
    deed: Deed,
    *,
    award_id: str,
    there: ProjectAccounts,
    mode_id: str,
    seconds: int,
    back_from: str,
    back_seconds: int = 0,
) -> Transfer:
    """Give a project time on another partition, for time on `back_from` that goes to its pool.

    Both are written together: a time nobody has twice, and nobody loses.
    """
    check_permission(deed.actor, Permission.CHANGE_BUDGET)
    _check_seconds(seconds)
    share, project_id = there.share, there.project_id
    store.open_accounts([share.pool(mode_id), *there.list_all()])
    entry = entry_of(deed, "award_elsewhere", Sentence("change {change}", {"change": award_id}))
    given = allocations.award(there, mode_id, award_id=award_id, seconds=seconds, entry=entry)
    transfers = [given]
    if back_seconds:
        home = find_accounts(project_id, partition_id=back_from, access_share=share.name)
        store.open_accounts([home.share.pool(mode_id)])
        back = allocations.claw_back(
            home, mode_id, claw_back_id=award_id, seconds=back_seconds, entry=entry
        )
        transfers.append(back)
    write_transfers(deed, transfers, action="allocation.awarded", subject=project_id)
    return given


@one_transaction
def top_up_project(
    deed: Deed,
    *,
    top_up_id: str,
    project_id: str,
    mode_id: str,
    seconds: int,
    reason: Sentence,
    partition_id: str = "",
    access_share: str = "",
) -> Transfer:
    """Give a project more time from the pool of a mode."""
    check_permission(deed.actor, Permission.CHANGE_BUDGET)
    _check_seconds(seconds)
    accounts = find_accounts(project_id, partition_id=partition_id, access_share=access_share)
    store.open_accounts([accounts.share.pool(mode_id)])
    entry = entry_of(deed, "top_up_project", reason)
    transfer = allocations.top_up(
        accounts, mode_id, top_up_id=top_up_id, seconds=seconds, entry=entry
    )
    write_transfers(deed, [transfer], action="allocation.topped_up", subject=project_id)
    return transfer


@one_transaction
def claw_back_project(
    deed: Deed,
    *,
    claw_back_id: str,
    project_id: str,
    mode_id: str,
    seconds: int,
    reason: Sentence,
    partition_id: str = "",
    access_share: str = "",
) -> Transfer:
    """Take time that a project does not need back into the pool of a mode."""
    check_permission(deed.actor, Permission.CHANGE_BUDGET)
    _check_seconds(seconds)
    accounts = find_accounts(project_id, partition_id=partition_id, access_share=access_share)
    store.open_accounts([accounts.share.pool(mode_id)])
    entry = entry_of(deed, "claw_back_project", reason)
    transfer = allocations.claw_back(
        accounts, mode_id, claw_back_id=claw_back_id, seconds=seconds, entry=entry
    )
    write_transfers(deed, [transfer], action="allocation.clawed_back", subject=project_id)
    return transfer


@one_transaction
def hold_for_job(
    deed: Deed,
    *,
    project_id: str,
    hold_id: str,
    seconds: int,
    reason: Sentence,
    partition_id: str = "",
    access_share: str = "",
) -> Hold:
    """Set time of a project aside; without a partition, where its only time is."""
    request = HoldRequest(
        hold_id=hold_id,
        project_id=project_id,
        seconds=seconds,
        reason=reason,
        partition_id=partition_id,
        access_share=access_share,
    )
    return hold_for_jobs(deed, [request])[0]


@one_transaction
def hold_for_jobs(deed: Deed, requests: Sequence[HoldRequest]) -> list[Hold]:
    """Set time aside for many jobs at once; one that is not covered refuses them all."""
    check_permission(deed.actor, Permission.HOLD_TIME)
    places = {(each.project_id, each.partition_id, each.access_share) for each in requests}
    accounts = {
        place: find_accounts(place[0], partition_id=place[1], access_share=place[2])
        for place in places
    }
    transfers = []
    for each in requests:
        _check_seconds(each.seconds)
        transfers.append(
            holds.hold(
                accounts[each.project_id, each.partition_id, each.access_share],
                hold_id=each.hold_id,
                seconds=each.seconds,
                entry=entry_of(deed, "hold_for_job", each.reason),
            )
        )
    write_transfers(deed, transfers, action="time.held", subject=_only({p[0] for p in places}))
    return list(holds.gather_holds(holds.list_moves(transfers)).values())


@one_transaction
def settle_job(deed: Deed, *, hold_id: str, used_seconds: int, reason: Sentence) -> Hold:
    """Charge what was used under a hold and give the rest back. Safe to repeat."""
    settlement = Settlement(hold_id=hold_id, used_seconds=used_seconds, reason=reason)
    return settle_jobs(deed, [settlement])[0]


@one_transaction
def settle_jobs(deed: Deed, settlements: Sequence[Settlement]) -> list[Hold]:
    """Settle many holds at once. What was used beyond a hold is drawn from the project."""
    check_permission(deed.actor, Permission.SETTLE_TIME)
    found = _lock_holds([each.hold_id for each in settlements])
    transfers: list[Transfer] = []
    settled = []
    for each in settlements:
        hold, accounts = found[each.hold_id]
        closings = holds.post(
            hold,
            accounts,
            used_seconds=each.used_seconds,
            entry=entry_of(deed, "settle_job", each.reason),
        )
        if not holds.is_closed_by(hold, closings):
            transfers += closings
            hold = Hold(
                id=hold.id, opening=hold.opening, closings=tuple(holds.list_moves(closings))
            )
            found[each.hold_id] = (hold, accounts)
        settled.append(hold)
    projects = {found[each.hold_id][1].project_id for each in settlements}
    write_transfers(deed, transfers, action="time.settled", subject=_only(projects))
    return settled


@one_transaction
def void_hold(deed: Deed, *, hold_id: str, reason: Sentence) -> Hold:
    """Give a whole hold back, because the job never ran. Safe to repeat."""
    check_permission(deed.actor, Permission.SETTLE_TIME)
    hold, accounts = _lock_holds([hold_id])[hold_id]
    closing = holds.void(hold, accounts, entry=entry_of(deed, "void_hold", reason))
    return _close(deed, hold, closing, action="time.voided", subject=accounts.project_id)


@one_transaction
def expire_hold(deed: Deed, *, hold_id: str, reason: Sentence) -> Hold:
    """Give a whole hold back, because nobody settled it in time. Safe to repeat."""
    check_permission(deed.actor, Permission.SETTLE_TIME)
    hold, accounts = _lock_holds([hold_id])[hold_id]
    closing = holds.expire_hold(hold, accounts, entry=entry_of(deed, "expire_hold", reason))
    return _close(deed, hold, closing, action="time.hold_expired", subject=accounts.project_id)


@one_transaction
def refund_attempt(
    deed: Deed, *, refund_id: str, hold_id: str, seconds: int, reason: Sentence
) -> Transfer:
    """Give a project back what an attempt consumed through no fault of its own."""
    check_permission(deed.actor, Permission.REFUND_TIME)
    _check_seconds(seconds)
    hold, accounts = _lock_holds([hold_id])[hold_id]
    if seconds > hold.used_seconds:
        raise InvalidInput(
            field="seconds",
            problem=Sentence(
                "only {used} s were used under this hold", {"used": hold.used_seconds}
            ),
        )
    entry = entry_of(deed, "refund_attempt", reason)
    transfer = allocations.refund(accounts, refund_id=refund_id, seconds=seconds, entry=entry)
    write_transfers(deed, [transfer], action="time.refunded", subject=accounts.project_id)
    return transfer


@one_transaction
def expire_project(
    deed: Deed,
    *,
    expiry_id: str,
    project_id: str,
    reason: Sentence,
    partition_id: str = "",
    access_share: str = "",
) -> Transfer | None:
    """Let the time lapse that a project did not use; open holds stay until they are settled.

    Nothing happens where nothing is left. What a later settlement gives back takes another expiry.
    """
    check_permission(deed.actor, Permission.CHANGE_BUDGET)
    accounts = find_accounts(project_id, partition_id=partition_id, access_share=access_share)
    left = store.lock_balances([accounts.project.id])[accounts.project.id]
    earlier = store.find_transfer(f"expire:{expiry_id}")
    if earlier is not None or left <= 0:
        return earlier
    entry = entry_of(deed, "expire_project", reason)
    transfer = allocations.expire(accounts, expiry_id=expiry_id, seconds=left, entry=entry)
    write_transfers(deed, [transfer], action="allocation.expired", subject=project_id)
    return transfer


@one_transaction
def expire_places(
    deed: Deed, *, expiry_id: str, project_id: str, reason: Sentence, partition_id: str = ""
) -> dict[tuple[str, str], Transfer]:
    """Let time lapse as `expire_project` does, wherever a project has some, or on one partition.

    Return what lapsed by partition and access share.
    """
    check_permission(deed.actor, Permission.CHANGE_BUDGET)
    places = [
        each for each in list_accounts(project_id) if partition_id in ("", each.share.partition_id)
    ]
    store.lock_balances(sorted(each.project.id for each in places))  # all, in the ledger's order
    found = {}
    for each in places:
        partition_id, access_share = each.share.partition_id, each.share.name
        expired = expire_project(
            deed,
            expiry_id=f"{expiry_id}:{partition_id}:{access_share}",
            project_id=project_id,
            reason=reason,
            partition_id=partition_id,
            access_share=access_share,
        )
        if expired is not None:
            found[partition_id, access_share] = expired
    return found


@one_transaction
def correct_transfer(deed: Deed, *, transfer_id: str, reason: Sentence) -> Transfer:
    """Undo a whole transfer by its counter-transfer; both stay in the ledger. Safe to repeat."""
    check_permission(deed.actor, Permission.CHANGE_BUDGET)
    original = store.find_transfer(transfer_id)
    if original is None:
        raise NotFound(kind="transfer", id=transfer_id)
    transfer = ledger.correct(original, entry=entry_of(deed, "correct_transfer", reason))
    write_transfers(deed, [transfer], action="ledger.corrected", subject=transfer_id)
    return transfer


def _lock_holds(hold_ids: Sequence[str]) -> dict[str, tuple[Hold, ProjectAccounts]]:
    """Return the holds as they are once nobody else can close them before this deed ends."""
    project_account_of = store.get_project_accounts_of_holds(hold_ids)
    account_ids = sorted(set(project_account_of.values()))
    accounts = {each: accounts_from(store.get_account(each)) for each in account_ids}
    locked = [account.id for each in accounts.values() for account in each.list_own()]
    store.lock_balances(sorted(locked))
    found = holds.gather_holds(store.list_hold_moves(hold_ids))
    return {each.id: (each, accounts[each.project_account_id]) for each in found.values()}


def _close(deed: Deed, hold: Hold, closing: Transfer, *, action: str, subject: str) -> Hold:
    if holds.is_closed_by(hold, [closing]):
        return hold
    write_transfers(deed, [closing], action=action, subject=subject)
    return replace(hold, closings=tuple(holds.list_moves([closing])))


def _check_seconds(seconds: int) -> None:
    if seconds <= 0:
        raise InvalidInput(field="seconds", problem=Sentence("Give a number above zero."))


def _only(project_ids: set[str]) -> str:
    """Return the one project that a deed is about, or say that it is about several."""
    return next(iter(project_ids)) if len(project_ids) == 1 else "several projects"
