"""A technical assessment says whether a project will run on the partition that it asks for."""

from dataclasses import dataclass
from datetime import datetime

from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence


class OwnApplication(Refusal):
    """You belong to the organisation that applies. Ask a colleague to decide instead."""

    status = 403


@dataclass(frozen=True, kw_only=True)
class TechnicalAssessment:
    """The opinion of the hosting entity."""

    application_id: str
    is_feasible: bool
    notes: str
    assessed_by: str
    assessed_at: datetime


def check_assessment(assessment: TechnicalAssessment) -> None:
    """Refuse a no without a word: the applicant has a right to the reason."""
    if not assessment.is_feasible and not assessment.notes.strip():
        raise InvalidInput(
            field="notes", problem=Sentence("Say what stands in the way; the applicant reads it.")
        )
