"""Answers to reviews before the panel, and appeals against decisions."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from allmende.domain.access import appeals as domain
from allmende.domain.access import rebuttals as answers
from allmende.domain.access.appeals import Appeal, AppealState
from allmende.domain.access.rebuttals import Rebuttal
from allmende.domain.trust.permissions import Permission
from allmende.services import appeals, rebuttals
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, Words, page_of
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["appeals"])


class AppealIn(Schema):
    """Why the decision is wrong."""

    reason: Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4 * domain.REASON_MAX)]


class AnswerIn(Schema):
    """Whether the decision is taken back, and why; the applicant reads it."""

    is_upheld: bool
    answer: Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4 * domain.REASON_MAX)]


class AppealOut(Schema):
    """An appeal; `due_at` is the first instant at which its answer is late."""

    id: str
    application_id: str
    state: AppealState
    reason: str
    filed_at: datetime
    due_at: datetime
    appealed_decision: Words
    appealed_at: datetime
    answer: str
    answered_at: datetime | None


class RebuttalIn(Schema):
    """What the applicant says to the experts' texts."""

    text: Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4 * answers.TEXT_MAX)]


class RebuttalOut(Schema):
    """The answer to the reviews that were complete at `reviewed_at`."""

    application_id: str
    reviewed_at: datetime
    text: str
    written_at: datetime


@router.get(
    "/applications/{application_id}/rebuttal",
    response=RebuttalOut | None,
    **takes(Permission.SEE_APPLICATION),
)
def find_rebuttal(request: HttpRequest, application_id: PathId) -> Rebuttal | None:
    """Return the applicant's answer to the reviews that count now; null where there is none."""
    return rebuttals.find_rebuttal(get_actor(request), application_id)


@router.post(
    "/applications/{application_id}/rebuttal",
    response={201: RebuttalOut},
    **takes(Permission.ANSWER_REVIEWS),
)
def answer_reviews(
    request: HttpRequest, application_id: PathId, body: RebuttalIn
) -> Status[Rebuttal]:
    """Answer the reviews of your application before the panel ranks, once."""
    return Status(201, rebuttals.answer_reviews(begin_deed(request), application_id, **body.dict()))


@router.get(
    "/applications/{application_id}/appeals",
    response=list[AppealOut],
    **takes(Permission.SEE_APPLICATION),
)
def list_appeals_of(request: HttpRequest, application_id: PathId) -> list[Appeal]:
    """List the appeals on an application, the earliest first."""
    return appeals.list_appeals_of(get_actor(request), application_id)


@router.post(
    "/applications/{application_id}/appeals",
    response={201: AppealOut},
    **takes(Permission.FILE_APPEAL),
)
def file_appeal(request: HttpRequest, application_id: PathId, body: AppealIn) -> Status[Appeal]:
    """Appeal against the decision on your application, once for each decision."""
    filed = appeals.file_appeal(
        begin_deed(request), application_id, rules=load_access_rules(), **body.dict()
    )
    return Status(201, filed)


@router.get("/appeals", response=Page[AppealOut], **takes(Permission.SEE_APPEAL))
def list_appeals(
    request: HttpRequest,
    state: Annotated[AppealState | None, Query()] = None,
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List all appeals."""
    found = appeals.list_appeals(get_actor(request), state=state, after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda appeal: appeal.id)


@router.post("/appeals/{appeal_id}/answer", response=AppealOut, **takes(Permission.ANSWER_APPEAL))
def answer_appeal(request: HttpRequest, appeal_id: PathId, body: AnswerIn) -> Appeal:
    """Take the decision back, or let it stand; not by whom it was taken."""
    return appeals.answer_appeal(
        begin_deed(request), appeal_id, rules=load_access_rules(), **body.dict()
    )
