"""What the ledger says of projects month by month: sums over transfers, never over jobs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from allmende.domain.accounting.allocations import ProjectAccounts
from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.scheduling.jobs import JobState
from allmende.storage.jobs import JobRow
from allmende.storage.ledger import LedgerAccountRow, LedgerTransferRow


@dataclass(frozen=True)
class GrantRow:
    """A transfer between a pool and a project; below zero, what went back."""

    id: str
    at: datetime
    seconds: int
    mode_id: str


def list_grants(accounts: Sequence[ProjectAccounts]) -> dict[str, list[GrantRow]]:
    """Return by project what each was given and what was taken back, the oldest first."""
    shares = {(each.share.partition_id, each.share.name): each.share for each in accounts}
    pools = LedgerAccountRow.objects.filter(
        kind=AccountKind.POOL.value,
        partition_id__in={partition_id for partition_id, _ in shares},
        access_share__in={name for _, name in shares},
    )
    owners = {each.project.id: each.project_id for each in accounts}
    found: dict[str, list[GrantRow]] = {each.project_id: [] for each in accounts}
    for sign, here, there in ((1, "credit", "debit"), (-1, "debit", "credit")):
        rows = LedgerTransferRow.objects.filter(
            **{f"{here}_account_id__in": list(owners), f"{there}_account__in": pools},
            hold_id__isnull=True,
        )
        columns = (f"{here}_account_id", f"{there}_account__owner_id", "id", "at", "amount_seconds")
        for account_id, mode_id, transfer_id, at, seconds in rows.values_list(*columns):
            found[owners[account_id]].append(GrantRow(transfer_id, at, sign * seconds, mode_id))
    return {key: sorted(rows, key=lambda row: (row.at, row.id)) for key, rows in found.items()}


def sum_used(
    accounts: Sequence[ProjectAccounts], boundaries: Sequence[datetime]
) -> dict[str, list[int]]:
    """Return by project what was settled less what was refunded, before and between boundaries.

    There is one sum more than there are boundaries: the last is from the last boundary on.
    """
    count = len(boundaries) + 1
    sums = {each.project_id: [0] * count for each in accounts}
    consumed = {each.consumed.id: each.project_id for each in accounts}
    projects = {each.project.id: each.project_id for each in accounts}
    refunded = list({each.share.refunded().id for each in accounts})
    everything = LedgerTransferRow.objects.all()
    apart = everything.filter(hold_id__isnull=True)  # a settlement belongs to its hold
    parts = (
        (1, "credit", consumed, everything),
        (-1, "debit", consumed, apart.filter(credit_account_id__in=list(projects))),
        (-1, "credit", projects, apart.filter(debit_account_id__in=refunded)),
        (1, "debit", projects, apart.filter(credit_account_id__in=refunded)),
    )
    for sign, side, owners, rows in parts:
        found = rows.filter(**{f"{side}_account_id__in": list(owners)})
        for account_id, part, seconds in _total(found, f"{side}_account_id", boundaries):
            sums[owners[account_id]][part] += sign * seconds
    return sums


def _total(
    rows: "models.QuerySet[LedgerTransferRow]", account: str, boundaries: Sequence[datetime]
) -> Iterable[tuple[str, int, int]]:
    """Return account, number of the part of time, and the sum of what was moved in it."""
    part = models.Case(
        *(models.When(at__lt=end, then=place) for place, end in enumerate(boundaries)),
        default=len(boundaries),
        output_field=models.IntegerField(),
    )
    totals = rows.annotate(part=part).values_list(account, "part")
    return totals.annotate(total=models.Sum("amount_seconds")).order_by()


def sum_running(project_ids: Sequence[str], *, partition_id: str) -> dict[str, int]:
    """Return by project what its running jobs hold on a partition; those without are left out."""
    rows = JobRow.objects.filter(
        project_id__in=project_ids, partition_id=partition_id, state=JobState.RUNNING.value
    )
    held = rows.values_list("project_id").annotate(held=models.Sum("held_seconds"))
    return {row[0]: row[1] for row in held.order_by()}
