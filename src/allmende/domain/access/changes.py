"""A project asks for more months or more hours; the office gives, or says why not.

What a mode allows is dated rules: how many months in all, and how much more time than was awarded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from allmende.domain.access.awards import add_months
from allmende.domain.access.projects import Project, ProjectHasEnded, ProjectState
from allmende.domain.access.reports import Report, tells_of
from allmende.domain.basics.characters import check_written
from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import plain_hours

REASON_MAX = 2_000  # characters as people see them


class NothingAskedFor(Refusal):
    """Ask for at least one month more, or for some hours more."""

    status = 422


class TooManyMonths(Refusal):
    """You ask for {asked} months. The access mode allows {most} in all, and {given} were given. Ask
    for less, or apply for a new project."""

    status = 422


class TooMuchTime(Refusal):
    """You ask for {asked} hours. The access mode allows {most} more than the award in all, and
    {given} were given. Ask for less, or apply for a new project."""

    status = 422


class ChangeIsWaiting(Refusal):
    """Project {project} has asked for something already, and waits for the answer: {change}. Take
    that back first."""


class ReportIsMissing(Refusal):
    """The access mode gives more only on an interim report that was accepted, and project {project}
    has none. Its people hand one in on the page of the project, the office accepts it there, and
    then the request can be granted; or decline it."""


class ChangeState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


LIFECYCLE = Lifecycle(
    {
        ChangeState.PENDING: frozenset(
            {ChangeState.APPROVED, ChangeState.DECLINED, ChangeState.WITHDRAWN}
        ),
        ChangeState.APPROVED: frozenset(),
        ChangeState.DECLINED: frozenset(),
        ChangeState.WITHDRAWN: frozenset(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a mode allows in all, on top of the award; `needs_report`: only on an interim report."""

    months: int
    seconds: int
    needs_report: bool


@dataclass(frozen=True, kw_only=True)
class ProjectChange:
    """A request for more: what was asked, and what was given."""

    id: str
    project_id: str
    months: int  # that the end moves
    seconds: int  # on top of the award
    reason: str
    asked_by: str
    asked_at: datetime
    state: ChangeState = ChangeState.PENDING
    given_months: int = 0
    given_seconds: int = 0
    answer: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None
    notice: tuple[Sentence, ...] = ()  # what has to be told, such as that the time is State aid


def read_limits(book: RuleBook, *, mode_id: str, awarded_seconds: int, on: date) -> Limits:
    """Return what the mode allows on a day for an award of so much time."""
    percent = int(book.number("change.hours_percent_max", on=on, mode=mode_id))
    return Limits(
        months=int(book.number("change.months_max", on=on, mode=mode_id)),
        seconds=awarded_seconds * percent // 100,
        needs_report=bool(book.get("change.needs_report", on=on, mode=mode_id).value),
    )


def ask(project: Project, change: ProjectChange, earlier: Iterable[ProjectChange]) -> ProjectChange:
    """Return the request, refused while another one waits or once the project is over."""
    waiting = [each for each in earlier if each.state is ChangeState.PENDING]
    if waiting:
        raise ChangeIsWaiting(project=project.name, change=waiting[0].id)
    check_running(project, now=change.asked_at)
    if change.months < 0 or change.seconds < 0 or not change.months + change.seconds:
        raise NothingAskedFor
    check_written("reason", change.reason, most=REASON_MAX)
    return replace(change, reason=change.reason.strip())


def check_running(project: Project, *, now: datetime) -> None:
    """Refuse to change a project that is over: what it did not use has expired."""
    is_over = project.state in (ProjectState.ENDED, ProjectState.CLOSED)
    if is_over or now >= project.period.ends_at:
        raise ProjectHasEnded(project=project.name, ends_at=project.period.ends_at)


def check_limits(
    limits: Limits, given: Iterable[ProjectChange], *, months: int, seconds: int
) -> None:
    """Refuse more than the mode allows, counting what was given before."""
    approved = [each for each in given if each.state is ChangeState.APPROVED]
    before_months = sum(each.given_months for each in approved)
    before_seconds = sum(each.given_seconds for each in approved)
    if before_months + months > limits.months:
        raise TooManyMonths(asked=months, most=limits.months, given=before_months)
    if before_seconds + seconds > limits.seconds:
        raise TooMuchTime(
            asked=plain_hours(seconds),
            most=plain_hours(limits.seconds),
            given=plain_hours(before_seconds),
        )


def check_report(limits: Limits, project: Project, reports: Iterable[Report]) -> None:
    """Refuse to give more without an accepted interim report, where the mode asks for one."""
    if limits.needs_report and not any(tells_of(each, project) for each in reports):
        raise ReportIsMissing(project=project.name)


def approve(
    change: ProjectChange,
    *,
    months: int,
    seconds: int,
    answer: str,
    by: str,
    now: datetime,
) -> ProjectChange:
    """Return the request as granted, whole or in part."""
    if not 0 <= months <= change.months or not 0 <= seconds <= change.seconds:
        problem = Sentence("Give at most what was asked for.")
        raise InvalidInput(field="hours" if months <= change.months else "months", problem=problem)
    if not months + seconds:
        raise NothingAskedFor
    granted = _answer(change, ChangeState.APPROVED, answer=answer, by=by, now=now)
    return replace(granted, given_months=months, given_seconds=seconds)


def decline(change: ProjectChange, *, answer: str, by: str, now: datetime) -> ProjectChange:
    """Return the request as declined, with a reason that the project reads."""
    check_written("answer", answer, most=REASON_MAX)
    return _answer(change, ChangeState.DECLINED, answer=answer, by=by, now=now)


def withdraw(change: ProjectChange, *, by: str, now: datetime) -> ProjectChange:
    """Return the request as taken back by those who asked."""
    return _answer(change, ChangeState.WITHDRAWN, answer="", by=by, now=now)


def extend(project: Project, change: ProjectChange) -> Project:
    """Return the project with what was given: a later end, and more awarded time."""
    ends_at = add_months(project.period.ends_at, change.given_months)
    return replace(
        project,
        period=Period(starts_at=project.period.starts_at, ends_at=ends_at),
        awarded_seconds=project.awarded_seconds + change.given_seconds,
    )


def _answer(
    change: ProjectChange, state: ChangeState, *, answer: str, by: str, now: datetime
) -> ProjectChange:
    LIFECYCLE.check_move(change.state, state)
    return replace(change, state=state, answer=answer.strip(), answered_by=by, answered_at=now)
