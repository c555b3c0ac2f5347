"""Forecasts of starts: one for each job that waited, and what came of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from allmende.domain.scheduling.jobs import JobState
from allmende.storage.jobs import JobRow


@dataclass(frozen=True, kw_only=True)
class KeptForecast:
    """What was said of a job; `None` is beyond what can be said, or not known yet.

    `earliest`, `median` and `latest` are what the forward runs gave; `shown_…` is the range as it
    was told to people, widened by what was known then.
    """

    job_id: str
    partition_id: str
    made_at: datetime
    earliest_seconds: int | None
    median_seconds: int | None
    latest_seconds: int | None
    shown_earliest_seconds: int | None
    shown_latest_seconds: int | None
    started_after_seconds: int | None = None

    @property
    def is_hit(self) -> bool:
        """Say whether the job started within the range that was shown."""
        after, early = self.started_after_seconds, self.shown_earliest_seconds
        if after is None or early is None or after < early:
            return False
        return self.shown_latest_seconds is None or after <= self.shown_latest_seconds


class ForecastRow(models.Model):
    """One forecast; the first that was made for its job."""

    job = models.OneToOneField(JobRow, on_delete=models.CASCADE, primary_key=True, related_name="+")
    partition_id = models.CharField(max_length=40)
    made_at = models.DateTimeField()
    earliest_seconds = models.BigIntegerField(null=True)
    median_seconds = models.BigIntegerField(null=True)
    latest_seconds = models.BigIntegerField(null=True)
    shown_earliest_seconds = models.BigIntegerField(null=True)
    shown_latest_seconds = models.BigIntegerField(null=True)
    started_after_seconds = models.BigIntegerField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "forecast"
        indexes = (models.Index(fields=["partition_id", "made_at"], name="forecast_partition"),)


FIELDS = (
    "partition_id made_at earliest_seconds median_seconds latest_seconds shown_earliest_seconds "
    "shown_latest_seconds started_after_seconds"
).split()


def keep_forecasts(forecasts: Iterable[KeptForecast]) -> None:
    """Keep forecasts; the first one for a job stays."""
    rows = [
        ForecastRow(job_id=each.job_id, **{name: getattr(each, name) for name in FIELDS})
        for each in forecasts
    ]
    ForecastRow.objects.bulk_create(rows, ignore_conflicts=True)


def find_forecast(job_id: str) -> KeptForecast | None:
    """Return what was said of a job, if anything was."""
    row = ForecastRow.objects.filter(job_id=job_id).first()
    return _forecast(row) if row else None


def forget(job_id: str) -> None:
    """Forget what was said of a job that has not started, for it waits elsewhere now."""
    ForecastRow.objects.filter(job_id=job_id, started_after_seconds__isnull=True).delete()


def list_unforecast_jobs(partition_id: str) -> list[str]:
    """Return the id of each job that waits with time held, and of which nothing was said.

    The oldest first; what has run before, or runs in a reservation, is left out.
    """
    rows = JobRow.objects.filter(
        partition_id=partition_id, state=JobState.PENDING, started_at__isnull=True
    )
    said = ForecastRow.objects.filter(job_id=models.OuterRef("id"))
    rows = rows.exclude(hold_id="").filter(reservation_id="").filter(~models.Exists(said))
    return list(rows.order_by("submitted_at", "id").values_list("id", flat=True))


def note_starts(job_ids: Collection[str], at: datetime) -> None:
    """Write down when the jobs of forecasts started; the first start counts."""
    rows = list(ForecastRow.objects.filter(job_id__in=job_ids, started_after_seconds__isnull=True))
    for row in rows:
        row.started_after_seconds = max(0, round((at - row.made_at).total_seconds()))
    ForecastRow.objects.bulk_update(rows, ["started_after_seconds"])


def list_outcomes(partition_id: str, *, limit: int) -> list[KeptForecast]:
    """Return the latest forecasts whose jobs have started, the oldest of them first."""
    rows = ForecastRow.objects.filter(
        partition_id=partition_id, started_after_seconds__isnull=False
    )
    return [_forecast(row) for row in rows.order_by("-made_at")[:limit]][::-1]


def _forecast(row: ForecastRow) -> KeptForecast:
    return KeptForecast(job_id=row.job_id, **{name: getattr(row, name) for name in FIELDS})
