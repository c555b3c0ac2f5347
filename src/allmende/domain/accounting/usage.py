"""Usage on a cluster: what a record of it owes, and the transfers that bring the ledger there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from allmende.domain.accounting.allocations import ProjectAccounts
from allmende.domain.accounting.ledger import Entry, Transfer, TransferKind, move
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit
from allmende.domain.basics.usage_records import COMMENT_PREFIX, UsageRecord

# The site did not deliver: what was lost with a node is given back.
REFUNDED_STATES = frozenset({"NODE_FAIL", "BOOT_FAIL"})
NAME_MAX = 200
COMMENT_MAX = 100


class UsageState(StrEnum):
    """Where a record of usage stands."""

    RUNNING = "running"  # shown with its hours so far; charged once, at its end
    SETTLING = "settling"  # it ended, and its attempt is about to be settled
    CHARGED = "charged"  # what it owes stands in the ledger
    UNKNOWN_ACCOUNT = "unknown_account"  # no project of ours has this id
    UNKNOWN_PARTITION = "unknown_partition"  # no partition of ours has this name there
    NO_TIME = "no_time"  # the project has no time on this partition
    BEFORE_BEGIN = "before_begin"  # it ended before its project began


# Kept, shown to operators and not charged; charged as soon as what is missing is known.
FINDINGS = frozenset(
    {
        UsageState.UNKNOWN_ACCOUNT,
        UsageState.UNKNOWN_PARTITION,
        UsageState.NO_TIME,
        UsageState.BEFORE_BEGIN,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """A record of a cluster's accounting, and what stands in the ledger for it.

    This is the one place that says so: it is written in the transaction that writes the ledger.
    """

    record: UsageRecord
    read_at: datetime  # when the cluster said so
    first_seen_at: datetime
    site_id: str
    state: UsageState = UsageState.RUNNING
    partition_id: str = ""
    project_id: str = ""
    person_id: str = ""
    attempt_key: str = ""  # of the attempt of ours that it is; "" for what users gave the cluster
    used_seconds: int = 0  # charged units: GPUs or nodes, as the partition counts
    settled_seconds: int = 0  # of which the settlement of its attempt posted
    settled_refund_seconds: int = 0
    charged_seconds: int = 0  # and of which transfers of its own did; below zero after a fall
    refunded_seconds: int = 0
    moves: int = 0  # how many deeds moved something for it
    number: int = 0  # in the order in which records came; 0 until it is stored

    @property
    def booked_seconds(self) -> int:
        """Return what stands in the ledger as consumed."""
        return self.settled_seconds + self.charged_seconds

    @property
    def given_back_seconds(self) -> int:
        """Return what stands in the ledger as refunded."""
        return self.settled_refund_seconds + self.refunded_seconds

    @property
    def is_ours(self) -> bool:
        """Say whether it is an attempt of a job that was submitted here."""
        return bool(self.attempt_key)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known of a record's account, partition and attempt at this instant."""

    partition: Partition | None
    accounts: ProjectAccounts | None  # of the project on the partition
    begins_at: datetime | None  # of the project; None: there is no such project
    awaits_settlement: bool = False  # of the attempt of ours that it is


def trim(record: UsageRecord) -> UsageRecord:
    """Return what is kept of a record; the comments of others are their own affair."""
    is_tag = record.comment.startswith(COMMENT_PREFIX)
    return replace(
        record,
        nodes=(),
        job_name=record.job_name[:NAME_MAX],
        comment=record.comment[:COMMENT_MAX] if is_tag else "",
    )


def is_newer(known: Usage, record: UsageRecord, *, read_at: datetime) -> bool:
    """Say whether a reading replaces what is known, in whatever order readings come.

    An end is never taken back; of two ends the one that was read later holds.
    """
    one, other = _rank(record, read_at), _rank(known.record, known.read_at)
    # Ties are broken by what is said, so that the order of arrival never decides.
    return one > other or (one == other and repr(record) > repr(known.record))


def _rank(record: UsageRecord, read_at: datetime) -> tuple[bool, datetime, int]:
    return (record.ended_at is not None, read_at, record.elapsed_seconds)


def count_used(record: UsageRecord, partition: Partition | None) -> int:
    """Return the charged units of a record that has ended; where nobody says, its nodes."""
    counts_gpus = partition is not None and partition.unit is TimeUnit.GPU_SECONDS
    return record.allocated_seconds(counts_gpus=counts_gpus)


def count_until(record: UsageRecord, partition: Partition | None, *, now: datetime) -> int:
    """Return the charged units of a record so far."""
    if record.ended_at is None:
        record = replace(record, ended_at=now)
    return count_used(record, partition)


def judge(usage: Usage, around: Surroundings) -> UsageState:
    """Say where a record stands."""
    ended_at = usage.record.ended_at
    if around.partition is None:
        return UsageState.UNKNOWN_PARTITION
    if around.begins_at is None:
        return UsageState.UNKNOWN_ACCOUNT
    if around.accounts is None:
        return UsageState.NO_TIME
    if ended_at is None:
        return UsageState.RUNNING
    if around.awaits_settlement:
        return UsageState.SETTLING
    if ended_at <= around.begins_at and not usage.settled_seconds:
        return UsageState.BEFORE_BEGIN
    return UsageState.CHARGED


def owed_refund(usage: Usage) -> int:
    """Return what is to be given back of a charged record: all of it, or nothing."""
    was_lost = usage.record.state in REFUNDED_STATES or usage.settled_refund_seconds
    return usage.used_seconds if was_lost else 0


def true_up(
    usage: Usage, accounts: ProjectAccounts, *, entry: Entry
) -> tuple[Usage, tuple[Transfer, ...]]:
    """Return the transfers that bring the ledger to what a charged record owes.

    They move the difference to what stands there, so a repetition moves nothing, and a record
    that changed later is put right without an edit.
    """
    assert usage.state is UsageState.CHARGED, "nothing else is charged"
    charge = usage.used_seconds - usage.booked_seconds
    refund = owed_refund(usage) - usage.given_back_seconds
    changed = replace(
        usage,
        charged_seconds=usage.charged_seconds + charge,
        refunded_seconds=usage.refunded_seconds + refund,
        moves=usage.moves + bool(charge or refund),
    )
    return changed, tuple(_moves(changed, accounts, charge=charge, refund=refund, entry=entry))


def _moves(
    usage: Usage, accounts: ProjectAccounts, *, charge: int, refund: int, entry: Entry
) -> Iterator[Transfer]:
    project, consumed = accounts.project.id, accounts.consumed.id
    refunded = accounts.share.refunded().id
    for amount, more, less, source, target in (
        (charge, TransferKind.CHARGE, TransferKind.UNCHARGE, project, consumed),
        (refund, TransferKind.REFUND, TransferKind.UNREFUND, refunded, project),
    ):
        if amount:
            kind = more if amount > 0 else less
            route = (source, target) if amount > 0 else (target, source)
            name = _transfer_id(more, usage, usage.moves)
            yield move(kind, name, route, abs(amount), entry)


def list_transfer_ids(usage: Usage) -> list[str]:
    """Return the ids that the transfers of a record's own may have; not each number has both."""
    return [
        _transfer_id(kind, usage, number)
        for number in range(1, usage.moves + 1)
        for kind in (TransferKind.CHARGE, TransferKind.REFUND)
    ]


def _transfer_id(kind: TransferKind, usage: Usage, number: int) -> str:
    return f"{kind.value}:usage:{usage.record.key}:{number}"
