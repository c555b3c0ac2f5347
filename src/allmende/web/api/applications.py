"""Applications: start, fill in, hand in, take back."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema, Status
from pydantic import (
    Field,
    FiniteFloat,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from allmende import wiring
from allmende.domain.access.application_forms import ApplicationForm, Finding, Section
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission
from allmende.services import applications
from allmende.web.api.eligibility import EligibilityOut
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, BodyId, Limit, Page, PathId, Text, Words, page_of
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["applications"])


class ConsentOut(Schema):
    """What was declared at the hand-in: the very words, their version and their hash."""

    name: str
    is_given: bool
    version: str
    texts: dict[str, str]
    content_hash: str
    answered_by: str
    answered_at: datetime


class ApplicationOut(Schema):
    """An application; `due_at` is the first instant at which a decision is late."""

    id: str
    call_id: str
    organisation_id: str
    applicant_id: str
    state: ApplicationState
    form: ApplicationForm
    started_at: datetime
    edited_at: datetime
    submitted_at: datetime | None
    cut_off_at: datetime | None
    due_at: datetime | None
    reviewed_at: datetime | None
    ranked_at: datetime | None
    decided_at: datetime | None
    decision: Words | None
    eligibility: EligibilityOut | None = Field(default=None, alias="frozen.eligibility")
    declarations: list[ConsentOut] = Field(default=[], alias="frozen.declarations")


class ApplicationIn(Schema):
    """Under which call, for which organisation."""

    call_id: BodyId
    organisation_id: BodyId


class CopyIn(Schema):
    """Under which call the answers are used again."""

    call_id: BodyId


class FindingOut(Schema):
    """An answer that is missing or wrong."""

    section: Section
    field: str
    sentence: Words


UNFIT = Sentence("Give true, false, a number, a text, a list of texts or of rows, or null.")


def _read_changes(body: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Say of an answer that fits nothing what would fit, instead of why each kind does not."""
    try:
        return read(body)
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        if not place:
            raise
        raise InvalidInput(field=str(place[0]), problem=UNFIT) from error


# An answer is typed by the question that it belongs to; the domain reads it.
Part = bool | int | FiniteFloat | Text | None
Answer = Part | list[Text] | list[dict[str, Part]]
# `based_on` stands among the answers: what the author of the change saw of them.
Changes = Annotated[
    dict[str, Answer | dict[str, Answer]],
    WrapValidator(_read_changes),
    Body(examples=[{"title": "Early signs", "based_on": {"title": "Signs"}}]),
]


def _part(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the answers, and what they are based on."""
    changes = dict(body)
    based_on = changes.pop("based_on", None)
    if based_on is not None and not isinstance(based_on, dict):
        raise InvalidInput(field="based_on", problem=Sentence("Give the answers as you read them."))
    for name, answer in changes.items():
        if isinstance(answer, dict):
            raise InvalidInput(field=name, problem=UNFIT)
    return changes, based_on


@router.get("", response=Page[ApplicationOut], **takes(Permission.SEE_APPLICATION))
def list_applications(
    request: HttpRequest,
    state: list[ApplicationState] = Query(default=[]),
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List applications: your organisations', or for the office all that were handed in."""
    found = applications.list_applications(
        get_actor(request), states=state, after=after, limit=limit
    )
    return page_of(found, limit=limit, key=lambda application: application.id)


@router.post("", response={201: ApplicationOut}, **takes(Permission.START_APPLICATION))
def start_application(request: HttpRequest, body: ApplicationIn) -> Status[Application]:
    """Start a draft under a call that is open, or will be."""
    return Status(201, applications.start_application(begin_deed(request), **body.dict()))


@router.get("/{application_id}", response=ApplicationOut, **takes(Permission.SEE_APPLICATION))
def get_application(request: HttpRequest, application_id: PathId) -> Application:
    """Return one application."""
    return applications.get_application(get_actor(request), application_id)


@router.patch("/{application_id}", response=ApplicationOut, **takes(Permission.EDIT_APPLICATION))
def edit_application(request: HttpRequest, application_id: PathId, body: Changes) -> Application:
    """Change some answers of a draft; `requested_hours` sets the size in hours.

    With `based_on`, the answers as you read them, an answer that somebody else has changed since
    is not replaced: 409 with both texts, and nothing is changed.
    """
    changes, based_on = _part(body)
    return applications.edit_application(
        begin_deed(request), application_id, changes=changes, based_on=based_on
    )


@router.get(
    "/{application_id}/findings",
    response=list[FindingOut],
    **takes(Permission.SEE_APPLICATION),
)
def list_findings(request: HttpRequest, application_id: PathId) -> tuple[Finding, ...]:
    """List what is still missing or wrong, section by section."""
    return applications.list_findings(
        get_actor(request), application_id, rules=load_access_rules(), now=wiring.now()
    )


@router.post(
    "/{application_id}/copy",
    response={201: ApplicationOut},
    **takes(Permission.START_APPLICATION),
)
def copy_application(
    request: HttpRequest, application_id: PathId, body: CopyIn
) -> Status[Application]:
    """Start a draft with the answers of an earlier application, without its declarations."""
    copied = applications.copy_application(
        begin_deed(request), application_id, call_id=body.call_id, rules=load_access_rules()
    )
    return Status(201, copied)


@router.post(
    "/{application_id}/submit", response=ApplicationOut, **takes(Permission.SUBMIT_APPLICATION)
)
def submit_application(request: HttpRequest, application_id: PathId) -> Application:
    """Hand a draft in: everything it rests on is frozen, and the rules decide at once."""
    return applications.submit_application(
        begin_deed(request), application_id, rules=load_access_rules()
    )


@router.post(
    "/{application_id}/withdraw",
    response=ApplicationOut,
    **takes(Permission.WITHDRAW_APPLICATION),
)
def withdraw_application(request: HttpRequest, application_id: PathId) -> Application:
    """Take an application back before it is decided."""
    return applications.withdraw_application(begin_deed(request), application_id)
