"""Reviews of an application: its eligibility where the rules leave it open, and if it will run."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from allmende.domain.access.applications import Application
from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.trust.permissions import Permission
from allmende.services import reviews
from allmende.web.api.applications import ApplicationOut
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import PathId, Text
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["reviews"])


class EligibilityDecisionIn(Schema):
    """A decision on eligibility, in words that the applicant reads."""

    is_eligible: bool
    why: Text


class AssessmentIn(Schema):
    """Whether the project will run on the partition; notes are needed where it will not."""

    is_feasible: bool
    notes: Text = ""


class AssessmentOut(Schema):
    """What the hosting entity found."""

    application_id: str
    is_feasible: bool
    notes: str
    assessed_by: str
    assessed_at: datetime


@router.post(
    "/{application_id}/eligibility",
    response=ApplicationOut,
    **takes(Permission.AWARD_APPLICATION),
)
def record_eligibility(
    request: HttpRequest, application_id: PathId, body: EligibilityDecisionIn
) -> Application:
    """Decide on eligibility where the rules leave it to a person."""
    return reviews.record_eligibility(
        begin_deed(request), application_id, **body.dict(), rules=load_access_rules()
    )


@router.post(
    "/{application_id}/assessment",
    response=ApplicationOut,
    **takes(Permission.ASSESS_APPLICATION),
)
def record_technical_assessment(
    request: HttpRequest, application_id: PathId, body: AssessmentIn
) -> Application:
    """Record whether the project will run on the partition."""
    return reviews.record_technical_assessment(begin_deed(request), application_id, **body.dict())


@router.get(
    "/{application_id}/assessment",
    response=AssessmentOut | None,
    **takes(Permission.SEE_APPLICATION),
)
def find_technical_assessment(
    request: HttpRequest, application_id: PathId
) -> TechnicalAssessment | None:
    """Return the technical assessment, null while there is none."""
    return reviews.find_technical_assessment(get_actor(request), application_id)
