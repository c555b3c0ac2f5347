"""What reviewers do: their profile, their invitations, their reviews."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from allmende.domain.access.application_forms import ApplicationForm
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.expert_reviews import Opinion, Review, ReviewState
from allmende.domain.access.reviewers import LOAD_MAX, ConflictKind, ReviewerProfile
from allmende.domain.trust.permissions import Permission
from allmende.services import expert_reviews, reviewers
from allmende.services.expert_reviews import Invitation, ReviewFile
from allmende.services.reviewers import ReviewerView
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, BodyId, Limit, Line, Page, PathId, Text, page_of
from allmende.wiring import now

router = Router(tags=["reviews"])


class OpinionOut(Schema):
    """What is said on one criterion; the score is null where there is none to see."""

    criterion_id: str
    score: int | None
    text: str


class OpinionIn(Schema):
    """A score from 0 to 5 and a text of at most 600 characters; null and empty are "not yet"."""

    criterion_id: BodyId
    score: Annotated[int, Field(ge=0, le=5)] | None = None
    text: Text = ""


class OpinionsIn(Schema):
    """What is said on some or all criteria; the others stay as they are."""

    opinions: Annotated[list[OpinionIn], Field(default_factory=list)]


class ReviewOut(Schema):
    """A review; whose it is stays empty for other reviewers."""

    id: str
    application_id: str
    reviewer_id: str
    state: ReviewState
    opinions: list[OpinionOut]
    conflict: ConflictKind | None
    invited_at: datetime
    answered_at: datetime | None
    submitted_at: datetime | None


class InvitationOut(Schema):
    """A review of one's own, with what is needed to see a conflict before the file opens."""

    review: ReviewOut
    title: str
    organisation_name: str
    principal_investigator: str
    due_at: datetime | None
    application_state: ApplicationState


class CriterionOut(Schema):
    """A criterion; `threshold` is the least mean score that is enough."""

    id: str
    names: dict[str, str]
    weight: int
    threshold: int


class FileOut(Schema):
    """What a reviewer works with; `others` is empty until all reviews are in."""

    form: ApplicationForm = Field(alias="application.form")
    organisation_name: str = Field(alias="application.frozen.organisation.name")
    criteria: list[CriterionOut] = Field(alias="plan.criteria")
    review: ReviewOut
    others: list[ReviewOut]


class AnswerIn(Schema):
    """Whether one reviews the application."""

    accepts: bool


class ProfileIn(Schema):
    """What a reviewer says about themselves."""

    keywords: list[Line]
    affiliation: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    worked_with: Annotated[list[Line], Field(default_factory=list)]
    load_limit: Annotated[int, Field(ge=1, le=LOAD_MAX)] = 3


class ProfileOut(Schema):
    """What a reviewer says about themselves."""

    person_id: str
    keywords: list[str]
    affiliation: str
    worked_with: list[str]
    load_limit: int


class ReviewerOut(Schema):
    """A reviewer, for the office."""

    person_id: str = Field(alias="person.id")
    name: str = Field(alias="person.name")
    profile: ProfileOut
    open_reviews: int
    free_load: int


@router.get("/reviewers", response=list[ReviewerOut], **takes(Permission.MANAGE_REVIEWS))
def list_reviewers(request: HttpRequest) -> list[ReviewerView]:
    """List everybody who reviews, and how much more they take."""
    return reviewers.list_reviewers(get_actor(request), now=now())


@router.get("/reviewers/me", response=ProfileOut, **takes(Permission.SEE_REVIEW))
def get_own_profile(request: HttpRequest) -> ReviewerProfile:
    """Return your profile as a reviewer."""
    return reviewers.get_own_profile(get_actor(request), now=now())


@router.put("/reviewers/me", response=ProfileOut, **takes(Permission.WRITE_REVIEW))
def save_profile(request: HttpRequest, body: ProfileIn) -> ReviewerProfile:
    """Write your profile as a reviewer."""
    return reviewers.save_profile(begin_deed(request), **body.dict())


@router.get("/reviews", response=Page[InvitationOut], **takes(Permission.SEE_REVIEW))
def list_invitations(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List what you were asked to review."""
    found = expert_reviews.list_invitations(get_actor(request), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda invitation: invitation.review.id)


@router.get("/reviews/{application_id}", response=InvitationOut, **takes(Permission.SEE_REVIEW))
def get_invitation(request: HttpRequest, application_id: PathId) -> Invitation:
    """Return what is asked of you, before the file opens."""
    return expert_reviews.get_invitation(get_actor(request), application_id)


@router.get("/reviews/{application_id}/file", response=FileOut, **takes(Permission.SEE_REVIEW))
def open_file(request: HttpRequest, application_id: PathId) -> ReviewFile:
    """Open the file of an application that you agreed to review."""
    return expert_reviews.open_file(begin_deed(request), application_id)


@router.post(
    "/reviews/{application_id}/answer", response=ReviewOut, **takes(Permission.WRITE_REVIEW)
)
def answer_invitation(request: HttpRequest, application_id: PathId, body: AnswerIn) -> Review:
    """Accept or decline. Who has a conflict of interest is barred instead."""
    return expert_reviews.answer_invitation(begin_deed(request), application_id, **body.dict())


@router.post(
    "/reviews/{application_id}/conflict", response=ReviewOut, **takes(Permission.WRITE_REVIEW)
)
def declare_conflict(request: HttpRequest, application_id: PathId) -> Review:
    """Declare a conflict of interest: the file closes to you."""
    return expert_reviews.declare_conflict(begin_deed(request), application_id)


@router.put("/reviews/{application_id}", response=ReviewOut, **takes(Permission.WRITE_REVIEW))
def save_draft(request: HttpRequest, application_id: PathId, body: OpinionsIn) -> Review:
    """Save scores and texts as far as they are."""
    return expert_reviews.save_draft(
        begin_deed(request), application_id, opinions=read_opinions(body)
    )


@router.post(
    "/reviews/{application_id}/submit", response=ReviewOut, **takes(Permission.WRITE_REVIEW)
)
def submit_review(request: HttpRequest, application_id: PathId, body: OpinionsIn) -> Review:
    """Hand your review in, once and for good."""
    return expert_reviews.submit_review(
        begin_deed(request), application_id, opinions=read_opinions(body)
    )


@router.get(
    "/applications/{application_id}/reviews",
    response=list[ReviewOut],
    **takes(Permission.SEE_PANEL),
)
def list_reviews(request: HttpRequest, application_id: PathId) -> tuple[Review, ...]:
    """List the reviews of an application; none until all are in."""
    return expert_reviews.list_reviews(get_actor(request), application_id)


@router.get(
    "/applications/{application_id}/opinions",
    response=list[list[OpinionOut]],
    **takes(Permission.SEE_APPLICATION),
)
def list_opinions(request: HttpRequest, application_id: PathId) -> tuple[tuple[Opinion, ...], ...]:
    """Read what the experts wrote, after the decision: no names, no scores."""
    return expert_reviews.list_opinions(get_actor(request), application_id)


def read_opinions(body: OpinionsIn) -> list[Opinion]:
    """Return the opinions of a body as the domain takes them."""
    return [Opinion(**each.dict()) for each in body.opinions]
