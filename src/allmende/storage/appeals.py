"""Appeals against decisions, and the answers of applicants to their reviews."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import models

from allmende.domain.access.appeals import Appeal, AppealState
from allmende.domain.access.applications import Application
from allmende.domain.access.rebuttals import Rebuttal
from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence


class AppealRow(models.Model):
    """An appeal against one decision on an application."""

    id = models.CharField(max_length=40, primary_key=True)
    application_id = models.CharField(max_length=40)
    reason = models.TextField()
    filed_by = models.CharField(max_length=40)
    filed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    appealed_decision = models.JSONField()
    appealed_by = models.CharField(max_length=40)
    appealed_at = models.DateTimeField()
    appealed_assessment = models.JSONField(null=True)
    state = models.CharField(max_length=20, db_index=True)
    answer = models.TextField()
    answered_by = models.CharField(max_length=40)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "appeal"
        constraints = (
            models.UniqueConstraint(
                fields=("application_id", "appealed_at"), name="appeal_once_per_decision"
            ),
        )


class RebuttalRow(models.Model):
    """What an applicant says to the reviews that were complete at an instant."""

    application_id = models.CharField(max_length=40)
    reviewed_at = models.DateTimeField()
    text = models.TextField()
    written_by = models.CharField(max_length=40)
    written_at = models.DateTimeField()

    class Meta:
        app_label = "storage"
        db_table = "rebuttal"
        constraints = (
            models.UniqueConstraint(
                fields=("application_id", "reviewed_at"), name="rebuttal_once_per_reviews"
            ),
        )


def save_appeal(appeal: Appeal) -> None:
    """Write an appeal, new or answered."""
    assessment = appeal.appealed_assessment
    AppealRow.objects.update_or_create(
        id=appeal.id,
        defaults={
            "application_id": appeal.application_id,
            "reason": appeal.reason,
            "filed_by": appeal.filed_by,
            "filed_at": appeal.filed_at,
            "due_at": appeal.due_at,
            "appealed_decision": appeal.appealed_decision.to_json(),
            "appealed_by": appeal.appealed_by,
            "appealed_at": appeal.appealed_at,
            "appealed_assessment": to_plain(assessment) if assessment else None,
            "state": appeal.state.value,
            "answer": appeal.answer,
            "answered_by": appeal.answered_by,
            "answered_at": appeal.answered_at,
        },
    )


def get_appeal(appeal_id: str) -> Appeal:
    """Return an appeal; `NotFound` when there is none."""
    return _get(AppealRow.objects.filter(id=appeal_id), appeal_id)


def lock_appeal(appeal_id: str) -> Appeal:
    """Return an appeal that nobody else can answer until this transaction ends."""
    return _get(AppealRow.objects.select_for_update().filter(id=appeal_id), appeal_id)


def list_appeals_of(application_id: str) -> list[Appeal]:
    """Return every appeal on an application, the earliest first."""
    rows = AppealRow.objects.filter(application_id=application_id)
    return [_from_row(row) for row in rows.order_by("filed_at", "id")]


def list_upheld(application_ids: Collection[str]) -> set[str]:
    """Return those of some applications of which a decision was taken back."""
    rows = AppealRow.objects.filter(application_id__in=list(application_ids))
    upheld = rows.filter(state=AppealState.UPHELD.value)
    return set(upheld.values_list("application_id", flat=True))


def list_appeals(
    *, state: AppealState | None = None, after: str = "", limit: int = 100
) -> list[Appeal]:
    """Return appeals in the order of their ids, from the one after `after` on."""
    rows = AppealRow.objects.filter(id__gt=after).order_by("id")
    if state is not None:
        rows = rows.filter(state=state.value)
    return [_from_row(row) for row in rows[:limit]]


def create_rebuttal(rebuttal: Rebuttal) -> None:
    """Write the answer to the reviews of an application."""
    RebuttalRow.objects.create(
        application_id=rebuttal.application_id,
        reviewed_at=rebuttal.reviewed_at,
        text=rebuttal.text,
        written_by=rebuttal.written_by,
        written_at=rebuttal.written_at,
    )


def find_rebuttal(application_id: str, reviewed_at: datetime | None) -> Rebuttal | None:
    """Return the answer to the reviews that were complete at an instant, or None."""
    rows = RebuttalRow.objects.filter(application_id=application_id, reviewed_at=reviewed_at)
    row = rows.first()
    return None if row is None else _rebuttal(row)


def list_rebuttals_to(applications: Iterable[Application]) -> dict[str, Rebuttal]:
    """Return, by application, the answers to the reviews that count now."""
    reviewed_at = {each.id: each.reviewed_at for each in applications}
    rows = RebuttalRow.objects.filter(application_id__in=list(reviewed_at))
    return {
        row.application_id: _rebuttal(row)
        for row in rows
        if row.reviewed_at == reviewed_at[row.application_id]
    }


def _get(rows: "models.QuerySet[AppealRow]", appeal_id: str) -> Appeal:
    row = rows.first()
    if row is None:
        raise NotFound(kind="appeal", id=appeal_id)
    return _from_row(row)


def _rebuttal(row: RebuttalRow) -> Rebuttal:
    return Rebuttal(
        application_id=row.application_id,
        reviewed_at=row.reviewed_at,
        text=row.text,
        written_by=row.written_by,
        written_at=row.written_at,
    )


def _from_row(row: AppealRow) -> Appeal:
    assessment = row.appealed_assessment
    return Appeal(
        id=row.id,
        application_id=row.application_id,
        reason=row.reason,
        filed_by=row.filed_by,
        filed_at=row.filed_at,
        due_at=row.due_at,
        appealed_decision=Sentence.from_json(row.appealed_decision),
        appealed_by=row.appealed_by,
        appealed_at=row.appealed_at,
        appealed_assessment=from_plain(TechnicalAssessment, assessment) if assessment else None,
        state=AppealState(row.state),
        answer=row.answer,
        answered_by=row.answered_by,
        answered_at=row.answered_at,
    )
