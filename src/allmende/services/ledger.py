"""The ledger for those who check it: accounts, transfers, statements, and whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from allmende.domain.accounting.findings import Finding, check_ledger
from allmende.domain.accounting.ledger import (
    Account,
    AccountKind,
    Entry,
    Transfer,
    digest_transfers,
)
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed
from allmende.storage import ledger as store


@dataclass(frozen=True, kw_only=True)
class AccountBalance:
    """An account and what is on it now."""

    account: Account
    balance_seconds: int


@dataclass(frozen=True, kw_only=True)
class StatementLine:
    """A transfer as one account sees it."""

    transfer: Transfer
    change_seconds: int
    balance_seconds: int  # after the transfer


@dataclass(frozen=True, kw_only=True)
class LedgerCheck:
    """What a check read, and what it found wrong."""

    accounts: int
    transfers: int
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.findings


def check(reader: Person) -> LedgerCheck:
    """Recompute every balance from the transfers, and hold the ledger against its rules."""
    check_permission(reader, Permission.SEE_LEDGER)
    with store.one_snapshot():
        accounts = list(store.iterate_accounts())
        balances = store.get_all_balances()
        findings = check_ledger(accounts, store.iterate_transfers(), balances)
        transfers = store.count_transfers()
    return LedgerCheck(accounts=len(accounts), transfers=transfers, findings=tuple(findings))


def list_accounts(
    reader: Person, *, kind: AccountKind | None = None, after: str = "", limit: int = 100
) -> list[AccountBalance]:
    """Return a page of accounts by id, each with its balance."""
    check_permission(reader, Permission.SEE_LEDGER)
    with store.one_snapshot():
        accounts = store.list_accounts(kind=kind, after=after, limit=limit)
        balances = store.get_balances([account.id for account in accounts])
    return [AccountBalance(account=each, balance_seconds=balances[each.id]) for each in accounts]


def list_transfers(reader: Person, *, after: str = "", limit: int = 100) -> list[Transfer]:
    """Return a page of transfers in the order of the ledger."""
    check_permission(reader, Permission.SEE_LEDGER)
    return store.list_transfers(after=after, limit=limit)


def list_statement(
    reader: Person, account_id: str, *, before: str = "", limit: int = 100
) -> list[StatementLine]:
    """Return a page of an account's statement, the newest transfer first."""
    check_permission(reader, Permission.SEE_LEDGER)
    with store.one_snapshot():
        account = store.get_account(account_id)
        transfers = store.list_latest_transfers(account.id, before=before, limit=limit)
        if before:
            balance = store.get_balance_before(account.id, before)
        else:
            balance = store.get_balances([account.id])[account.id]
    lines = []
    for transfer in transfers:
        sign = 1 if transfer.credit_account_id == account.id else -1
        change = sign * transfer.amount_seconds
        lines.append(
            StatementLine(transfer=transfer, change_seconds=change, balance_seconds=balance)
        )
        balance -= change
    return lines


def entry_of(deed: Deed, name: str, reason: Sentence) -> Entry:
    """Return when, why and by which deed a transfer is made."""
    return Entry(at=deed.now, reason=reason, deed=f"{name} by {deed.actor.id}")


def write_transfers(
    deed: Deed, transfers: Sequence[Transfer], *, action: str, subject: str
) -> list[Transfer]:
    """Write what is new, with its audit event; a repeated deed writes nothing. Call it last."""
    new = store.apply_transfers(transfers)
    if new:
        audit.record(
            deed,
            action=action,
            subject=subject,
            why=new[0].reason if len(new) == 1 else None,
            transfer_ids=[transfer.id for transfer in new],
            transfers_digest=digest_transfers(new),
        )
    return new
