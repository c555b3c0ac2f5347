"""A project is the people and the work under one award."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence


class ProjectIsNotReady(Refusal):
    """Project {project} is still being set up. Finish its onboarding first."""


class ProjectIsSuspended(Refusal):
    """Project {project} is suspended: {why} Ask the programme office how to resume it."""


class ProjectHasNotStarted(Refusal):
    """Project {project} starts on {starts_at}. Jobs can be submitted from then on."""


class ProjectHasEnded(Refusal):
    """Project {project} ended on {ends_at}. Apply for a new one; your results stay readable."""


class LastMember(Refusal):
    """{person} is the last member of project {project}. Add somebody else first."""


class ProjectState(StrEnum):
    """Where a project stands."""

    ONBOARDING = "onboarding"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"
    CLOSED = "closed"


LIFECYCLE = Lifecycle(
    {
        ProjectState.ONBOARDING: frozenset({ProjectState.ACTIVE, ProjectState.ENDED}),
        ProjectState.ACTIVE: frozenset({ProjectState.SUSPENDED, ProjectState.ENDED}),
        ProjectState.SUSPENDED: frozenset({ProjectState.ACTIVE, ProjectState.ENDED}),
        ProjectState.ENDED: frozenset({ProjectState.CLOSED}),
        ProjectState.CLOSED: frozenset(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A step of the onboarding that somebody said was done."""

    step_id: str
    ticked_at: datetime
    ticked_by: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """Who works, where, for how long, and with how much awarded time."""

    id: str
    name: str
    organisation_id: str
    application_id: str
    group_id: str  # its place in the share tree of the partition
    partition_id: str
    access_share: str
    awarded_seconds: int
    period: Period  # while it is set up: the latest that it can be
    state: ProjectState = ProjectState.ONBOARDING
    member_ids: tuple[str, ...] = ()
    ticks: tuple[Tick, ...] = ()  # of its onboarding
    suspended_because: Sentence | None = None
    ended_at: datetime | None = None  # before the end of its period where somebody ended it
    unused_seconds: int = 0  # what expired at its end

    @property
    def end(self) -> datetime:
        """Return when the project ended, or will end."""
        return self.ended_at or self.period.ends_at


def move(project: Project, state: ProjectState, *, why: Sentence | None = None) -> Project:
    """Return the project in its new state, refusing a move that the lifecycle does not have."""
    LIFECYCLE.check_move(project.state, state)
    because = why if state is ProjectState.SUSPENDED else None
    return replace(project, state=state, suspended_because=because)


def start(project: Project, *, now: datetime) -> Project:
    """Return the project active: its time starts now, unless it started by itself before."""
    begins_at = min(now, project.period.starts_at)
    active = move(project, ProjectState.ACTIVE)
    return replace(active, period=project.period.beginning_at(begins_at))


def end(project: Project, *, now: datetime) -> Project:
    """Return the project ended; a period that was over before ended it then."""
    return replace(move(project, ProjectState.ENDED), ended_at=min(now, project.period.ends_at))


def check_can_run(project: Project, *, now: datetime) -> None:
    """Refuse jobs of a project that is not active at that instant."""
    if project.state in (ProjectState.ENDED, ProjectState.CLOSED) or now >= project.period.ends_at:
        raise ProjectHasEnded(project=project.name, ends_at=project.period.ends_at)
    if project.state is ProjectState.SUSPENDED:
        raise ProjectIsSuspended(project=project.name, why=project.suspended_because or "")
    if project.state is ProjectState.ONBOARDING:
        raise ProjectIsNotReady(project=project.name)
    if now < project.period.starts_at:
        raise ProjectHasNotStarted(project=project.name, starts_at=project.period.starts_at)


def can_run(project: Project, *, now: datetime) -> bool:
    """Say whether jobs of the project may run at that instant."""
    return project.state is ProjectState.ACTIVE and now in project.period


def is_over(project: Project, *, now: datetime) -> bool:
    """Say whether the period is over while the project has not been ended."""
    return now >= project.period.ends_at and LIFECYCLE.can_move(project.state, ProjectState.ENDED)


def add_member(project: Project, person_id: str) -> Project:
    """Return the project with a person more; adding somebody twice changes nothing."""
    if person_id in project.member_ids:
        return project
    return replace(project, member_ids=(*project.member_ids, person_id))


def remove_member(project: Project, person_id: str) -> Project:
    """Return the project without a person; the last one stays."""
    left = tuple(member for member in project.member_ids if member != person_id)
    if not left and project.member_ids:
        raise LastMember(person=person_id, project=project.name)
    return replace(project, member_ids=left)
