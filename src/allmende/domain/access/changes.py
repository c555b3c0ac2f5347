"""A project asks for more months or more hours; the office gives, or says why not.

What a mode allows is dated rules: how many months in all, and how much more time than was awarded.
Hours may be asked for on another partition too, on top of the award or for hours of it that go
back; both amounts are named, and what they are worth is counted against the same limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from allmende.domain.access.awards import add_months
from allmende.domain.access.conversions import Conversion
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


class TooMuchElsewhere(Refusal):
    """{asked} {unit} on {there}, less what goes back for them, count as {counted} {home_unit} on
    {home}. The access mode allows {most} more than the award in all, and {given} were given. Ask
    for less, give more of the award back, or apply for a new project."""

    status = 422


class NothingForIt(Refusal):
    """Hours go back for hours on another partition only. Name that partition, and how many hours it
    is to be there."""

    status = 422


class SayWhatGoesBack(Refusal):
    """You give less than was asked for, and an hour there is no hour here. Say how many of the
    {hours} {unit} that were offered go back."""

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
    partition_id: str = ""  # where the hours are; "": where the award is
    back_seconds: int = 0  # of the award, offered for hours on that partition
    given_back_seconds: int = 0
    conversion: Conversion | None = None  # of hours on another partition: as of the last step

    @property
    def counted_seconds(self) -> int:
        """Return what was given, as far as it counts against the limit of the mode."""
        if self.conversion is None:
            return self.given_seconds
        return self.conversion.count(
            seconds=self.given_seconds, back_seconds=self.given_back_seconds
        )

    @property
    def comparison(self) -> tuple[Sentence, ...]:
        """Say how hours on another partition compare with those of the award."""
        if self.conversion is None:
            return ()
        if self.state is ChangeState.APPROVED:
            return self.conversion.explain(
                seconds=self.given_seconds, back_seconds=self.given_back_seconds
            )
        return self.conversion.explain(seconds=self.seconds, back_seconds=self.back_seconds)


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
    is_elsewhere = bool(change.partition_id and change.seconds)
    if change.back_seconds < 0 or bool(change.partition_id or change.back_seconds) != is_elsewhere:
        raise NothingForIt
    check_written("reason", change.reason, most=REASON_MAX)
    return replace(change, reason=change.reason.strip())


def check_running(project: Project, *, now: datetime) -> None:
    """Refuse to change a project that is over: what it did not use has expired."""
    is_over = project.state in (ProjectState.ENDED, ProjectState.CLOSED)
    if is_over or now >= project.period.ends_at:
        raise ProjectHasEnded(project=project.name, ends_at=project.period.ends_at)


def check_limits(limits: Limits, given: Iterable[ProjectChange], wanted: ProjectChange) -> None:
    """Refuse to give more than the mode allows, counting what was given before.

    `wanted` is the request as it would be granted.
    """
    approved = [each for each in given if each.state is ChangeState.APPROVED]
    before_months = sum(each.given_months for each in approved)
    before_seconds = sum(each.counted_seconds for each in approved)
    if before_months + wanted.given_months > limits.months:
        raise TooManyMonths(asked=wanted.given_months, most=limits.months, given=before_months)
    if before_seconds + wanted.counted_seconds <= limits.seconds:
        return
    facts = {
        "asked": plain_hours(wanted.given_seconds),
        "most": plain_hours(limits.seconds),
        "given": plain_hours(before_seconds),
    }
    if wanted.conversion is None:
        raise TooMuchTime(**facts)
    home, there = wanted.conversion.home, wanted.conversion.there
    raise TooMuchElsewhere(
        **facts,
        unit=Sentence(there.unit.hours_name),
        there=there.partition_id,
        counted=plain_hours(wanted.counted_seconds),
        home_unit=Sentence(home.unit.hours_name),
        home=home.partition_id,
    )


def check_report(limits: Limits, project: Project, reports: Iterable[Report]) -> None:
    """Refuse to give more without an accepted interim report, where the mode asks for one."""
    if limits.needs_report and not any(tells_of(each, project) for each in reports):
        raise ReportIsMissing(project=project.name)


def find_back(change: ProjectChange, *, seconds: int) -> int:
    """Return what goes back where nobody says so: all that was offered for all that was asked."""
    if change.conversion is not None and change.back_seconds and seconds != change.seconds:
        raise SayWhatGoesBack(
            hours=plain_hours(change.back_seconds),
            unit=Sentence(change.conversion.home.unit.hours_name),
        )
    return change.back_seconds


def approve(
    change: ProjectChange,
    *,
    months: int,
    seconds: int,
    answer: str,
    by: str,
    now: datetime,
    back_seconds: int = 0,
) -> ProjectChange:
    """Return the request as granted, whole or in part."""
    if not 0 <= months <= change.months or not 0 <= seconds <= change.seconds:
        problem = Sentence("Give at most what was asked for.")
        raise InvalidInput(field="hours" if months <= change.months else "months", problem=problem)
    if not 0 <= back_seconds <= change.back_seconds:
        raise InvalidInput(field="back", problem=Sentence("Take at most what was offered."))
    if not months + seconds:
        raise NothingAskedFor
    if back_seconds and not seconds:
        raise NothingForIt
    granted = _answer(change, ChangeState.APPROVED, answer=answer, by=by, now=now)
    return replace(
        granted,
        given_months=months,
        given_seconds=seconds,
        given_back_seconds=back_seconds,
    )


def decline(change: ProjectChange, *, answer: str, by: str, now: datetime) -> ProjectChange:
    """Return the request as declined, with a reason that the project reads."""
    check_written("answer", answer, most=REASON_MAX)
    return _answer(change, ChangeState.DECLINED, answer=answer, by=by, now=now)


def withdraw(change: ProjectChange, *, by: str, now: datetime) -> ProjectChange:
    """Return the request as taken back by those who asked."""
    return _answer(change, ChangeState.WITHDRAWN, answer="", by=by, now=now)


def extend(project: Project, change: ProjectChange) -> Project:
    """Return the project with what was given: a later end, and more awarded time.

    Its awarded time is that of the partition of its award; hours elsewhere stand in the ledger.
    """
    ends_at = add_months(project.period.ends_at, change.given_months)
    more = 0 if change.partition_id else change.given_seconds
    return replace(
        project,
        period=Period(starts_at=project.period.starts_at, ends_at=ends_at),
        awarded_seconds=project.awarded_seconds + more - change.given_back_seconds,
    )


def _answer(
    change: ProjectChange, state: ChangeState, *, answer: str, by: str, now: datetime
) -> ProjectChange:
    LIFECYCLE.check_move(change.state, state)
    return replace(change, state=state, answer=answer.strip(), answered_by=by, answered_at=now)
