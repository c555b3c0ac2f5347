"""Reconciling a cluster's own accounting with the ledger, second by second."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.accounting.reconciliations import (
    KeptReconciliation,
    LedgerGap,
    Reconciled,
    Reconciliation,
)
from allmende.domain.basics.people import Person
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition, Site
from allmende.domain.basics.units import TimeUnit
from allmende.domain.basics.usage_records import UsageReader, UsageRecord
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.services.usage import BATCH, find_partition
from allmende.services.usage_collecting import get_cluster, get_site
from allmende.storage import kept_reconciliations as kept_store
from allmende.storage import ledger as ledger_store
from allmende.storage import reconciliations as sums
from allmende.storage import usage as store
from allmende.storage.kept_reconciliations import KeptSummary
from allmende.storage.usage import UsageSum

ACCOUNTS_PAGE = 1000


def reconcile(
    reader: Person, site: Site, *, period: Period, now: datetime, accounting: UsageReader
) -> Reconciliation:
    """Ask a cluster once more what ended in a period, and explain every second of difference.

    Where the period lasts until now, what runs is in it too. Nothing is written. The cluster is
    read as it comes, in bounded memory; whoever collects meanwhile makes no difference unexplained.
    """
    check_permission(reader, Permission.SEE_EVERY_JOB)
    cluster = get_cluster(site)
    lines: dict[tuple[str, str], Reconciled] = {}
    told: Counter[tuple[str, str]] = Counter()
    lasts = period.ends_at >= now
    records = (
        each
        for each in accounting.read(period)
        if each.started_at is not None and (each.ended_at is not None or lasts)
    )
    while batch := list(islice(records, BATCH)):
        _add_batch(batch, site=site, period=period, now=now, lines=lines, told=told)
    for (project_id, partition_id), seconds in _list_untold(site, cluster, period, told):
        partition = _get_partition(site, partition_id)
        _line(lines, project_id, partition.name_on_slurm, partition).add_unknown_to_slurm(seconds)
    return Reconciliation(
        site_id=site.id,
        cluster=cluster,
        period=period,
        lines=tuple(lines[key] for key in sorted(lines)),
        gaps=tuple(_list_gaps(site, cluster)),
    )


def reconcile_and_keep(
    begin: Callable[[], Deed],
    site_id: str,
    *,
    period: Period,
    factory: Factory,
    reader_of: Callable[[Site], UsageReader],
) -> KeptReconciliation:
    """Compare what ended in a period, up to now at the latest, and keep what was found.

    Doing it again finds what is there then, and keeps that beside the earlier one.
    """
    deed = begin()
    check_permission(deed.actor, Permission.SEE_EVERY_JOB)
    site = get_site(factory, site_id)
    if period.starts_at >= deed.now:
        raise InvalidInput(field="span", problem=Sentence("It is still to come."))
    period = Period(starts_at=period.starts_at, ends_at=min(period.ends_at, deed.now))
    found = reconcile(deed.actor, site, period=period, now=deed.now, accounting=reader_of(site))
    return _keep(deed, found)


@one_transaction
def _keep(deed: Deed, found: Reconciliation) -> KeptReconciliation:
    kept = kept_store.add_reconciliation(found, made_at=deed.now, by=deed.actor.id)
    audit.record(
        deed,
        action="usage.reconciled",
        subject=found.site_id,
        number=kept.number,
        starts_at=found.period.starts_at.isoformat(),
        ends_at=found.period.ends_at.isoformat(),
        unexplained_seconds=found.unexplained_seconds,
    )
    return kept


def list_kept(
    reader: Person, site_id: str, *, factory: Factory, before: int = 0, limit: int = 50
) -> list[KeptSummary]:
    """Return a page of what was found at a site, the newest first."""
    check_permission(reader, Permission.SEE_EVERY_JOB)
    site = get_site(factory, site_id)
    return kept_store.list_summaries(site.id, before=before, limit=limit)


def get_kept(reader: Person, site_id: str, number: int, *, factory: Factory) -> KeptReconciliation:
    """Return what was found at a site at one time."""
    check_permission(reader, Permission.SEE_EVERY_JOB)
    return kept_store.get_reconciliation(get_site(factory, site_id).id, number)


def _add_batch(
    batch: list[UsageRecord],
    *,
    site: Site,
    period: Period,
    now: datetime,
    lines: dict[tuple[str, str], Reconciled],
    told: Counter[tuple[str, str]],
) -> None:
    known = store.find_usages([record.key for record in batch])
    for record in batch:
        usage = known.get(record.key)
        partition = find_partition(site, record.partition)
        account = usage.project_id if usage and usage.booked_seconds else record.account
        _line(lines, account, record.partition, partition).add(record, usage, partition, now)
        ended_at = usage.record.ended_at if usage else None
        if usage and ended_at and ended_at in period:
            told[usage.project_id, usage.partition_id] += (
                usage.booked_seconds - usage.given_back_seconds
            )


def _line(
    lines: dict[tuple[str, str], Reconciled],
    account: str,
    name: str,
    partition: Partition | None,
) -> Reconciled:
    unit = partition.unit if partition else TimeUnit.NODE_SECONDS
    return lines.setdefault((account, name), Reconciled(account=account, partition=name, unit=unit))


def _list_untold(
    site: Site, cluster: str, period: Period, told: Counter[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield by project and partition what was charged for runs that the cluster did not name."""
    charged = Counter(
        {
            (each.project_id, each.partition_id): each.booked_seconds - each.given_back_seconds
            for each in store.sum_usages(cluster, period=period)
        }
    )
    unrecorded = sums.sum_attempts_without_record(_partition_ids(site), period=period)
    charged.update({key: used - back for key, (used, back) in unrecorded.items()})
    charged.subtract(told)
    for key in sorted(charged):
        if charged[key]:
            yield key, charged[key]


def _list_gaps(site: Site, cluster: str) -> Iterator[LedgerGap]:
    """Yield for every project with time at the site how its balance and its records compare."""
    recorded: dict[tuple[str, str], UsageSum] = {
        (each.project_id, each.partition_id): each for each in store.sum_usages(cluster)
    }
    unrecorded = sums.sum_attempts_without_record(_partition_ids(site))
    partition_ids, after = set(_partition_ids(site)), ""
    while page := ledger_store.list_accounts(
        kind=AccountKind.CONSUMED, after=after, limit=ACCOUNTS_PAGE
    ):
        after = page[-1].id
        accounts = [account for account in page if account.partition_id in partition_ids]
        balances = ledger_store.get_balances([account.id for account in accounts])
        corrected = sums.sum_corrections(list(balances))
        for account in accounts:
            key = (account.owner_id, account.partition_id)
            found = recorded.get(key)
            yield LedgerGap(
                project_id=account.owner_id,
                partition_id=account.partition_id,
                balance_seconds=balances[account.id],
                record_seconds=found.booked_seconds if found else 0,
                without_record_seconds=unrecorded.get(key, (0, 0))[0],
                corrected_seconds=corrected.get(account.id, 0),
            )


def _partition_ids(site: Site) -> list[str]:
    return [partition.id for partition in site.partitions_on_slurm]


def _get_partition(site: Site, partition_id: str) -> Partition:
    return next(each for each in site.partitions if each.id == partition_id)
