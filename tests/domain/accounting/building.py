"""Small real ledgers for tests."""

from datetime import UTC, datetime

from allmende.domain.accounting.allocations import AccessShare, award, fund
from allmende.domain.accounting.holds import Hold, gather_holds, hold, list_moves
from allmende.domain.accounting.ledger import Account, Entry, Transfer, recompute_balances
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHARE = AccessShare(partition_id="werkbank", name="union", unit=TimeUnit.NODE_SECONDS)
PROJECT = SHARE.accounts_of("pr-1")
ENTRY = Entry(at=NOON, reason=Sentence("because"), deed="test by p-1")


def chart() -> tuple[Account, ...]:
    """Return every account of a factory with one project."""
    return (SHARE.capacity(), SHARE.pool("playground"), *PROJECT.list_all())


def accounts_by_id(*more: Account) -> dict[str, Account]:
    return {account.id: account for account in (*chart(), *more)}


def no_balances() -> dict[str, int]:
    return dict.fromkeys(accounts_by_id(), 0)


def opening(awarded_seconds: int = 1000) -> list[Transfer]:
    """Return a funded pool and an award to the project."""
    return [
        fund(SHARE, "playground", fund_id="f", seconds=10_000, entry=ENTRY),
        award(PROJECT, "playground", award_id="aw-1", seconds=awarded_seconds, entry=ENTRY),
    ]


def balances_after(transfers: list[Transfer]) -> dict[str, int]:
    return no_balances() | recompute_balances(transfers)


def held(seconds: int = 100, hold_id: str = "j-1.1") -> Transfer:
    return hold(PROJECT, hold_id=hold_id, seconds=seconds, entry=ENTRY)


def a_hold(seconds: int = 100, hold_id: str = "j-1.1") -> Hold:
    """Return an open hold."""
    return gather_holds(list_moves([held(seconds, hold_id)]))[hold_id]
