"""Technical assessments, one for each application."""

from collections.abc import Collection

from django.db import models

from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.basics.refusals import NotFound


class TechnicalAssessmentRow(models.Model):
    """What the hosting entity says about an application."""

    application_id = models.CharField(max_length=40, primary_key=True)
    is_feasible = models.BooleanField()
    notes = models.TextField()
    assessed_by = models.CharField(max_length=40)
    assessed_at = models.DateTimeField()

    class Meta:
        app_label = "storage"
        db_table = "technical_assessment"


def save_assessment(assessment: TechnicalAssessment) -> None:
    """Write the assessment of an application; an earlier one is kept by the appeal against it."""
    TechnicalAssessmentRow.objects.update_or_create(
        application_id=assessment.application_id,
        defaults={
            "is_feasible": assessment.is_feasible,
            "notes": assessment.notes,
            "assessed_by": assessment.assessed_by,
            "assessed_at": assessment.assessed_at,
        },
    )


def find_assessment(application_id: str) -> TechnicalAssessment | None:
    """Return the assessment of an application, or None."""
    return list_assessments([application_id]).get(application_id)


def list_assessments(application_ids: Collection[str]) -> dict[str, TechnicalAssessment]:
    """Return the assessments of some applications, by application."""
    rows = TechnicalAssessmentRow.objects.filter(application_id__in=list(application_ids))
    return {
        row.application_id: TechnicalAssessment(
            application_id=row.application_id,
            is_feasible=row.is_feasible,
            notes=row.notes,
            assessed_by=row.assessed_by,
            assessed_at=row.assessed_at,
        )
        for row in rows
    }


def get_assessment(application_id: str) -> TechnicalAssessment:
    """Return the assessment of an application; `NotFound` when there is none."""
    assessment = find_assessment(application_id)
    if assessment is None:
        raise NotFound(kind="assessment of application", id=application_id)
    return assessment
