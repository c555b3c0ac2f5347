"""Projects: the work under an award, its members and its budget."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from allmende import wiring
from allmende.domain.access.onboarding_steps import Sight, StepOwner
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.accounting.allocations import Budget
from allmende.domain.accounting.quotas import Priority
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import budgets, burn_downs, onboarding, projects
from allmende.services.burn_downs import BurnDownFigures
from allmende.services.onboarding import OnboardingView
from allmende.web.api.awards import PeriodOut
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import (
    ID_PATTERN,
    After,
    BodyId,
    Limit,
    Page,
    PathId,
    Text,
    Words,
    page_of,
)
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.factory import load_factory

router = Router(tags=["projects"])
MoreSeconds = Annotated[
    int,
    Query(ge=0, le=10**11, description="Say the priority with a job more, which would hold these."),
]


class ProjectOut(Schema):
    """Who works, where, for how long, with how much awarded time."""

    id: str
    name: str
    organisation_id: str
    application_id: str
    group_id: str
    partition_id: str
    access_share: str
    awarded_seconds: int
    period: PeriodOut
    state: ProjectState
    member_ids: list[str]
    suspended_because: Words | None


class BudgetOut(Schema):
    """How much a project has left, and where the rest went."""

    project_id: str
    partition_id: str
    access_share: str
    unit: TimeUnit
    awarded_seconds: int
    held_seconds: int
    consumed_seconds: int
    refunded_seconds: int
    expired_seconds: int
    available_seconds: int


class GrantOut(Schema):
    """A transfer of the ledger: time that was given, or below zero taken back."""

    id: str
    at: datetime
    seconds: int
    mode_id: str


class DayOut(Schema):
    """What had been awarded and used by an instant."""

    at: datetime
    awarded_seconds: int
    used_seconds: int


class BurnDownOut(Schema):
    """Time against the calendar; amounts are charged seconds, estimates say so in `method`."""

    project_id: str
    unit: TimeUnit
    at: datetime
    starts_at: datetime
    ends_at: datetime
    awarded_seconds: int
    used_seconds: int
    running_seconds: int
    committed_seconds: int
    expired_seconds: int
    left_seconds: int
    nodes_at_once: int
    possible_seconds: int
    certainly_lost_seconds: int
    lost_seconds_least: int
    lost_seconds_most: int
    used_up_at: datetime | None
    method: Words
    advice: Words
    quota_style: str
    priority: Priority
    priority_until: datetime
    priority_back_at: datetime | None
    priority_sentence: Words
    priority_left_seconds: int | None
    account_ids: list[str]
    grants: list[GrantOut]
    days: list[DayOut]


class StepOut(Schema):
    """A step before the start, and whether it is done; `seen_as`: the system sees it by itself."""

    id: str
    names: dict[str, str]
    done_by: StepOwner
    seen_as: Sight | None
    is_done: bool
    ticked_at: datetime | None
    ticked_by: str


class OnboardingOut(Schema):
    """What a project does before it starts, and when its time does."""

    project_id: str
    clock: Words
    is_done: bool
    steps: list[StepOut]


class ProjectMemberIn(Schema):
    """A person to work in the project."""

    person_id: BodyId


class SuspensionIn(Schema):
    """Why, in words that the members read."""

    why: Text


@router.get("", response=Page[ProjectOut], **takes(Permission.SEE_PROJECT))
def list_projects(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """List the projects that you may see."""
    found = projects.list_projects(get_actor(request), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda project: project.id)


@router.get("/{project_id}", response=ProjectOut, **takes(Permission.SEE_PROJECT))
def get_project(request: HttpRequest, project_id: PathId) -> Project:
    """Return one project."""
    return projects.get_project(get_actor(request), project_id)


@router.get("/{project_id}/budget", response=list[BudgetOut], **takes(Permission.SEE_BUDGET))
def list_budgets(request: HttpRequest, project_id: PathId) -> list[Budget]:
    """Return the budgets of a project, one for each partition and access share."""
    return budgets.list_budgets(get_actor(request), project_id)


@router.get("/{project_id}/burn-down", response=BurnDownOut, **takes(Permission.SEE_BUDGET))
def get_burn_down(
    request: HttpRequest,
    project_id: PathId,
    with_seconds: MoreSeconds = 0,
    partition: Annotated[str, Query(pattern=r"^$|" + ID_PATTERN)] = "",
) -> BurnDownFigures:
    """Return used, running and left time against the calendar, and the priority of the jobs.

    On the partition of the award, or on another that the project has time on.
    """
    found = burn_downs.get_burn_down(
        get_actor(request),
        project_id,
        now=wiring.now(),
        factory=load_factory(),
        and_seconds=with_seconds,
        partition_id=partition,
    )
    return burn_downs.list_figures(found)


@router.post("/{project_id}/members", response=ProjectOut, **takes(Permission.MANAGE_MEMBERS))
def add_member(request: HttpRequest, project_id: PathId, body: ProjectMemberIn) -> Project:
    """Let a person work in a project; doing it again changes nothing."""
    return projects.add_member(begin_deed(request), project_id, person_id=body.person_id)


@router.delete(
    "/{project_id}/members/{person_id}", response=ProjectOut, **takes(Permission.MANAGE_MEMBERS)
)
def remove_member(request: HttpRequest, project_id: PathId, person_id: PathId) -> Project:
    """End a person's work in a project; the last member stays."""
    return projects.remove_member(begin_deed(request), project_id, person_id=person_id)


@router.post("/{project_id}/activate", response=ProjectOut, **takes(Permission.MANAGE_MEMBERS))
def activate_project(request: HttpRequest, project_id: PathId) -> Project:
    """Finish the onboarding: from now on its members submit jobs."""
    return onboarding.activate_project(begin_deed(request), project_id, rules=load_access_rules())


@router.get("/{project_id}/onboarding", response=OnboardingOut, **takes(Permission.SEE_PROJECT))
def get_onboarding(request: HttpRequest, project_id: PathId) -> OnboardingView:
    """Return what is done, what is open and who does it, and when the time starts."""
    return onboarding.get_onboarding(
        get_actor(request), project_id, rules=load_access_rules(), now=wiring.now()
    )


@router.post(
    "/{project_id}/onboarding/{step_id}/done",
    response=ProjectOut,
    **takes(Permission.TICK_ONBOARDING),
)
def tick_step(request: HttpRequest, project_id: PathId, step_id: PathId) -> Project:
    """Say that a step is done that is yours to tick; doing it again changes nothing."""
    rules = load_access_rules()
    return onboarding.tick_step(begin_deed(request), project_id, step_id, rules=rules)


@router.post("/{project_id}/suspend", response=ProjectOut, **takes(Permission.SUSPEND_PROJECT))
def suspend_project(request: HttpRequest, project_id: PathId, body: SuspensionIn) -> Project:
    """Stop a project from running further jobs, until it is resumed."""
    return projects.suspend_project(begin_deed(request), project_id, why=body.why)


@router.post("/{project_id}/resume", response=ProjectOut, **takes(Permission.RESUME_PROJECT))
def resume_project(request: HttpRequest, project_id: PathId) -> Project:
    """Let a suspended project run jobs again."""
    return projects.resume_project(begin_deed(request), project_id)


@router.post("/{project_id}/end", response=ProjectOut, **takes(Permission.END_PROJECT))
def end_project(request: HttpRequest, project_id: PathId) -> Project:
    """End a project; what it did not use expires."""
    return projects.end_project(begin_deed(request), project_id, rules=load_access_rules())
