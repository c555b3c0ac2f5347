"""An allocation is a project's time on one partition under one access share, and its accounts."""

from dataclasses import dataclass
from functools import cached_property

from allmende.domain.accounting.ledger import (
    Account,
    AccountKind,
    Entry,
    Transfer,
    TransferKind,
    move,
)
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.units import TimeUnit


class NoTimeOnPartition(Refusal):
    """Project {project} has no time on {partition} ({access_share} share).

    Choose a partition that it has time on, or apply for time there.
    """


@dataclass(frozen=True, kw_only=True)
class AccessShare:
    """The part of a partition's time that one public payer decides on; it knows its accounts."""

    partition_id: str
    name: str  # "union" or "national"
    unit: TimeUnit

    def __post_init__(self) -> None:
        assert ":" not in self.partition_id + self.name, "a colon parts the names in account ids"

    def capacity(self) -> Account:
        """Return the account that all time of the share comes from."""
        return self._account(AccountKind.CAPACITY, may_overdraw_seconds=None)

    def pool(self, mode_id: str) -> Account:
        """Return what is left to award in an access mode."""
        return self._account(AccountKind.POOL, suffix=mode_id)

    def expired(self) -> Account:
        """Return the account of time that projects did not use in their period."""
        return self._account(AccountKind.EXPIRED)

    def refunded(self) -> Account:
        """Return the account that refunds come from; its negative balance is their sum."""
        return self._account(AccountKind.REFUNDED, may_overdraw_seconds=None)

    def accounts_of(self, project_id: str, *, may_overdraw_seconds: int = 0) -> "ProjectAccounts":
        """Return the accounts of a project under this share."""
        return ProjectAccounts(
            share=self, project_id=project_id, may_overdraw_seconds=may_overdraw_seconds
        )

    def _account(
        self, kind: AccountKind, *, suffix: str = "", may_overdraw_seconds: int | None = 0
    ) -> Account:
        parts = (kind.value, self.partition_id, self.name, *([suffix] if suffix else []))
        return self._described(":".join(parts), kind, suffix, may_overdraw_seconds)

    def _described(
        self, account_id: str, kind: AccountKind, owner_id: str, may_overdraw_seconds: int | None
    ) -> Account:
        return Account(
            id=account_id,
            kind=kind,
            unit=self.unit,
            partition_id=self.partition_id,
            access_share=self.name,
            owner_id=owner_id,
            may_overdraw_seconds=may_overdraw_seconds,
        )


@dataclass(frozen=True, kw_only=True)
class ProjectAccounts:
    """The accounts through which a project's time goes."""

    share: AccessShare
    project_id: str
    may_overdraw_seconds: int = 0

    @cached_property
    def project(self) -> Account:
        """Return what can still be held."""
        return self._own(AccountKind.PROJECT, self.may_overdraw_seconds)

    @cached_property
    def held(self) -> Account:
        """Return what is set aside for jobs."""
        return self._own(AccountKind.HELD, 0)

    @cached_property
    def consumed(self) -> Account:
        """Return what was metered."""
        return self._own(AccountKind.CONSUMED, 0)

    def list_all(self) -> tuple[Account, ...]:
        """Return every account that an award opens."""
        return (*self.list_own(), self.share.expired(), self.share.refunded())

    def list_own(self) -> tuple[Account, ...]:
        """Return the accounts that belong to the project alone."""
        return (self.project, self.held, self.consumed)

    def _own(self, kind: AccountKind, may_overdraw_seconds: int) -> Account:
        account_id = f"{kind.value}:{self.project_id}:{self.share.partition_id}:{self.share.name}"
        return self.share._described(account_id, kind, self.project_id, may_overdraw_seconds)


def accounts_from(project_account: Account) -> ProjectAccounts:
    """Return the accounts beside a project's own."""
    assert project_account.kind is AccountKind.PROJECT, "the account of a project"
    share = AccessShare(
        partition_id=project_account.partition_id,
        name=project_account.access_share,
        unit=project_account.unit,
    )
    return share.accounts_of(
        project_account.owner_id, may_overdraw_seconds=project_account.may_overdraw_seconds or 0
    )


def fund(share: AccessShare, mode_id: str, *, fund_id: str, seconds: int, entry: Entry) -> Transfer:
    """Put time of the share into the pool of an access mode."""
    route = (share.capacity().id, share.pool(mode_id).id)
    return move(TransferKind.FUND, f"fund:{fund_id}", route, seconds, entry)


def award(
    accounts: ProjectAccounts, mode_id: str, *, award_id: str, seconds: int, entry: Entry
) -> Transfer:
    """Give a project the time that an award decided on."""
    route = (accounts.share.pool(mode_id).id, accounts.project.id)
    return move(TransferKind.AWARD, f"award:{award_id}", route, seconds, entry)


def top_up(
    accounts: ProjectAccounts, mode_id: str, *, top_up_id: str, seconds: int, entry: Entry
) -> Transfer:
    """Give a project more time from the pool."""
    route = (accounts.share.pool(mode_id).id, accounts.project.id)
    return move(TransferKind.TOP_UP, f"top_up:{top_up_id}", route, seconds, entry)


def claw_back(
    accounts: ProjectAccounts, mode_id: str, *, claw_back_id: str, seconds: int, entry: Entry
) -> Transfer:
    """Take time that a project does not need back into the pool."""
    route = (accounts.project.id, accounts.share.pool(mode_id).id)
    return move(TransferKind.CLAW_BACK, f"claw_back:{claw_back_id}", route, seconds, entry)


def refund(accounts: ProjectAccounts, *, refund_id: str, seconds: int, entry: Entry) -> Transfer:
    """Give back time that was consumed through no fault of the project."""
    route = (accounts.share.refunded().id, accounts.project.id)
    return move(TransferKind.REFUND, f"refund:{refund_id}", route, seconds, entry)


def expire(accounts: ProjectAccounts, *, expiry_id: str, seconds: int, entry: Entry) -> Transfer:
    """Let time lapse that the project did not use in its period."""
    route = (accounts.project.id, accounts.share.expired().id)
    return move(TransferKind.EXPIRE, f"expire:{expiry_id}", route, seconds, entry)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much a project has left, and where the rest went."""

    project_id: str
    partition_id: str
    access_share: str
    unit: TimeUnit
    awarded_seconds: int  # awards and top-ups, less what was clawed back
    held_seconds: int
    consumed_seconds: int
    refunded_seconds: int
    expired_seconds: int
    available_seconds: int  # below zero after a job ran beyond its hold

    def __post_init__(self) -> None:
        came = self.awarded_seconds + self.refunded_seconds
        went = self.held_seconds + self.consumed_seconds + self.expired_seconds
        assert self.available_seconds == came - went, "every second is somewhere"
