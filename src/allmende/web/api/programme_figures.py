"""Figures of the programme: all of them for the office, and what everybody may read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema
from pydantic import Field

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.programme_figures import Dimension, Hours, Stage, sum_hours
from allmende.domain.access.spans import parse_span
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import access_years, programme_figures
from allmende.services.programme_figures import ProjectHours, PublicFigure
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, page_of
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["figures"])

SpanName = Annotated[
    str,
    Query(max_length=7, description="A year, a quarter or a month: 2026, 2026-Q3 or 2026-07."),
]
OptionalId = Annotated[str, Query(pattern=r"^[A-Za-z0-9._:-]{0,80}$")]


class FunnelOut(Schema):
    """How many applications of a call reached each stage."""

    call_id: str
    mode_id: str
    counts: dict[Stage, int]


class LateOut(Schema):
    """A decision that came late, or is missing."""

    application_id: str
    due_at: datetime
    decided_at: datetime | None


class TimesOut(Schema):
    """How long decisions of a mode took, in working days."""

    mode_id: str
    decided: int
    missing: int
    in_time: int
    median_days: int | None
    nine_in_ten_days: int | None
    late: list[LateOut]


class HoursOut(Schema):
    """Time by the properties that were asked for; the others are empty."""

    partition_id: str
    access_share: str
    mode_id: str
    user_category: str
    size_class: str
    country: str
    sector: str
    month: str
    unit: TimeUnit
    granted_seconds: int
    used_seconds: int
    expired_seconds: int


class FiguresOut(Schema):
    """Everything that the office reads of a span."""

    span: str = Field(alias="span.name")
    funnels: list[FunnelOut]
    times: list[TimesOut]
    hours: list[HoursOut]


class CountedOut(Schema):
    """An application that a figure counts."""

    id: str
    call_id: str
    organisation_id: str
    state: ApplicationState
    submitted_at: datetime
    decided_at: datetime | None


class ProjectHoursOut(Schema):
    """The time of one project on one machine that a figure is made of."""

    project_id: str
    application_id: str
    organisation_id: str
    hours: HoursOut


class PublicTableOut(Schema):
    """Named categories, the others together, and the sum; null where nothing may be said."""

    named: dict[str, int]
    others: int | None
    total: int | None


class PublicFigureOut(Schema):
    """One figure of a quarter by each property; without a unit it counts applications."""

    name: str
    unit: TimeUnit | None
    tables: dict[Dimension, PublicTableOut]


class AccessYearOut(Schema):
    """The data of a year, its files as text, and the manifest that names their digests."""

    data: dict[str, Any]
    files: dict[str, str]
    manifest: dict[str, Any]


@router.get("/figures", response=list[PublicFigureOut], **takes(Permission.SEE_FACTORY))
def get_public_figures(request: HttpRequest, span: SpanName) -> list[PublicFigure]:
    """Return the figures of a quarter that is over; none stands for fewer than five."""
    reader = get_actor(request)
    return programme_figures.get_public_figures(reader, parse_span(span), now=now())


@router.get("/programme/figures", response=FiguresOut, **takes(Permission.SEE_FIGURES))
def get_figures(
    request: HttpRequest,
    span: SpanName,
    by: Annotated[list[Dimension], Query(max_length=8)] = [],  # noqa: B006 - never changed
) -> dict[str, Any]:
    """Return the figures of a span, the hours by some properties, or by all of them."""
    figures = programme_figures.get_figures(get_actor(request), parse_span(span), now=now())
    hours = sum_hours(figures.hours, by) if by else figures.hours
    return {
        "span.name": figures.span.name,
        "funnels": figures.funnels,
        "times": figures.times,
        "hours": hours,
    }


@router.get(
    "/programme/figures/applications",
    response=Page[CountedOut],
    **takes(Permission.SEE_FIGURES),
)
def list_applications(
    request: HttpRequest,
    span: SpanName,
    stage: Stage,
    mode_id: OptionalId = "",
    call_id: OptionalId = "",
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List the applications that a number counts; drafts are their applicants' alone."""
    found = programme_figures.list_applications(
        get_actor(request),
        parse_span(span),
        stage,
        mode_id=mode_id,
        call_id=call_id,
        after=after,
        limit=limit,
    )
    return page_of(found, limit=limit, key=lambda each: each.id)


class Wanted(Schema):
    """The properties that a project's time must have; those that are left out may be any."""

    partition_id: OptionalId | None = None
    access_share: OptionalId | None = None
    mode_id: OptionalId | None = None
    user_category: OptionalId | None = None
    size_class: OptionalId | None = None
    country: OptionalId | None = None
    sector: OptionalId | None = None
    month: OptionalId | None = None


@router.get(
    "/programme/figures/projects",
    response=list[ProjectHoursOut],
    **takes(Permission.SEE_FIGURES),
)
def list_projects(
    request: HttpRequest,
    span: SpanName,
    wanted: Annotated[Wanted, Query()],
    after: After = "",
    limit: Limit = 50,
) -> list[dict[str, Any]]:
    """List the projects behind a number of hours, after the project with that id."""
    asked: Mapping[Dimension, str] = {
        Dimension(name): value for name, value in wanted.dict(exclude_none=True).items()
    }
    found = programme_figures.list_project_hours(
        get_actor(request), parse_span(span), asked, after=after, limit=limit
    )
    return [_project_to_json(each) for each in found]


@router.get("/programme/years/{year}", response=AccessYearOut, **takes(Permission.SEE_FIGURES))
def get_year(
    request: HttpRequest, year: Annotated[int, Path(ge=2000, le=2099)]
) -> access_years.AccessYear:
    """Return the data on the access time of a year, due by 31 January."""
    rules = load_access_rules()
    return access_years.build_year(get_actor(request), year, rules=rules, now=now())


def _project_to_json(each: ProjectHours) -> dict[str, Any]:
    hours: Hours = each.hours
    return {
        "project_id": each.subject.project_id,
        "application_id": each.subject.application_id,
        "organisation_id": each.subject.organisation_id,
        "hours": hours,
    }
