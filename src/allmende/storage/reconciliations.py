"""Sums for reconciling: what attempts and the ledger have, by project and partition."""

from collections.abc import Collection

from django.db import models

from allmende.domain.accounting.ledger import TransferKind
from allmende.domain.basics.periods import Period
from allmende.storage.jobs import AttemptRow, JobRow
from allmende.storage.ledger import LedgerTransferRow
from allmende.storage.usage import UsageRow


def sum_attempts_without_record(
    partition_ids: Collection[str], *, period: Period | None = None
) -> dict[tuple[str, str], tuple[int, int]]:
    """Return by project and partition what attempts used, and got back, that no record stands for.

    Of a period, those that ended in it.
    """
    recorded = UsageRow.objects.exclude(attempt_key="").values("attempt_key")
    rows = AttemptRow.objects.filter(
        partition_id__in=partition_ids, settled_at__isnull=False, used_seconds__gt=0
    ).exclude(key__in=recorded)
    if period is not None:
        rows = rows.filter(ended_at__gte=period.starts_at, ended_at__lt=period.ends_at)
    project_id = JobRow.objects.filter(id=models.OuterRef("job_id")).values("project_id")
    summed = (
        rows.annotate(project_id=models.Subquery(project_id))
        .values_list("project_id", "partition_id")
        .annotate(models.Sum("used_seconds"), models.Sum("refunded_seconds"))
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in summed.order_by()}


def sum_corrections(consumed_account_ids: Collection[str]) -> dict[str, int]:
    """Return by account what corrections took off what stands as consumed."""
    rows = LedgerTransferRow.objects.filter(kind=TransferKind.CORRECTION.value)
    sums: dict[str, int] = {}
    for side, sign in (("debit_account_id", 1), ("credit_account_id", -1)):
        found = rows.filter(**{f"{side}__in": consumed_account_ids}).values_list(side)
        for account_id, seconds in found.annotate(models.Sum("amount_seconds")).order_by():
            sums[account_id] = sums.get(account_id, 0) + sign * seconds
    return sums
