"""Requests of running projects for more months or hours."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from allmende.domain.access.changes import REASON_MAX, ChangeState, ProjectChange
from allmende.domain.access.conversions import MachineHour
from allmende.domain.basics.units import HOURS_MAX, SECONDS_PER_HOUR, TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import changes
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, Words, page_of
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["projects"])

Reason = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4 * REASON_MAX)]
PartitionId = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=40)]
Months = Annotated[int, Field(ge=0, le=1200)]
Seconds = Annotated[int, Field(ge=0, le=HOURS_MAX * SECONDS_PER_HOUR)]


class ChangeIn(Schema):
    """How much more, and why; time in seconds of the project's unit.

    With `partition_id`, in seconds of that partition, and `back_seconds` of the award go back.
    """

    months: Months = 0
    seconds: Seconds = 0
    reason: Reason
    partition_id: PartitionId = ""
    back_seconds: Seconds = 0


class ApproveIn(Schema):
    """What is given, and what goes back; null: all that was asked for, or offered."""

    months: Months | None = None
    seconds: Seconds | None = None
    back_seconds: Seconds | None = None
    answer: Reason = ""


class DeclineIn(Schema):
    """Why not; the project reads it."""

    answer: Reason


class ChangeOut(Schema):
    """A request: what was asked, and what was given."""

    id: str
    project_id: str
    state: ChangeState
    months: int
    seconds: int
    reason: str
    asked_at: datetime
    given_months: int
    given_seconds: int
    answer: str
    answered_at: datetime | None
    notice: list[Words]
    partition_id: str
    back_seconds: int
    given_back_seconds: int
    comparison: list[Words]


class PlaceOut(Schema):
    """Another partition on which a project can ask for hours; the sentence says what one is."""

    partition_id: str
    unit: TimeUnit
    hardware: str
    cents_per_hour: int
    sentence: Words

    @staticmethod
    def resolve_cents_per_hour(hour: MachineHour) -> int:
        """Return the reference price."""
        return hour.price.cents_per_hour


@router.get(
    "/projects/{project_id}/changes", response=list[ChangeOut], **takes(Permission.SEE_PROJECT)
)
def list_changes_of(request: HttpRequest, project_id: PathId) -> list[ProjectChange]:
    """List what a project asked for, the latest first."""
    return changes.list_changes_of(get_actor(request), project_id)


@router.post(
    "/projects/{project_id}/changes",
    response={201: ChangeOut},
    **takes(Permission.ASK_FOR_CHANGE),
)
def ask_for_change(
    request: HttpRequest, project_id: PathId, body: ChangeIn
) -> Status[ProjectChange]:
    """Ask for a later end, or more hours; the same while it waits is the same request."""
    rules = load_access_rules()
    asked = changes.ask_for_change(begin_deed(request), project_id, rules=rules, **body.dict())
    return Status(201, asked)


@router.get(
    "/projects/{project_id}/places", response=list[PlaceOut], **takes(Permission.SEE_PROJECT)
)
def list_places(request: HttpRequest, project_id: PathId) -> list[MachineHour]:
    """List the other partitions on which a project can ask for hours, and what one is there."""
    rules = load_access_rules()
    return changes.list_places(get_actor(request), project_id, rules=rules, now=now())


@router.get("/changes", response=Page[ChangeOut], **takes(Permission.SEE_EVERY_PROJECT))
def list_changes(
    request: HttpRequest,
    state: Annotated[ChangeState | None, Query()] = None,
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """List the requests of all projects."""
    found = changes.list_changes(get_actor(request), state=state, after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda change: change.id)


@router.post("/changes/{change_id}/approve", response=ChangeOut, **takes(Permission.ANSWER_CHANGE))
def approve_change(request: HttpRequest, change_id: PathId, body: ApproveIn) -> ProjectChange:
    """Give what was asked for, or a part; refused where a ceiling, the pool or aid says no.

    Where the mode asks for it, only on an accepted interim report.
    """
    rules = load_access_rules()
    return changes.approve_change(begin_deed(request), change_id, rules=rules, **body.dict())


@router.post("/changes/{change_id}/decline", response=ChangeOut, **takes(Permission.ANSWER_CHANGE))
def decline_change(request: HttpRequest, change_id: PathId, body: DeclineIn) -> ProjectChange:
    """Say no, with the reason."""
    return changes.decline_change(begin_deed(request), change_id, answer=body.answer)


@router.post(
    "/changes/{change_id}/withdraw", response=ChangeOut, **takes(Permission.ASK_FOR_CHANGE)
)
def withdraw_change(request: HttpRequest, change_id: PathId) -> ProjectChange:
    """Take a request back."""
    return changes.withdraw_change(begin_deed(request), change_id)
