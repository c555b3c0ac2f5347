"""A hold sets time aside when a job is submitted; later it is posted, voided, or it expires."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from allmende.domain.accounting.allocations import ProjectAccounts
from allmende.domain.accounting.ledger import (
    Entry,
    Transfer,
    TransferKind,
    move,
)
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence


class HoldState(StrEnum):
    """Whether the time is still set aside."""

    OPEN = "open"
    CLOSED = "closed"


class HoldIsSettled(Refusal):
    """The hold {hold} was already closed, with {used} s used.

    Repeat the same settlement, or give time back with a refund.
    """


@dataclass(frozen=True, kw_only=True)
class HoldRequest:
    """What is to be set aside. Without partition and access share: the project's only ones."""

    hold_id: str
    project_id: str
    seconds: int
    reason: Sentence
    partition_id: str = ""
    access_share: str = ""


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What was metered under a hold."""

    hold_id: str
    used_seconds: int
    reason: Sentence


class HoldMove(NamedTuple):
    """What a transfer did to a hold: all that settling needs to know of it."""

    hold_id: str
    kind: TransferKind
    transfer_id: str
    debit_account_id: str
    seconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A hold with everything that followed from it."""

    id: str
    opening: HoldMove
    closings: tuple[HoldMove, ...] = ()

    @property
    def held_seconds(self) -> int:
        """Return what was set aside."""
        return self.opening.seconds

    @property
    def project_account_id(self) -> str:
        """Return the account that the time was taken from."""
        return self.opening.debit_account_id

    @property
    def state(self) -> HoldState:
        """Return whether it can still be settled. A hold closes as a whole, in one deed."""
        return HoldState.CLOSED if self.closings else HoldState.OPEN

    @property
    def used_seconds(self) -> int:
        """Return what was consumed in the end."""
        return sum(
            move.seconds
            for move in self.closings
            if move.kind in {TransferKind.POST, TransferKind.OVERRUN}
        )


def list_moves(transfers: Iterable[Transfer]) -> list[HoldMove]:
    """Return what the transfers do to their holds."""
    return [
        HoldMove(each.hold_id, each.kind, each.id, each.debit_account_id, each.amount_seconds)
        for each in transfers
    ]


def gather_holds(moves: Iterable[HoldMove]) -> dict[str, Hold]:
    """Return the holds that these moves tell of; openings come before closings."""
    openings: dict[str, HoldMove] = {}
    closings: dict[str, list[HoldMove]] = {}
    for each in moves:
        if each.kind is TransferKind.HOLD:
            openings[each.hold_id] = each
        else:
            closings.setdefault(each.hold_id, []).append(each)
    assert closings.keys() <= openings.keys(), "nothing closes what was never opened"
    return {
        hold_id: Hold(id=hold_id, opening=opening, closings=tuple(closings.get(hold_id, ())))
        for hold_id, opening in openings.items()
    }


def hold(accounts: ProjectAccounts, *, hold_id: str, seconds: int, entry: Entry) -> Transfer:
    """Set time of the project aside."""
    route = (accounts.project.id, accounts.held.id)
    return move(TransferKind.HOLD, f"hold:{hold_id}", route, seconds, entry, hold_id=hold_id)


def post(
    hold: Hold, accounts: ProjectAccounts, *, used_seconds: int, entry: Entry
) -> tuple[Transfer, ...]:
    """Charge what was used and give the rest back.

    Metering is never refused: what was used beyond the hold is drawn from the project.
    """
    assert used_seconds >= 0, "nothing is used less than not at all"
    charged = min(used_seconds, hold.held_seconds)
    rest = hold.held_seconds - charged
    beyond = used_seconds - charged
    project, held, consumed = accounts.project.id, accounts.held.id, accounts.consumed.id
    transfers = []

    def add(kind: TransferKind, name: str, route: tuple[str, str], seconds: int) -> None:
        if seconds:
            transfer_id = f"{name}:{hold.id}"
            transfers.append(move(kind, transfer_id, route, seconds, entry, hold_id=hold.id))

    # Whatever closes a hold first is called "close", so that two ways to close it collide.
    add(TransferKind.POST, "close", (held, consumed), charged)
    add(TransferKind.RELEASE, "rest" if charged else "close", (held, project), rest)
    add(TransferKind.OVERRUN, "overrun", (project, consumed), beyond)
    return tuple(transfers)


def void(hold: Hold, accounts: ProjectAccounts, *, entry: Entry) -> Transfer:
    """Give everything back: the job never ran."""
    return _give_back(TransferKind.VOID, hold, accounts, entry)


def expire_hold(hold: Hold, accounts: ProjectAccounts, *, entry: Entry) -> Transfer:
    """Give everything back: nobody settled the hold in time."""
    return _give_back(TransferKind.EXPIRE_HOLD, hold, accounts, entry)


def is_closed_by(hold: Hold, transfers: Iterable[Transfer]) -> bool:
    """Say whether the hold was closed by just these; refuse when it was closed otherwise."""
    if hold.state is HoldState.OPEN:
        return False
    if hold.closings != tuple(list_moves(transfers)):
        raise HoldIsSettled(hold=hold.id, used=hold.used_seconds)
    return True


def _give_back(kind: TransferKind, hold: Hold, accounts: ProjectAccounts, entry: Entry) -> Transfer:
    route = (accounts.held.id, accounts.project.id)
    return move(kind, f"close:{hold.id}", route, hold.held_seconds, entry, hold_id=hold.id)
