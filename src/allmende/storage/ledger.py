"""Rows of the ledger: accounts, transfers that only grow, and a balance for each account."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection, models

from allmende.domain.accounting import ledger
from allmende.domain.accounting.holds import HoldMove
from allmende.domain.accounting.ledger import Account, AccountKind, Transfer, TransferKind
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.storage import database, lookups


class LedgerAccountRow(models.Model):
    """One account as it was opened; nothing about it changes."""

    id = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=20)
    unit = models.CharField(max_length=20)
    partition_id = models.CharField(max_length=40)
    access_share = models.CharField(max_length=40)
    owner_id = models.CharField(max_length=60, blank=True)
    may_overdraw_seconds = models.BigIntegerField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "ledger_account"
        indexes = (models.Index(fields=["owner_id", "kind"], name="ledger_account_owner"),)


class LedgerTransferRow(models.Model):
    """One transfer. `number` is the order in which transfers changed each account."""

    number = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20)
    debit_account = models.ForeignKey(
        LedgerAccountRow, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    credit_account = models.ForeignKey(
        LedgerAccountRow, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    amount_seconds = models.BigIntegerField()
    at = models.DateTimeField()
    reason = models.TextField()  # a sentence as JSON
    deed = models.CharField(max_length=120)
    hold_id = models.CharField(max_length=100, null=True)  # see the indexes
    corrects_id = models.CharField(max_length=200, blank=True)

    class Meta:
        app_label = "storage"
        db_table = "ledger_transfer"
        indexes = (
            models.Index(fields=["debit_account", "number"], name="ledger_transfer_debit"),
            models.Index(fields=["credit_account", "number"], name="ledger_transfer_credit"),
            # Settlements ask by hold, budgets by pair of accounts: two halves of one table. SQLite
            # sees that a partial index fits only where its condition speaks of NULL.
            models.Index(
                fields=["hold_id"],
                name="ledger_transfer_hold",
                condition=models.Q(hold_id__isnull=False),
            ),
            models.Index(
                fields=["debit_account", "credit_account"],
                name="ledger_transfer_pair",
                condition=models.Q(hold_id__isnull=True),
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(amount_seconds__gt=0), name="ledger_transfer_moves_something"
            ),
            models.CheckConstraint(
                condition=~models.Q(debit_account=models.F("credit_account")),
                name="ledger_transfer_moves_elsewhere",
            ),
        )


class LedgerBalanceRow(models.Model):
    """What an account holds: derived from the transfers, so that asking is quick."""

    account = models.OneToOneField(
        LedgerAccountRow, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    balance_seconds = models.BigIntegerField(default=0)

    class Meta:
        app_label = "storage"
        db_table = "ledger_balance"


lookups.register()

_TRANSFER_COLUMNS = (
    "id",
    "kind",
    "debit_account_id",
    "credit_account_id",
    "amount_seconds",
    "at",
    "reason",
    "deed",
    "hold_id",
    "corrects_id",
)
_INSERT_TRANSFER = (
    f"INSERT INTO ledger_transfer ({', '.join(_TRANSFER_COLUMNS)}) "  # noqa: S608 - constants only
    f"VALUES ({', '.join(['%s'] * len(_TRANSFER_COLUMNS))})"
)


def open_accounts(accounts: Iterable[Account]) -> None:
    """Open the accounts that are not open yet, each with a balance of zero."""
    wanted = sorted(accounts, key=lambda account: account.id)
    rows = LedgerAccountRow.objects.filter(id__in=[account.id for account in wanted])
    known = {row.id: _account(row) for row in rows}
    for account in wanted:
        ledger.check_same_unit(known.get(account.id, account), account)
    new = [_account_row(account) for account in wanted if account.id not in known]
    LedgerAccountRow.objects.bulk_create(new, ignore_conflicts=True)
    LedgerBalanceRow.objects.bulk_create(
        [LedgerBalanceRow(account_id=row.id) for row in new], ignore_conflicts=True
    )


def get_account(account_id: str) -> Account:
    """Return an account."""
    row = LedgerAccountRow.objects.filter(id=account_id).first()
    if row is None:
        raise NotFound(kind="account", id=account_id)
    return _account(row)


def list_accounts(
    *, kind: AccountKind | None = None, owner_ids: Sequence[str] = (), after: str = "", limit: int
) -> list[Account]:
    """Return a page of accounts by id."""
    rows = LedgerAccountRow.objects.filter(id__gt=after).order_by("id")
    if kind is not None:
        rows = rows.filter(kind=kind.value)
    if owner_ids:
        rows = rows.filter(owner_id__in=owner_ids)
    return [_account(row) for row in rows[:limit]]


def iterate_accounts() -> Iterator[Account]:
    """Yield every account."""
    for row in LedgerAccountRow.objects.order_by("id").iterator(chunk_size=2000):
        yield _account(row)


def get_balances(account_ids: Sequence[str]) -> dict[str, int]:
    """Return the balances of these accounts."""
    rows = LedgerBalanceRow.objects.filter(account_id__in=account_ids)
    return dict(rows.values_list("account_id", "balance_seconds"))


def get_all_balances() -> dict[str, int]:
    """Return the balance of every account."""
    return dict(LedgerBalanceRow.objects.values_list("account_id", "balance_seconds"))


def apply_transfers(transfers: Sequence[Transfer]) -> list[Transfer]:
    """Write the transfers that are not written yet, all or none; return those.

    The balances of all accounts in question are locked first, in the order of their ids. So two
    deeds on one account follow each other, two deeds never wait for each other in a circle, and
    `number` is the order in which each account changed.
    """
    assert connection.in_atomic_block, "transfers belong to the transaction of a deed"
    account_ids = sorted(
        {each.debit_account_id for each in transfers}
        | {each.credit_account_id for each in transfers}
    )
    accounts, before = _lock(account_ids)
    new = ledger.list_new_transfers(transfers, get_transfers([each.id for each in transfers]))
    if new:
        after = ledger.apply_transfers(new, accounts=accounts, balances=before)
        _insert(new)
        _update_balances(before, after)
    return new


def lock_balances(account_ids: Sequence[str]) -> dict[str, int]:
    """Return the balances, and let nobody else change them before this transaction ends."""
    return _lock(account_ids)[1]


def _lock(account_ids: Sequence[str]) -> tuple[dict[str, Account], dict[str, int]]:
    rows = LedgerBalanceRow.objects.select_for_update(of=("self",)).order_by("account_id")
    rows = rows.filter(account_id__among=frozenset(account_ids)).select_related("account")
    accounts, balances = {}, {}
    for row in rows:
        accounts[row.account_id] = _account(row.account)
        balances[row.account_id] = row.balance_seconds
    for account_id in account_ids:
        if account_id not in balances:
            raise NotFound(kind="account", id=account_id)
    return accounts, balances


def get_transfers(transfer_ids: Sequence[str]) -> dict[str, Transfer]:
    """Return those of the transfers that exist, by id."""
    found = _read(LedgerTransferRow.objects.filter(id__among=frozenset(transfer_ids)))
    return {transfer.id: transfer for transfer in found}


def find_transfer(transfer_id: str) -> Transfer | None:
    """Return the transfer, if there is one."""
    return get_transfers([transfer_id]).get(transfer_id)


def get_project_accounts_of_holds(hold_ids: Sequence[str]) -> dict[str, str]:
    """Return the id of the account that each hold was taken from."""
    rows = LedgerTransferRow.objects.filter(
        hold_id__among=frozenset(hold_ids), kind=TransferKind.HOLD.value
    )
    found = dict(rows.values_list("hold_id", "debit_account_id"))
    for hold_id in hold_ids:
        if hold_id not in found:
            raise NotFound(kind="hold", id=hold_id)
    return found


def list_hold_moves(hold_ids: Sequence[str]) -> list[HoldMove]:
    """Return everything that was done to these holds, in the order of the ledger."""
    rows = LedgerTransferRow.objects.filter(hold_id__among=frozenset(hold_ids)).order_by("number")
    columns = ("hold_id", "kind", "id", "debit_account_id", "amount_seconds")
    return [
        HoldMove(hold_id, TransferKind(kind), transfer_id, debit_account_id, seconds)
        for hold_id, kind, transfer_id, debit_account_id, seconds in rows.values_list(*columns)
    ]


def list_transfers(*, after: str = "", limit: int) -> list[Transfer]:
    """Return a page of transfers in the order of the ledger, after the one with that id."""
    rows = LedgerTransferRow.objects.order_by("number")
    if after:
        rows = rows.filter(number__gt=_number_of(after))
    return list(_read(rows[:limit]))


def list_latest_transfers(account_id: str, *, before: str = "", limit: int) -> list[Transfer]:
    """Return a page of an account's transfers, the newest first."""
    rows = LedgerTransferRow.objects.order_by("-number")
    if before:
        rows = rows.filter(number__lt=_number_of(before))
    # Two questions, each answered by its index, however long the ledger is.
    numbers = sorted(
        {
            *rows.filter(debit_account_id=account_id).values_list("number", flat=True)[:limit],
            *rows.filter(credit_account_id=account_id).values_list("number", flat=True)[:limit],
        }
    )
    return list(_read(rows.filter(number__in=numbers[-limit:])))


