"""Access modes: in force on a day, every version, and a new one."""

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from allmende import wiring
from allmende.domain.access.modes import (
    AccessMode,
    Calendar,
    Experience,
    Price,
    Route,
    Selection,
)
from allmende.domain.access.review_plans import Criterion, ReviewPlan
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import modes
from allmende.services.modes import ModeVersion
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import Amount, BodyId, Line, PathId
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["calls"])

Count = Annotated[int, Field(ge=0, le=10_000)]
# A text in both languages: {"en": "…", "de": "…"}.
Said = Annotated[str, Field(max_length=600, pattern=r"^[^\x00-\x1f\x7f]*$")]
Texts = dict[Annotated[str, Field(pattern="^(en|de)$")], Said]
Day = Annotated[date | None, Query(description="A day in Berlin; today where it is left out.")]


class CriterionShape(Schema):
    """One thing that is scored from 0 to 5."""

    id: BodyId
    names: Texts
    weight: Count = 1
    threshold: Count = 0


class PlanShape(Schema):
    """How experts review; working days count from the cut-off."""

    criteria: tuple[CriterionShape, ...]
    tie_breaks: tuple[BodyId, ...] = ()
    sum_threshold: Count = 0
    reviews_per_application: Count
    assessment_working_days: Count
    review_working_days: Count
    panel_working_days: Count
    rebuttal_working_days: Count = 0
    source: Line
    checked_on: date | None = None
    note: Annotated[str, Field(max_length=500)] = ""


class ModeIn(Schema):
    """A version of a mode, whole; it begins on `valid_from`, at midnight in Berlin."""

    names: Texts
    audience: Texts
    routes: tuple[Route, ...]
    unit: TimeUnit
    size_min_seconds: Amount = 1
    size_max_seconds: Amount | None = None
    durations_months: tuple[Count, ...]
    calendar: Calendar
    decision_working_days: Count
    selection: Selection
    experience: Experience = Experience.NEW
    criteria: tuple[Line, ...] = ()
    review: PlanShape | None = None
    price: Price = Price.FREE
    access_share: BodyId = "union"
    valid_from: date
    source: Line
    note: Annotated[str, Field(max_length=500)] = ""

    def to_mode(self, mode_id: str, *, today: date) -> AccessMode:
        """Return the version, looked at today."""
        said = {**self.dict(), "routes": frozenset(self.routes)}
        if self.review is not None:
            plan = self.review.dict()
            criteria = tuple(Criterion(**each) for each in plan.pop("criteria"))
            plan["checked_on"] = plan["checked_on"] or today
            said["review"] = ReviewPlan(criteria=criteria, **plan)
        return AccessMode(id=mode_id, checked_on=today, **said)


class ModeOut(Schema):
    """A version of a mode, in force up to, but not including, `valid_to`."""

    id: str
    names: dict[str, str]
    audience: dict[str, str]
    routes: list[Route]
    unit: TimeUnit
    size_min_seconds: int
    size_max_seconds: int | None
    durations_months: list[int]
    calendar: Calendar
    decision_working_days: int
    selection: Selection
    experience: Experience
    criteria: list[str]
    review: PlanShape | None
    price: Price
    access_share: str
    valid_from: date
    valid_to: date | None
    source: str
    checked_on: date
    note: str


class ChangeOut(Schema):
    """What a field was and is."""

    field: str
    before: Any
    after: Any


class VersionOut(Schema):
    """A version, what it changed, and who wrote it; those of the configuration have no author."""

    mode: ModeOut
    changes: list[ChangeOut]
    added_at: datetime | None
    added_by: str


@router.get("", response=list[ModeOut], **takes(Permission.SEE_FACTORY))
def list_modes(request: HttpRequest, on: Day = None) -> Any:
    """List the access modes in force on a day."""
    day = on or day_of(wiring.now())
    return modes.list_modes(get_actor(request), rules=load_access_rules(), on=day)


@router.get("/{mode_id}/versions", response=list[VersionOut], **takes(Permission.SEE_MODES))
def list_versions(request: HttpRequest, mode_id: PathId) -> list[ModeVersion]:
    """List every version of a mode, the latest first."""
    return modes.list_versions(get_actor(request), mode_id, rules=load_access_rules())


@router.post("/{mode_id}/versions", response={201: ModeOut}, **takes(Permission.EDIT_MODES))
def add_version(request: HttpRequest, mode_id: PathId, body: ModeIn) -> Status[Any]:
    """Add a version of a mode, or a new mode. The same once more changes nothing.

    It begins today at the earliest, and after every version that stands already.
    """
    deed = begin_deed(request)
    mode = body.to_mode(mode_id, today=day_of(deed.now))
    return Status(201, modes.add_mode_version(deed, mode, rules=load_access_rules()))
