"""What reconciling found, kept as rows that only grow."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import models

from allmende.domain.accounting.reconciliations import (
    Cause,
    KeptReconciliation,
    LedgerGap,
    Reconciled,
    Reconciliation,
)
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.units import TimeUnit


class ReconciliationRow(models.Model):
    """One comparison of a cluster's accounting with the ledger."""

    number = models.BigAutoField(primary_key=True)
    site_id = models.CharField(max_length=40)
    cluster = models.CharField(max_length=60)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    made_at = models.DateTimeField()
    by = models.CharField(max_length=40)
    runs = models.BigIntegerField()
    unexplained_seconds = models.BigIntegerField()
    lines = models.JSONField()
    gaps = models.JSONField()  # only those with a second that nothing explains

    class Meta:
        app_label = "storage"
        db_table = "reconciliation"
        indexes = (models.Index(fields=("site_id", "-number"), name="reconciliation_of_site"),)


@dataclass(frozen=True, kw_only=True)
class KeptSummary:
    """What a list shows of a comparison."""

    number: int
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    by: str
    runs: int
    unexplained_seconds: int


SUMMARY_FIELDS = tuple(KeptSummary.__dataclass_fields__)


def add_reconciliation(found: Reconciliation, *, made_at: datetime, by: str) -> KeptReconciliation:
    """Keep what was found."""
    row = ReconciliationRow.objects.create(
        site_id=found.site_id,
        cluster=found.cluster,
        starts_at=found.period.starts_at,
        ends_at=found.period.ends_at,
        made_at=made_at,
        by=by,
        runs=sum(line.runs for line in found.lines),
        unexplained_seconds=found.unexplained_seconds,
        lines=[_line_to_json(line) for line in found.lines],
        gaps=[asdict(gap) for gap in found.gaps if gap.unexplained_seconds],
    )
    return _read(row)


def list_summaries(site_id: str, *, before: int = 0, limit: int) -> list[KeptSummary]:
    """Return a page of the comparisons of a site, the newest first."""
    rows = ReconciliationRow.objects.filter(site_id=site_id).order_by("-number")
    if before:
        rows = rows.filter(number__lt=before)
    return [KeptSummary(**row) for row in rows.values(*SUMMARY_FIELDS)[:limit]]


def get_reconciliation(site_id: str, number: int) -> KeptReconciliation:
    """Return a comparison of a site; `NotFound` when there is none."""
    row = ReconciliationRow.objects.filter(site_id=site_id, number=number).first()
    if row is None:
        raise NotFound(kind="reconciliation", id=str(number))
    return _read(row)


def _read(row: ReconciliationRow) -> KeptReconciliation:
    found = Reconciliation(
        site_id=row.site_id,
        cluster=row.cluster,
        period=Period(starts_at=row.starts_at, ends_at=row.ends_at),
        lines=tuple(_line_from_json(line) for line in row.lines),
        gaps=tuple(LedgerGap(**gap) for gap in row.gaps),
    )
    return KeptReconciliation(number=row.number, made_at=row.made_at, by=row.by, found=found)


def _line_to_json(line: Reconciled) -> dict[str, Any]:
    causes = {cause.value: seconds for cause, seconds in line.causes.items() if seconds}
    return {**vars(line), "unit": line.unit.value, "causes": causes}


def _line_from_json(line: dict[str, Any]) -> Reconciled:
    causes = Counter({Cause(name): seconds for name, seconds in line["causes"].items()})
    return Reconciled(**{**line, "unit": TimeUnit(line["unit"]), "causes": causes})
