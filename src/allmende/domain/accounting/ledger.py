"""A ledger moves whole seconds of compute time between accounts; nothing in it is ever edited."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit, hours_from_seconds


class AccountKind(StrEnum):
    """What the time on an account is for."""

    CAPACITY = "capacity"  # where time comes from; its balance is what was ever given out, negative
    POOL = "pool"
    PROJECT = "project"
    HELD = "held"
    CONSUMED = "consumed"
    EXPIRED = "expired"
    REFUNDED = "refunded"  # where refunds come from, so that consumption stays as it was metered


class TransferKind(StrEnum):
    """What a transfer does."""

    FUND = "fund"
    AWARD = "award"
    TOP_UP = "top_up"
    CLAW_BACK = "claw_back"
    HOLD = "hold"
    POST = "post"
    RELEASE = "release"  # the rest of a hold that was posted in part
    VOID = "void"
    EXPIRE_HOLD = "expire_hold"
    OVERRUN = "overrun"  # metered beyond the hold
    CHARGE = "charge"  # metered without a hold: a job that was given to a cluster directly
    UNCHARGE = "uncharge"  # metered less than was charged before
    REFUND = "refund"
    UNREFUND = "unrefund"  # less to give back than was given back before
    EXPIRE = "expire"
    CORRECTION = "correction"


# From which kind of account to which; a correction runs against the route of its original.
ROUTES: Mapping[TransferKind, tuple[AccountKind, AccountKind]] = {
    TransferKind.FUND: (AccountKind.CAPACITY, AccountKind.POOL),
    TransferKind.AWARD: (AccountKind.POOL, AccountKind.PROJECT),
    TransferKind.TOP_UP: (AccountKind.POOL, AccountKind.PROJECT),
    TransferKind.CLAW_BACK: (AccountKind.PROJECT, AccountKind.POOL),
    TransferKind.HOLD: (AccountKind.PROJECT, AccountKind.HELD),
    TransferKind.POST: (AccountKind.HELD, AccountKind.CONSUMED),
    TransferKind.RELEASE: (AccountKind.HELD, AccountKind.PROJECT),
    TransferKind.VOID: (AccountKind.HELD, AccountKind.PROJECT),
    TransferKind.EXPIRE_HOLD: (AccountKind.HELD, AccountKind.PROJECT),
    TransferKind.OVERRUN: (AccountKind.PROJECT, AccountKind.CONSUMED),
    TransferKind.CHARGE: (AccountKind.PROJECT, AccountKind.CONSUMED),
    TransferKind.UNCHARGE: (AccountKind.CONSUMED, AccountKind.PROJECT),
    TransferKind.REFUND: (AccountKind.REFUNDED, AccountKind.PROJECT),
    TransferKind.UNREFUND: (AccountKind.PROJECT, AccountKind.REFUNDED),
    TransferKind.EXPIRE: (AccountKind.PROJECT, AccountKind.EXPIRED),
}

# These take time out of a held account; together they take exactly what was held.
CLOSING_KINDS = frozenset(
    {TransferKind.POST, TransferKind.RELEASE, TransferKind.VOID, TransferKind.EXPIRE_HOLD}
)
# What a machine did is a fact: the account goes below its limit where it must.
FACT_KINDS = frozenset({TransferKind.OVERRUN, TransferKind.CHARGE, TransferKind.UNREFUND})
# A hold is put right by settling or voiding it, and a correction by a new deed.
CORRECTABLE_KINDS = frozenset(ROUTES) - CLOSING_KINDS - {TransferKind.HOLD}


class NotEnoughTime(Refusal):
    """{needed} {unit} are needed, but {available} {unit} are available on {account}.

    Ask for less, wait until running jobs give back what they do not use, or ask the programme
    office for more time.
    """


class DifferentTransfer(Refusal):
    """A transfer {id} with another content is already in the ledger.

    Repeat the first one unchanged, or use a new id for a new deed.
    """


class WrongUnit(Refusal):
    """The time of {account} is counted in {unit}, not in {wrong_unit}. Use the unit of the
    partition.
    """

    status = 422


class NotCorrectable(Refusal):
    """A transfer of the kind {kind} is not corrected by a counter-transfer.

    Settle or void a hold; give consumed time back with a refund.
    """


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where time can be. `may_overdraw_seconds` is its policy; None lifts the limit."""

    id: str
    kind: AccountKind
    unit: TimeUnit
    partition_id: str
    access_share: str
    owner_id: str = ""  # the project, or the access mode of a pool
    may_overdraw_seconds: int | None = 0

    def allows(self, balance_seconds: int) -> bool:
        """Say whether the policy lets the balance be this."""
        return self.may_overdraw_seconds is None or balance_seconds >= -self.may_overdraw_seconds


class Entry(NamedTuple):
    """When and why a transfer is made, and by which deed."""

    at: datetime
    reason: Sentence
    deed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """An amount that leaves one account and arrives at another. The caller makes the id."""

    id: str
    kind: TransferKind
    debit_account_id: str
    credit_account_id: str
    amount_seconds: int
    at: datetime
    reason: Sentence
    deed: str
    hold_id: str = ""
    corrects_id: str = ""

    def __post_init__(self) -> None:
        assert self.amount_seconds > 0, "a transfer moves something"
        assert self.debit_account_id != self.credit_account_id, "a transfer moves it elsewhere"
        assert self.at.tzinfo is not None, "instants are aware"

    # A retry has another instant, and perhaps other words; what it moves is the same.
    def moves_the_same(self, other: "Transfer") -> bool:
        """Say whether both move the same amount between the same accounts for the same purpose."""
        return self._content() == other._content()

    def _content(self) -> tuple[str | int, ...]:
        return (
            self.id,
            self.kind,
            self.debit_account_id,
            self.credit_account_id,
            self.amount_seconds,
            self.hold_id,
            self.corrects_id,
        )


