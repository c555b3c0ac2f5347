"""What was applied to clusters as rows, and what projects have there, read from the ledger."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.scheduling.slurm_policies import ItemKey, ItemKind, Settings
from allmende.storage.ledger import LedgerBalanceRow

POSTED = AccountKind.CONSUMED.value
UNSPENT = (AccountKind.PROJECT.value, AccountKind.HELD.value)


class SlurmPolicyItemRow(models.Model):
    """One item of a cluster's policy as it was last applied, and as it is being changed."""

    site_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=80)
    account = models.CharField(max_length=80, blank=True)
    partition = models.CharField(max_length=80, blank=True)
    settings = models.JSONField(null=True)  # null: never applied
    pending = models.JSONField(null=True)  # begun, and not known to have come to an end
    applied_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "slurm_policy_item"
        constraints = (
            models.UniqueConstraint(
                fields=("site_id", "kind", "name", "account", "partition"),
                name="slurm_policy_item_once",
            ),
        )


@dataclass(frozen=True, kw_only=True)
class AppliedItem:
    """What is known here of one item of a cluster's policy."""

    settings: Settings | None
    pending: Settings | None


@dataclass(frozen=True, kw_only=True)
class TimeRow:
    """What a project has on a partition, under all access shares together."""

    project_id: str
    partition_id: str
    posted_seconds: int
    unspent_seconds: int


def get_items(site_id: str) -> dict[ItemKey, AppliedItem]:
    """Return everything that was ever applied at a site, or begun."""
    return {
        _key(row): AppliedItem(settings=row.settings, pending=row.pending)
        for row in SlurmPolicyItemRow.objects.filter(site_id=site_id)
    }


def begin_change(site_id: str, key: ItemKey, settings: Settings) -> None:
    """Note what an item is about to be, before the cluster is told."""
    SlurmPolicyItemRow.objects.update_or_create(
        site_id=site_id, **_columns(key), defaults={"pending": dict(settings)}
    )


def end_change(site_id: str, key: ItemKey, *, is_made: bool, now: datetime) -> None:
    """Note that a change that was begun was made, or never was."""
    row = SlurmPolicyItemRow.objects.get(site_id=site_id, **_columns(key))
    if is_made:
        row.settings, row.applied_at = {**(row.settings or {}), **row.pending}, now
    row.pending = None
    row.save()


def save_items(site_id: str, items: Mapping[ItemKey, Settings], *, now: datetime) -> None:
    """Write how items are that were found as policy wants them."""
    rows = [
        SlurmPolicyItemRow(
            site_id=site_id, **_columns(key), settings=dict(settings), applied_at=now
        )
        for key, settings in items.items()
    ]
    SlurmPolicyItemRow.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["site_id", "kind", "name", "account", "partition"],
        update_fields=["settings", "applied_at"],
    )


def list_applied_at() -> dict[str, datetime]:
    """Return when policy was last applied, by site; a site where it never was is left out."""
    rows = SlurmPolicyItemRow.objects.filter(applied_at__isnull=False)
    return dict(rows.values_list("site_id").annotate(models.Max("applied_at")).order_by())


def list_time(partition_ids: Collection[str]) -> list[TimeRow]:
    """Return what every project has that was ever given time on one of the partitions."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for project_id, partition_id, kind, seconds in _sum_balances(partition_ids):
        part = "posted" if kind == POSTED else "unspent"
        found = sums.setdefault((project_id, partition_id), {"posted": 0, "unspent": 0})
        found[part] += seconds
    return [
        TimeRow(
            project_id=project_id,
            partition_id=partition_id,
            posted_seconds=found["posted"],
            unspent_seconds=found["unspent"],
        )
        for (project_id, partition_id), found in sorted(sums.items())
    ]


def _sum_balances(partition_ids: Collection[str]) -> Iterable[tuple[str, str, str, int]]:
    rows = LedgerBalanceRow.objects.filter(
        account__partition_id__in=partition_ids, account__kind__in=[POSTED, *UNSPENT]
    )
    columns = ("account__owner_id", "account__partition_id", "account__kind")
    return rows.order_by().values_list(*columns).annotate(models.Sum("balance_seconds"))


def _columns(key: ItemKey) -> dict[str, str]:
    return {
        "kind": key.kind.value,
        "name": key.name,
        "account": key.account,
        "partition": key.partition,
    }


def _key(row: SlurmPolicyItemRow) -> ItemKey:
    return ItemKey(
        kind=ItemKind(row.kind), name=row.name, account=row.account, partition=row.partition
    )
