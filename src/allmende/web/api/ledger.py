"""The ledger: every account, every transfer, and whether it balances."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from allmende.domain.accounting.ledger import AccountKind, Transfer, TransferKind
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import ledger
from allmende.services.ledger import LedgerCheck, StatementLine
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import Limit, Page, Words, page_of

router = Router(tags=["ledger"])

# Ids of accounts and transfers have colons and arrows, and are longer than others.
LEDGER_ID = r"^[A-Za-z0-9][A-Za-z0-9.:_@#/ -]{0,199}$"
AccountId = Annotated[str, Query(pattern=LEDGER_ID)]
AfterEntry = Annotated[str, Query(pattern=r"^$|" + LEDGER_ID[1:])]


class AccountOut(Schema):
    """Where time can be, and how much is there."""

    id: str = Field(alias="account.id")
    kind: AccountKind = Field(alias="account.kind")
    unit: TimeUnit = Field(alias="account.unit")
    partition_id: str = Field(alias="account.partition_id")
    access_share: str = Field(alias="account.access_share")
    owner_id: str = Field(alias="account.owner_id")
    may_overdraw_seconds: int | None = Field(alias="account.may_overdraw_seconds")
    balance_seconds: int


class TransferOut(Schema):
    """An amount that left one account and arrived at another."""

    id: str
    kind: TransferKind
    debit_account_id: str
    credit_account_id: str
    amount_seconds: int
    at: datetime
    reason: Words
    deed: str
    hold_id: str
    corrects_id: str


class StatementLineOut(Schema):
    """A transfer as one account sees it."""

    transfer: TransferOut
    change_seconds: int
    balance_seconds: int


class LedgerFindingOut(Schema):
    """A rule that the ledger breaks, and where."""

    rule: str
    subject: str
    sentence: Words


class LedgerCheckOut(Schema):
    """What a check read, and what it found wrong."""

    accounts: int
    transfers: int
    is_clean: bool
    findings: list[LedgerFindingOut]


@router.get("/accounts", response=Page[AccountOut], **takes(Permission.SEE_LEDGER))
def list_accounts(
    request: HttpRequest,
    kind: AccountKind | None = None,
    after: AfterEntry = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List accounts by id, each with its balance."""
    found = ledger.list_accounts(get_actor(request), kind=kind, after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda row: row.account.id)


@router.get("/transfers", response=Page[TransferOut], **takes(Permission.SEE_LEDGER))
def list_transfers(
    request: HttpRequest, after: AfterEntry = "", limit: Limit = 50
) -> dict[str, Any]:
    """List transfers in the order of the ledger."""
    found: list[Transfer] = ledger.list_transfers(get_actor(request), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda transfer: transfer.id)


@router.get("/statement", response=list[StatementLineOut], **takes(Permission.SEE_LEDGER))
def list_statement(
    request: HttpRequest, account: AccountId, before: AfterEntry = "", limit: Limit = 50
) -> list[StatementLine]:
    """List the transfers of one account, the newest first, with the balance after each."""
    return ledger.list_statement(get_actor(request), account, before=before, limit=limit)


@router.get("/check", response=LedgerCheckOut, **takes(Permission.SEE_LEDGER))
def check_ledger(request: HttpRequest) -> LedgerCheck:
    """Recompute every balance from the transfers, and compare."""
    return ledger.check(get_actor(request))
