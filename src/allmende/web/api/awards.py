"""Awards: decisions that give time."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from allmende.domain.access.applications import Application
from allmende.domain.access.awards import Award
from allmende.domain.access.modes import Price
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import awards
from allmende.web.api.applications import ApplicationOut
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import (
    After,
    Amount,
    ClientKey,
    Limit,
    Page,
    PathId,
    Text,
    Words,
    page_of,
)
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.letters import render_letter

router = Router(tags=["awards"])


class PeriodOut(Schema):
    """Half-open: the end no longer belongs to it."""

    starts_at: datetime
    ends_at: datetime


class AwardOut(Schema):
    """How much time an application was given, at what price, on what ground."""

    id: str
    application_id: str
    project_id: str
    partition_id: str
    access_share: str
    mode_id: str
    unit: TimeUnit
    seconds: int
    price: Price
    price_cents_per_hour: int
    legal_basis: str
    period: PeriodOut
    granted_at: datetime
    granted_by: str
    letter: list[Words]
    condition: str
    condition_accepted_at: datetime | None
    condition_accepted_by: str


class AwardIn(Schema):
    """How much; null gives all that was asked for. A condition has to be accepted first."""

    seconds: Amount | None = None
    condition: Text = ""


class RefusalIn(Schema):
    """Why, in words that the applicant reads."""

    why: Text


@router.get("/awards", response=Page[AwardOut], **takes(Permission.SEE_EVERY_APPLICATION))
def list_awards(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List all awards."""
    found = awards.list_awards(get_actor(request), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda award: award.id)


@router.get("/awards/{award_id}", response=AwardOut, **takes(Permission.SEE_APPLICATION))
def get_award(request: HttpRequest, award_id: PathId) -> Award:
    """Return one award with its letter."""
    return awards.get_award(get_actor(request), award_id)


@router.get("/awards/{award_id}/letter", response=bytes, **takes(Permission.SEE_APPLICATION))
def get_letter(
    request: HttpRequest, award_id: PathId, language: Literal["en", "de"] | None = None
) -> HttpResponse:
    """Download the letter of an award as an accessible PDF: its organisation and the office.

    Without a language it is in the one that you are written to in.
    """
    reader = get_actor(request)
    award, spoken = awards.get_letter(reader, award_id), language or reader.language
    content = render_letter(award, authority=load_access_rules().authority, language=spoken)
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{award_id}-{spoken}.pdf"'
    return response


@router.post(
    "/applications/{application_id}/award",
    response={201: AwardOut},
    **takes(Permission.AWARD_APPLICATION),
)
def award_application(
    request: HttpRequest, application_id: PathId, client_key: ClientKey, body: AwardIn
) -> Status[Award]:
    """Give an assessed application its time; your key becomes the id of the award."""
    award = awards.award_application(
        begin_deed(request),
        application_id,
        rules=load_access_rules(),
        seconds=body.seconds,
        award_id=client_key,
        condition=body.condition,
    )
    return Status(201, award)


@router.post("/awards/{award_id}/accept", response=AwardOut, **takes(Permission.ACCEPT_AWARD))
def accept_condition(request: HttpRequest, award_id: PathId) -> Award:
    """Accept the condition of an award of yours: the project can start."""
    return awards.accept_condition(begin_deed(request), award_id)


@router.post(
    "/applications/{application_id}/refuse",
    response=ApplicationOut,
    **takes(Permission.REFUSE_APPLICATION),
)
def refuse_application(
    request: HttpRequest, application_id: PathId, body: RefusalIn
) -> Application:
    """Refuse an assessed application, in words that the applicant reads."""
    return awards.refuse_application(
        begin_deed(request), application_id, why=body.why, rules=load_access_rules()
    )
