"""Usage of clusters for those who look: members their project's, staff everybody's."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.accounting.ledger import Transfer, TransferKind
from allmende.domain.accounting.usage import Usage, UsageState, count_until, list_transfer_ids
from allmende.domain.basics.people import Person
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import budgets, usage_collecting
from allmende.storage import jobs as job_store
from allmende.storage import ledger as ledger_store
from allmende.storage import usage as store
from allmende.storage.usage import Bookmark

# What each kind of transfer adds to what stands in the ledger as consumed, and as given back.
CHARGES = {
    TransferKind.POST: 1,
    TransferKind.OVERRUN: 1,
    TransferKind.CHARGE: 1,
    TransferKind.UNCHARGE: -1,
}
REFUNDS = {TransferKind.REFUND: 1, TransferKind.UNREFUND: -1}


@dataclass(frozen=True, kw_only=True)
class UsageLine:
    """A record, in the unit of its partition, with what it comes to so far."""

    usage: Usage
    unit: TimeUnit | None  # None: no partition of ours
    so_far_seconds: int


@dataclass(frozen=True, kw_only=True)
class SiteUsage:
    """How far a site was read, and what ran there, the newest first."""

    bookmark: Bookmark
    lines: tuple[UsageLine, ...]


@dataclass(frozen=True, kw_only=True)
class UsageMove:
    """A transfer of the ledger for a record, and what it changed; below zero it took back."""

    transfer: Transfer
    charged_seconds: int
    given_back_seconds: int


@dataclass(frozen=True, kw_only=True)
class TracedUsage:
    """A record with every transfer that moved time for it; together they are what it says."""

    line: UsageLine
    moves: tuple[UsageMove, ...]

    @property
    def job_id(self) -> str:
        """Return the job that was submitted here; "" for what users gave the cluster."""
        return self.line.usage.attempt_key.rpartition(".")[0]


def list_project_usage(
    reader: Person,
    project_id: str,
    *,
    factory: Factory,
    now: datetime,
    states: Collection[UsageState] = (),
    only_foreign: bool = False,
    before: int = 0,
    limit: int = 100,
) -> list[UsageLine]:
    """Return a page of a project's runs on clusters, those that came last first."""
    check_permission(reader, Permission.SEE_BUDGET)
    budgets.check_visible(reader, project_id)
    found = store.list_usages(
        project_id=project_id, states=states, only_foreign=only_foreign, before=before, limit=limit
    )
    return _lines(found, factory, now=now)


def list_site_usage(
    reader: Person,
    site_id: str,
    *,
    factory: Factory,
    now: datetime,
    project_id: str = "",
    states: Collection[UsageState] = (),
    only_foreign: bool = False,
    before: int = 0,
    limit: int = 100,
) -> SiteUsage:
    """Return a page of everybody's runs at a site; an empty choice leaves nothing out."""
    check_permission(reader, Permission.SEE_EVERY_JOB)
    site = usage_collecting.get_site(factory, site_id)
    found = store.list_usages(
        site_id=site.id,
        project_id=project_id,
        states=states,
        only_foreign=only_foreign,
        before=before,
        limit=limit,
    )
    return SiteUsage(
        bookmark=store.get_bookmark(usage_collecting.get_cluster(site)),
        lines=tuple(_lines(found, factory, now=now)),
    )


def trace_project_usage(
    reader: Person, project_id: str, number: int, *, factory: Factory, now: datetime
) -> TracedUsage:
    """Return a record of a project, with the transfers that charged it."""
    check_permission(reader, Permission.SEE_BUDGET)
    budgets.check_visible(reader, project_id)
    return _trace(store.get_usage(number, project_id=project_id), factory, now=now)


def trace_site_usage(
    reader: Person, site_id: str, number: int, *, factory: Factory, now: datetime
) -> TracedUsage:
    """Return anybody's record of a site, with the transfers that charged it."""
    check_permission(reader, Permission.SEE_EVERY_JOB)
    site = usage_collecting.get_site(factory, site_id)
    return _trace(store.get_usage(number, site_id=site.id), factory, now=now)


def _trace(usage: Usage, factory: Factory, *, now: datetime) -> TracedUsage:
    ids = list_transfer_ids(usage)
    if usage.attempt_key:  # the attempt itself may still be to come
        attempts = job_store.list_attempts(usage.attempt_key.rpartition(".")[0])
        ids += [
            transfer_id
            for each in attempts
            if each.key == usage.attempt_key
            for transfer_id in (
                f"close:{each.hold_id}",
                f"overrun:{each.hold_id}",
                f"refund:{each.key}",
            )
        ]
    found = ledger_store.get_transfers(ids)
    moves = [
        UsageMove(
            transfer=each,
            charged_seconds=CHARGES.get(each.kind, 0) * each.amount_seconds,
            given_back_seconds=REFUNDS.get(each.kind, 0) * each.amount_seconds,
        )
        for each in sorted(found.values(), key=lambda each: each.at)
        if each.kind in CHARGES or each.kind in REFUNDS
    ]
    (line,) = _lines([usage], factory, now=now)
    return TracedUsage(line=line, moves=tuple(moves))


def _lines(found: Iterable[Usage], factory: Factory, *, now: datetime) -> list[UsageLine]:
    partitions = {partition.id: partition for partition in factory.partitions}
    return [_line(usage, partitions, now=now) for usage in found]


def _line(usage: Usage, partitions: Mapping[str, Partition], *, now: datetime) -> UsageLine:
    partition = partitions.get(usage.partition_id)
    return UsageLine(
        usage=usage,
        unit=partition.unit if partition else None,
        so_far_seconds=count_until(usage.record, partition, now=now),
    )
