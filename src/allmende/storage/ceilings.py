"""What was given out of pools in a period, read from the ledger."""

from collections.abc import Collection

from django.db.models import Sum

from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.basics.periods import Period
from allmende.storage.ledger import LedgerTransferRow


def sum_given_seconds(pool_ids: Collection[str], *, within: Period) -> int:
    """Return what projects got from these pools in a period, less what of it they gave back in it.

    Time that comes back later than its period was given in it all the same, and time of an earlier
    period that comes back makes no room in this one: no project counts below zero.
    """
    rows = LedgerTransferRow.objects.filter(at__gte=within.starts_at, at__lt=within.ends_at)
    given = rows.filter(
        debit_account_id__in=pool_ids, credit_account__kind=AccountKind.PROJECT.value
    )
    came = _sum_by("credit_account_id", given)
    back = rows.filter(credit_account_id__in=pool_ids, debit_account_id__in=list(came))
    went = _sum_by("debit_account_id", back)
    return sum(max(seconds - went.get(account_id, 0), 0) for account_id, seconds in came.items())


def _sum_by(account: str, rows: "LedgerTransferRow.objects") -> dict[str, int]:
    summed = rows.order_by().values_list(account).annotate(Sum("amount_seconds"))
    return dict(summed)