def get_balance_before(account_id: str, transfer_id: str) -> int:
    """Return what the account held just before a transfer."""
    before = LedgerTransferRow.objects.filter(number__lt=_number_of(transfer_id))
    credited = before.filter(credit_account_id=account_id)
    debited = before.filter(debit_account_id=account_id)
    return _sum(credited) - _sum(debited)


def get_net_seconds(*, debit_account_id: str, credit_account_id: str) -> int:
    """Return what went from one account to the other, less what came back, apart from holds."""
    rows = LedgerTransferRow.objects.filter(hold_id__isnull=True)
    there = rows.filter(debit_account_id=debit_account_id, credit_account_id=credit_account_id)
    back = rows.filter(debit_account_id=credit_account_id, credit_account_id=debit_account_id)
    return _sum(there) - _sum(back)


def iterate_transfers() -> Iterator[Transfer]:
    """Yield the whole ledger in its order."""
    yield from _read(LedgerTransferRow.objects.order_by("number"))


def count_transfers() -> int:
    """Return how many transfers there are."""
    return LedgerTransferRow.objects.count()


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Let several reads see the ledger as it was at one instant, whoever writes meanwhile."""
    outermost = not connection.in_atomic_block
    with database.transaction():
        if outermost and database.is_postgresql():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _insert(transfers: Sequence[Transfer]) -> None:
    # Plain SQL: Django would spend more time on making the rows than the database on storing them.
    instants = {
        at: connection.ops.adapt_datetimefield_value(at) for at in {each.at for each in transfers}
    }
    # Transfers of one job share their reason.
    reasons = {
        key: ledger.render_reason(reason)
        for key, reason in {id(each.reason): each.reason for each in transfers}.items()
    }
    rows = [
        (
            each.id,
            each.kind.value,
            each.debit_account_id,
            each.credit_account_id,
            each.amount_seconds,
            instants[each.at],
            reasons[id(each.reason)],
            each.deed,
            each.hold_id or None,
            each.corrects_id,
        )
        for each in transfers
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT_TRANSFER, rows)


def _update_balances(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    rows = [
        (after[account_id], account_id, before[account_id])
        for account_id in sorted(before)
        if after[account_id] != before[account_id]
    ]
    with connection.cursor() as cursor:
        for row in rows:
            # The lock makes sure of it; should one ever be missing, nobody's time is lost.
            cursor.execute(
                "UPDATE ledger_balance SET balance_seconds = %s "
                "WHERE account_id = %s AND balance_seconds = %s",
                row,
            )
            assert cursor.rowcount == 1, f"{row[1]} changed under its lock"


def _number_of(transfer_id: str) -> int:
    number = LedgerTransferRow.objects.filter(id=transfer_id).values_list("number", flat=True)
    if not number:
        raise NotFound(kind="transfer", id=transfer_id)
    return int(number[0])


def _sum(rows: "models.QuerySet[LedgerTransferRow]") -> int:
    return rows.aggregate(total=models.Sum("amount_seconds"))["total"] or 0


def _account_row(account: Account) -> LedgerAccountRow:
    return LedgerAccountRow(
        id=account.id,
        kind=account.kind.value,
        unit=account.unit.value,
        partition_id=account.partition_id,
        access_share=account.access_share,
        owner_id=account.owner_id,
        may_overdraw_seconds=account.may_overdraw_seconds,
    )


def _account(row: LedgerAccountRow) -> Account:
    return Account(
        id=row.id,
        kind=AccountKind(row.kind),
        unit=TimeUnit(row.unit),
        partition_id=row.partition_id,
        access_share=row.access_share,
        owner_id=row.owner_id,
        may_overdraw_seconds=row.may_overdraw_seconds,
    )


def _read(rows: "models.QuerySet[LedgerTransferRow]") -> Iterator[Transfer]:
    """Yield transfers without making rows of Django's on the way."""
    for values in rows.values_list(*_TRANSFER_COLUMNS).iterator(chunk_size=2000):
        (transfer_id, kind, debit, credit, amount, at, reason, deed, hold_id, corrects_id) = values
        yield Transfer(
            id=transfer_id,
            kind=TransferKind(kind),
            debit_account_id=debit,
            credit_account_id=credit,
            amount_seconds=amount,
            at=at,
            reason=Sentence.from_json(json.loads(reason)),
            deed=deed,
            hold_id=hold_id or "",
            corrects_id=corrects_id,
        )
