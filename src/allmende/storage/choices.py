"""Choices of a partition as rows: what was taken for a job, what was not, and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from allmende.domain.scheduling.brokering import Choice, Verdict


@dataclass(frozen=True, kw_only=True)
class KeptChoice:
    """Why a job went to a partition: when it was submitted, or when it moved."""

    job_id: str
    number: int  # 1 for the first; each move adds one
    made_at: datetime
    choice: Choice


class ChoiceRow(models.Model):
    """One choice; the newest one of a job is open while the job may still move."""

    job_id = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    judged_at = models.DateTimeField()
    is_open = models.BooleanField()
    verdicts = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "job_choice"
        constraints = (
            models.UniqueConstraint(fields=("job_id", "number"), name="job_choice_number"),
        )
        indexes = (
            # A heartbeat asks which of those that may move was judged the longest ago.
            models.Index(
                fields=("judged_at",), condition=models.Q(is_open=True), name="job_choice_open"
            ),
        )


def add_choice(kept: KeptChoice, *, is_open: bool) -> None:
    """Keep a choice; those before it of the same job are no longer open."""
    ChoiceRow.objects.filter(job_id=kept.job_id, is_open=True).update(is_open=False)
    ChoiceRow.objects.create(
        job_id=kept.job_id,
        number=kept.number,
        made_at=kept.made_at,
        judged_at=kept.made_at,
        is_open=is_open,
        verdicts=[verdict.to_json() for verdict in kept.choice.verdicts],
    )


def list_choices(job_id: str) -> list[KeptChoice]:
    """Return every choice of a job, the first one first."""
    return [_choice(row) for row in ChoiceRow.objects.filter(job_id=job_id).order_by("number")]


def count_choices(job_id: str) -> int:
    """Return how often a partition was chosen for a job."""
    return ChoiceRow.objects.filter(job_id=job_id).count()


def list_open(*, judged_before: datetime, limit: int) -> list[str]:
    """Return the jobs that may still move and were judged before, the longest ago first."""
    rows = ChoiceRow.objects.filter(is_open=True, judged_at__lt=judged_before)
    return list(rows.order_by("judged_at", "job_id").values_list("job_id", flat=True)[:limit])


def note_judged(job_ids: Collection[str], at: datetime) -> None:
    """Write down that these jobs were judged anew and stay where they are."""
    ChoiceRow.objects.filter(is_open=True, job_id__in=job_ids).update(judged_at=at)


def close(job_ids: Sequence[str]) -> None:
    """Write down that these jobs can no longer move."""
    ChoiceRow.objects.filter(is_open=True, job_id__in=job_ids).update(is_open=False)


def _choice(row: ChoiceRow) -> KeptChoice:
    verdicts = tuple(Verdict.from_json(value) for value in row.verdicts)
    choice = Choice(verdicts=verdicts)
    return KeptChoice(job_id=row.job_id, number=row.number, made_at=row.made_at, choice=choice)