def check_same_unit(opened: Account, wanted: Account) -> None:
    """Refuse to open an account a second time in another unit."""
    if opened.unit is not wanted.unit:
        raise WrongUnit(
            account=opened.id, unit=opened.unit.hours_name, wrong_unit=wanted.unit.hours_name
        )


def move(
    kind: TransferKind,
    transfer_id: str,
    accounts: tuple[str, str],
    seconds: int,
    entry: Entry,
    *,
    hold_id: str = "",
) -> Transfer:
    """Return a transfer of `seconds` from the first account to the second."""
    return Transfer(
        id=transfer_id,
        kind=kind,
        debit_account_id=accounts[0],
        credit_account_id=accounts[1],
        amount_seconds=seconds,
        at=entry.at,
        reason=entry.reason,
        deed=entry.deed,
        hold_id=hold_id,
    )


def correct(original: Transfer, *, entry: Entry) -> Transfer:
    """Return the counter-transfer of a whole original; the same original gives the same id."""
    if original.kind not in CORRECTABLE_KINDS:
        raise NotCorrectable(kind=original.kind.value)
    return Transfer(
        id=f"correct:{original.id}",
        kind=TransferKind.CORRECTION,
        debit_account_id=original.credit_account_id,
        credit_account_id=original.debit_account_id,
        amount_seconds=original.amount_seconds,
        at=entry.at,
        reason=entry.reason,
        deed=entry.deed,
        corrects_id=original.id,
    )


def list_new_transfers(
    transfers: Iterable[Transfer], recorded: Mapping[str, Transfer]
) -> list[Transfer]:
    """Return what is not recorded yet; the same id with another content is refused."""
    known = dict(recorded)
    new = []
    for transfer in transfers:
        earlier = known.setdefault(transfer.id, transfer)
        if earlier is transfer:
            new.append(transfer)
        elif not earlier.moves_the_same(transfer):
            raise DifferentTransfer(id=transfer.id)
    return new


def apply_transfers(
    transfers: Iterable[Transfer],
    *,
    accounts: Mapping[str, Account],
    balances: Mapping[str, int],
) -> dict[str, int]:
    """Return the balances after the transfers, refusing the first that its account cannot bear.

    What was metered is never refused: the account goes below its limit and can hold nothing more
    until it is topped up.
    """
    after = dict(balances)
    for transfer in transfers:
        debit = accounts[transfer.debit_account_id]
        credit = accounts[transfer.credit_account_id]
        assert debit.unit is credit.unit, "units do not mix"
        assert is_on_its_route(transfer, debit, credit), f"no route for {transfer.id}"
        left = after[debit.id] - transfer.amount_seconds
        if transfer.kind is TransferKind.CLAW_BACK:
            # What may be overdrawn may be used; it goes back to nobody, for nobody gave it.
            debit = replace(debit, may_overdraw_seconds=0)
        if transfer.kind not in FACT_KINDS and not debit.allows(left):
            raise _not_enough(debit, balance=after[debit.id], needed=transfer.amount_seconds)
        after[debit.id] = left
        after[credit.id] += transfer.amount_seconds
    return after


def is_on_its_route(transfer: Transfer, debit: Account, credit: Account) -> bool:
    """Say whether a transfer of its kind may run between these kinds of account."""
    if transfer.kind is TransferKind.CORRECTION:
        return any(ROUTES[kind] == (credit.kind, debit.kind) for kind in CORRECTABLE_KINDS)
    return ROUTES[transfer.kind] == (debit.kind, credit.kind)


def recompute_balances(transfers: Iterable[Transfer]) -> dict[str, int]:
    """Return what every account that was ever moved must hold."""
    balances: dict[str, int] = {}
    for transfer in transfers:
        amount = transfer.amount_seconds
        balances[transfer.debit_account_id] = balances.get(transfer.debit_account_id, 0) - amount
        balances[transfer.credit_account_id] = balances.get(transfer.credit_account_id, 0) + amount
    return balances


def digest_transfers(transfers: Iterable[Transfer]) -> str:
    """Return the SHA-256 over complete transfers in their order, for the audit event of a deed."""
    # A list in JSON keeps the fields apart, whatever characters stand in them.
    lines = [
        [
            each.id,
            each.kind,
            each.debit_account_id,
            each.credit_account_id,
            each.amount_seconds,
            each.hold_id,
            each.corrects_id,
            each.at.timestamp(),
            each.reason.template,
            each.reason.facts,
            each.deed,
        ]
        for each in transfers
    ]
    return hashlib.sha256(_render(lines).encode()).hexdigest()


def render_reason(reason: Sentence) -> str:
    """Return a reason as JSON; `Sentence.from_json` reads it back."""
    return _render({"template": reason.template, "facts": reason.facts})


def _to_json(fact: object) -> object:
    return fact.to_json() if isinstance(fact, Sentence) else str(fact)


# Made once: every transfer has a reason.
_render = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_to_json).encode


def render_hours(seconds: int) -> str:
    """Return hours without needless zeros, exact to the second."""
    hours = hours_from_seconds(seconds)
    return f"{hours.normalize() if hours else Decimal(0):f}"


def _not_enough(account: Account, *, balance: int, needed: int) -> NotEnoughTime:
    assert account.may_overdraw_seconds is not None, "an unlimited account always has enough"
    return NotEnoughTime(
        account=account.id,
        available=render_hours(max(0, balance + account.may_overdraw_seconds)),
        needed=render_hours(needed),
        unit=account.unit.hours_name,
    )
