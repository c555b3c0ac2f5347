"""Reconciling: what a cluster says was allocated, what the ledger says, and why they differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from allmende.domain.accounting.usage import FINDINGS, Usage, UsageState, count_until, trim
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit
from allmende.domain.basics.usage_records import UsageRecord


class Cause(StrEnum):
    """Why the cluster and the ledger differ."""

    RUNNING = "running"  # it has not ended; charged once, at its end
    NOT_COLLECTED = "not_collected"  # the cluster says it, and we have not read it yet
    SETTLING = "settling"  # an attempt of ours that the next heartbeat settles
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_PARTITION = "unknown_partition"
    NO_TIME = "no_time"
    BEFORE_BEGIN = "before_begin"
    CHANGED = "changed"  # the cluster says something else since it was read
    REFUNDED = "refunded"  # charged, and given back
    NOT_IN_SLURM = "not_in_slurm"  # charged, and the cluster does not know it, or no longer


@dataclass
class Reconciled:
    """What one account used on one of the cluster's partitions, by both accounts of it.

    The difference is what the cluster says less what the ledger says; its parts sum to it.
    """

    account: str
    partition: str
    unit: TimeUnit
    runs: int = 0
    slurm_seconds: int = 0
    ledger_seconds: int = 0  # charged less given back
    causes: Counter[Cause] = field(default_factory=Counter)  # seconds of the difference
    unexplained_seconds: int = 0  # of the difference, without regard to its sign: run by run

    @property
    def difference_seconds(self) -> int:
        """Return what the cluster says beyond the ledger."""
        return self.slurm_seconds - self.ledger_seconds

    def add(
        self, record: UsageRecord, known: Usage | None, partition: Partition | None, now: datetime
    ) -> None:
        """Add a run that the cluster told of, with what is known of it here."""
        says = count_until(record, partition, now=now)
        booked = known.booked_seconds - known.given_back_seconds if known else 0
        self.runs += 1
        self.slurm_seconds += says
        self.ledger_seconds += booked
        parts = _explain(record, known, says)
        self.causes.update({cause: seconds for cause, seconds in parts.items() if seconds})
        self.unexplained_seconds += abs(says - booked - sum(parts.values()))

    def add_unknown_to_slurm(self, seconds: int) -> None:
        """Add what was charged for runs that the cluster told nothing of."""
        self.ledger_seconds += seconds
        self.causes[Cause.NOT_IN_SLURM] -= seconds


def _explain(record: UsageRecord, known: Usage | None, says: int) -> dict[Cause, int]:
    """Return the seconds of each cause; what they leave out is not explained."""
    if known is None:
        return {Cause.RUNNING if record.ended_at is None else Cause.NOT_COLLECTED: says}
    changed = 0 if trim(record) == known.record else says - known.used_seconds
    if known.state is UsageState.CHARGED:
        return {Cause.CHANGED: changed, Cause.REFUNDED: known.given_back_seconds}
    if record.ended_at is None:
        return {Cause.RUNNING: says}
    if known.state is UsageState.RUNNING:
        return {Cause.NOT_COLLECTED: says}
    assert known.state in FINDINGS | {UsageState.SETTLING}, "every state is explained"
    return {Cause(known.state.value): known.used_seconds, Cause.CHANGED: changed}


@dataclass(frozen=True, kw_only=True)
class LedgerGap:
    """Whether the ledger's own balance of a project is what its records come to, over all time."""

    project_id: str
    partition_id: str
    balance_seconds: int  # consumed, in the ledger
    record_seconds: int  # what the records say stands there
    without_record_seconds: int = 0  # attempts that the cluster's accounting knows nothing of
    corrected_seconds: int = 0  # taken off by the office, by correcting a transfer

    @property
    def unexplained_seconds(self) -> int:
        """Return what nothing explains; zero in a ledger that holds."""
        return (
            self.balance_seconds
            + self.corrected_seconds
            - self.record_seconds
            - self.without_record_seconds
        )


@dataclass(frozen=True, kw_only=True)
class Total:
    """What one unit comes to."""

    unit: TimeUnit
    runs: int
    slurm_seconds: int
    ledger_seconds: int
    unexplained_seconds: int
    causes: Mapping[Cause, int]


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """A cluster's accounting of a period beside the ledger, and the ledger beside its records."""

    site_id: str
    cluster: str
    period: Period
    lines: tuple[Reconciled, ...]  # by account and partition
    gaps: tuple[LedgerGap, ...]  # over all time; of every project with time there

    @property
    def unexplained_seconds(self) -> int:
        """Return how many seconds nothing explains."""
        return sum(line.unexplained_seconds for line in self.lines) + sum(
            abs(gap.unexplained_seconds) for gap in self.gaps
        )

    @property
    def totals(self) -> tuple[Total, ...]:
        """Return what all lines of each unit come to."""
        return tuple(
            _total(unit, lines)
            for unit in TimeUnit
            if (lines := [line for line in self.lines if line.unit is unit])
        )


@dataclass(frozen=True, kw_only=True)
class KeptReconciliation:
    """A reconciliation as it was found by somebody at an instant; its gaps are those that gape."""

    number: int
    made_at: datetime
    by: str
    found: Reconciliation


def _total(unit: TimeUnit, lines: Sequence[Reconciled]) -> Total:
    causes: Counter[Cause] = Counter()
    for line in lines:
        for cause, seconds in line.causes.items():
            causes[cause] += seconds
    return Total(
        unit=unit,
        runs=sum(line.runs for line in lines),
        slurm_seconds=sum(line.slurm_seconds for line in lines),
        ledger_seconds=sum(line.ledger_seconds for line in lines),
        unexplained_seconds=sum(line.unexplained_seconds for line in lines),
        causes={cause: causes[cause] for cause in Cause if causes[cause]},
    )
