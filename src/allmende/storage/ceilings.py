"""What went out of pools and came back in a period, read from the ledger."""

from collections.abc import Collection, Mapping

from django.db import models

from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.basics.periods import Period
from allmende.storage.ledger import LedgerTransferRow

PROJECT = AccountKind.PROJECT.value


def sum_moves(
    pool_ids: Collection[str], *, within: Period
) -> tuple[Mapping[tuple[str, str], int], Mapping[tuple[str, str], int]]:
    """Return the seconds that went out, and those that came back, by pool and project account."""
    rows = LedgerTransferRow.objects.filter(at__gte=within.starts_at, at__lt=within.ends_at)
    out = rows.filter(debit_account_id__in=pool_ids, credit_account__kind=PROJECT)
    back = rows.filter(credit_account_id__in=pool_ids, debit_account__kind=PROJECT)
    return (
        _sum_by(("debit_account_id", "credit_account_id"), out),
        _sum_by(("credit_account_id", "debit_account_id"), back),
    )


def _sum_by(columns: tuple[str, str], rows: "models.QuerySet") -> dict[tuple[str, str], int]:
    summed = rows.order_by().values_list(*columns).annotate(models.Sum("amount_seconds"))
    return {(pool_id, account_id): seconds for pool_id, account_id, seconds in summed}
