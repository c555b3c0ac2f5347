"""Rounds with peer review: who reviews what, the ranking, and the end of the panel."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AfterValidator, Field

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.expert_reviews import Review, ReviewState
from allmende.domain.access.gates import Step, StepStatus, StepView, list_steps
from allmende.domain.access.reviewers import ConflictKind
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission
from allmende.services import applications, expert_reviews, panels, reviews
from allmende.services.panels import Assignment, RoundView
from allmende.web.api.expert_reviews import ReviewOut
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import BodyId, PathId
from allmende.wiring import now

router = Router(tags=["reviews"])


def _check_zone(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        problem = Sentence("Give the instant with its zone, such as 2026-12-11T09:00:00Z.")
        raise InvalidInput(field="cut_off_at", problem=problem)
    return instant


Instant = Annotated[datetime, AfterValidator(_check_zone)]


class RoundOut(Schema):
    """A call, one of its cut-offs, and how many applications stand where."""

    call_id: str = Field(alias="call.id")
    cut_off_at: datetime
    counts: dict[ApplicationState, int]


class RoundIn(Schema):
    """Which round of the call."""

    cut_off_at: Instant


class ReviewerIn(Schema):
    """Whom to ask."""

    reviewer_id: BodyId


class ChoiceOut(Schema):
    """A reviewer whom an application could have; the fit is in thousandths."""

    reviewer_id: str = Field(alias="reviewer.person.id")
    name: str = Field(alias="reviewer.person.name")
    fit_thousandths: int = Field(alias="fit.thousandths")
    shared_words: list[str] = Field(alias="fit.words")
    free_load: int = Field(alias="reviewer.free_load")
    conflict: ConflictKind | None
    is_proposed: bool


class AskedOut(Schema):
    """A reviewer who was asked; no scores."""

    reviewer_id: str
    name: str
    state: ReviewState


class AssignmentOut(Schema):
    """An application with those who were asked and those who could be."""

    application_id: str = Field(alias="application.id")
    wanted: int
    lacking: int
    asked: list[AskedOut]
    choices: list[ChoiceOut]


class StandingOut(Schema):
    """How an application stands; rank 0 means below a threshold."""

    application_id: str
    rank: int
    means: dict[str, float]
    total: float
    spread: float
    failed: list[str]
    proposed_seconds: int


class CalibrationOut(Schema):
    """How a reviewer scores beside the others on the same applications."""

    reviewer_id: str
    reviews: int
    mean_total: float
    deviation: float | None


class PanelOut(Schema):
    """The ranking of a round; applications whose reviews are not all in are only named."""

    standings: list[StandingOut]
    calibrations: list[CalibrationOut]
    waiting: list[str]
    capacity_seconds: int
    can_close: bool
    rebuttals_end_at: datetime | None


class StepOut(Schema):
    """A step with its clock; `due_at` is the first instant at which it is late."""

    step: Step
    status: StepStatus
    due_at: datetime | None
    done_at: datetime | None


@router.get("/rounds", response=list[RoundOut], **takes(Permission.SEE_PANEL))
def list_rounds(request: HttpRequest) -> list[RoundView]:
    """List the rounds of all calls with peer review."""
    return panels.list_rounds(get_actor(request))


@router.get("/rounds/{call_id}", response=PanelOut, **takes(Permission.SEE_PANEL))
def get_panel(
    request: HttpRequest, call_id: PathId, cut_off_at: Annotated[Instant, Query()]
) -> dict[str, Any]:
    """Return the ranking of a round, under what its call has to give."""
    panel = panels.get_panel(get_actor(request), call_id, cut_off_at, now=now())
    return {**vars(panel), "waiting": [each.id for each in panel.waiting]}


@router.get(
    "/rounds/{call_id}/assignments",
    response=list[AssignmentOut],
    **takes(Permission.MANAGE_REVIEWS),
)
def list_assignments(
    request: HttpRequest, call_id: PathId, cut_off_at: Annotated[Instant, Query()]
) -> list[Assignment]:
    """Propose who reviews what: the best fit in all, without conflicts, within the loads."""
    return panels.list_assignments(get_actor(request), call_id, cut_off_at, now=now())


@router.post("/rounds/{call_id}/close", response=list[str], **takes(Permission.MANAGE_REVIEWS))
def close_panel(request: HttpRequest, call_id: PathId, body: RoundIn) -> list[str]:
    """Close the panel of a round; return the applications, the best first."""
    return panels.close_panel(begin_deed(request), call_id, body.cut_off_at)


@router.post("/rounds/{call_id}/conflicts", response=int, **takes(Permission.MANAGE_REVIEWS))
def recheck_conflicts(request: HttpRequest, call_id: PathId, body: RoundIn) -> int:
    """Recuse everybody who has a conflict by now; return how many there were."""
    return panels.recheck_conflicts(begin_deed(request), call_id, body.cut_off_at)


@router.post(
    "/applications/{application_id}/reviewers",
    response=ReviewOut,
    **takes(Permission.MANAGE_REVIEWS),
)
def invite_reviewer(request: HttpRequest, application_id: PathId, body: ReviewerIn) -> Review:
    """Ask an expert to review an application; asking again changes nothing."""
    return panels.invite_reviewer(begin_deed(request), application_id, **body.dict())


@router.post(
    "/applications/{application_id}/reviewers/{person_id}/call-off",
    response=ReviewOut,
    **takes(Permission.MANAGE_REVIEWS),
)
def call_off_review(request: HttpRequest, application_id: PathId, person_id: PathId) -> Review:
    """Take back an invitation, or a review that does not come."""
    return panels.call_off_review(begin_deed(request), application_id, reviewer_id=person_id)


@router.post(
    "/applications/{application_id}/reviewers/{person_id}/recuse",
    response=ReviewOut,
    **takes(Permission.MANAGE_REVIEWS),
)
def recuse_reviewer(request: HttpRequest, application_id: PathId, person_id: PathId) -> Review:
    """Close the file to a reviewer because the office found a conflict of interest."""
    return expert_reviews.recuse_reviewer(
        begin_deed(request), application_id, reviewer_id=person_id
    )


@router.get(
    "/applications/{application_id}/steps",
    response=list[StepOut],
    **takes(Permission.SEE_APPLICATION),
)
def show_steps(request: HttpRequest, application_id: PathId) -> tuple[StepView, ...]:
    """Return the steps of an application with their clocks; none for a draft."""
    reader = get_actor(request)
    application = applications.get_application(reader, application_id)
    return list_steps(application, reviews.find_technical_assessment(reader, application_id))
