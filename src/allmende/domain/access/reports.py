"""A final report closes a project; while one is overdue, the group behind it gets nothing new.

An interim report is of the same form and tells of a project that runs; it is due on no day.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from allmende.domain.access.awards import add_months
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.access.working_days import day_of, end_of_day
from allmende.domain.basics.characters import check_length, check_seen, tidy
from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit, plain_hours

TEXT_MAX = 10_000  # characters as people see them
REASON_MAX = 2_000
PER_CENT = 100
METHOD_WORDS = {"measured": Sentence("measured"), "estimated": Sentence("estimated")}


class ReportIsIn(Refusal):
    """The report of project {project} is {state}: its text stands. The office can return it to you
    with a reason; then you change it."""


class ProjectIsNotOver(Refusal):
    """Project {project} runs until {ends_at}. Its report can be written now, and decided on when
    the project has ended."""


class ProjectIsNotRunning(Refusal):
    """Project {project} does not run, and an interim report tells of a project that does. Write its
    final report when it has ended."""


class ReportIsDecided(Refusal):
    """The report of project {project} was decided on already, for another reason: {why}"""


class NothingIsBarred(Refusal):
    """The report of project {project} is not overdue, so it bars nobody. There is nothing to
    lift."""


class ReportIsOverdue(Refusal):
    """{whose} Report of project {project} was due before {due_at}. Until it is in, applications can
    be drafted, but not handed in or awarded. Hand it in on the page of the project, or ask the
    programme office to lift the bar."""


class ReportKind(StrEnum):
    """What a report tells of: a project that runs, or one that is over."""

    INTERIM = "interim"
    FINAL = "final"


class ReportState(StrEnum):
    """Where a report stands."""

    DRAFT = "draft"
    HANDED_IN = "handed_in"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    WAIVED = "waived"


LIFECYCLE = Lifecycle(
    {
        ReportState.DRAFT: frozenset({ReportState.HANDED_IN, ReportState.WAIVED}),
        ReportState.HANDED_IN: frozenset({ReportState.ACCEPTED, ReportState.RETURNED}),
        ReportState.RETURNED: frozenset({ReportState.HANDED_IN, ReportState.WAIVED}),
        ReportState.ACCEPTED: frozenset(),
        ReportState.WAIVED: frozenset(),
    }
)
OPEN = frozenset({ReportState.DRAFT, ReportState.RETURNED})  # the project owes something
RUNNING = frozenset({ProjectState.ACTIVE, ProjectState.SUSPENDED})
CLOSING = frozenset({ReportState.ACCEPTED, ReportState.WAIVED})


@dataclass(frozen=True, kw_only=True)
class EnergyByMethod:
    """The joules of a project that were found in one way."""

    method: str
    joules: int


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """What the system knows of a project, so that nobody has to write it."""

    organisation: str
    partition_id: str
    unit: TimeUnit
    starts_at: datetime
    ends_at: datetime
    granted_seconds: int
    used_seconds: int
    expired_seconds: int
    jobs: int
    completed_jobs: int
    models: tuple[str, ...]
    energy: tuple[EnergyByMethod, ...]
    acknowledgement: Sentence
    elsewhere: tuple[Sentence, ...] = ()  # its time on other partitions, in their own units


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a project says of itself, a draft until it is handed in.

    A project has one final report, and interim reports one after the other, numbered from 1.
    """

    project_id: str
    kind: ReportKind = ReportKind.FINAL
    number: int = 0  # of an interim report
    state: ReportState = ReportState.DRAFT
    results: str = ""
    publications: str = ""
    feedback: str = ""
    facts: ReportFacts | None = None  # as they were known when it was handed in
    edited_at: datetime | None = None
    handed_in_at: datetime | None = None
    handed_in_by: str = ""
    reason: str = ""  # why the office returned or waived it
    decided_at: datetime | None = None
    decided_by: str = ""
    lifted_because: str = ""  # why it bars nobody, although it is overdue
    lifted_at: datetime | None = None
    lifted_by: str = ""

    @property
    def is_open(self) -> bool:
        """Say whether the project still has to hand it in."""
        return self.state in OPEN


def find_due(project: Project, report: Report, *, book: RuleBook) -> datetime:
    """Return the first instant at which the report is late.

    Months follow the day of the end and are over at midnight in Berlin (§§ 187 (1), 188 (2) BGB).
    A returned report has at least the days of a correction.
    """
    day = day_of(project.end)
    months = int(book.number("report.period_months", on=day))
    due_at = _end_of_months(project.end, months)
    if report.state is not ReportState.RETURNED or report.decided_at is None:
        return due_at
    returned = day_of(report.decided_at)
    days = int(book.number("report.correction_days", on=returned))
    return max(due_at, end_of_day(returned + timedelta(days=days)))


def is_overdue(project: Project, report: Report, *, book: RuleBook, now: datetime) -> bool:
    """Say whether a report that the project owes is late."""
    is_owed = project.state is not ProjectState.CLOSED and report.is_open
    return is_owed and now >= find_due(project, report, book=book)


def find_data_deadline(project: Project, *, book: RuleBook) -> datetime:
    """Return the first instant at which the data of the project may be deleted."""
    day = day_of(project.end)
    return _end_of_months(project.end, int(book.number("project.data_months", on=day)))


def is_data_due(project: Project, *, book: RuleBook, now: datetime) -> bool:
    """Say whether the data of a project may be deleted."""
    is_over = project.state in (ProjectState.ENDED, ProjectState.CLOSED)
    return is_over and now >= find_data_deadline(project, book=book)


def has_large_rest(project: Project, *, book: RuleBook) -> bool:
    """Say whether so much expired unused that the office should know."""
    day = day_of(project.end)
    percent = book.number("project.unused_rest_percent", on=day)
    unused = project.unused_seconds
    return unused > 0 and unused * PER_CENT >= percent * project.awarded_seconds


def tell_facts(facts: ReportFacts) -> tuple[Sentence, ...]:
    """Return what the system knows of a project in sentences, for what is printed."""
    figures = {
        "from": day_of(facts.starts_at).isoformat(),
        "until": day_of(facts.ends_at).isoformat(),
        "machine": facts.partition_id,
        "granted": plain_hours(facts.granted_seconds),
        "used": plain_hours(facts.used_seconds),
        "expired": plain_hours(facts.expired_seconds),
        "unit": facts.unit.hours_name,
        "jobs": facts.jobs,
        "done": facts.completed_jobs,
        "models": ", ".join(facts.models) or "–",
    }
    return (
        Sentence("The project ran on {machine} from {from} until {until}.", figures),
        Sentence("Of {granted} {unit} granted, {used} were used and {expired} expired.", figures),
        *facts.elsewhere,
        Sentence("Jobs: {jobs}, of which {done} were done. Models: {models}.", figures),
        *(
            Sentence(
                "Energy, {method}: {joules} J.",
                {"method": METHOD_WORDS[each.method], "joules": each.joules},
            )
            for each in facts.energy
        ),
        facts.acknowledgement,
    )


def find_next(latest: Report) -> Report:
    """Return the interim report to write: the latest, or after an accepted one an empty draft."""
    if latest.state is not ReportState.ACCEPTED:
        return latest
    return Report(project_id=latest.project_id, kind=ReportKind.INTERIM, number=latest.number + 1)


def tells_of(report: Report, project: Project) -> bool:
    """Say whether an accepted interim report tells how the project went since it began."""
    handed_in_at = report.handed_in_at
    return (
        report.kind is ReportKind.INTERIM
        and report.state is ReportState.ACCEPTED
        and handed_in_at is not None
        and handed_in_at >= project.period.starts_at
    )


def edit(
    report: Report, *, results: str, publications: str, feedback: str, now: datetime
) -> Report:
    """Return the report with other texts; what is missing may come later."""
    if not report.is_open:
        raise ReportIsIn(project=report.project_id, state=report.state.value)
    return replace(
        report,
        results=_check_text("results", results, most=TEXT_MAX),
        publications=_check_text("publications", publications, most=TEXT_MAX),
        feedback=_check_text("feedback", feedback, most=TEXT_MAX),
        edited_at=now,
    )


def hand_in(
    report: Report, project: Project, *, facts: ReportFacts, by: str, now: datetime
) -> Report:
    """Return the report as it is handed in, with the facts of that instant."""
    if report.state is ReportState.HANDED_IN:
        return report
    LIFECYCLE.check_move(report.state, ReportState.HANDED_IN)
    if report.kind is ReportKind.FINAL:
        _check_over(project)
    elif project.state not in RUNNING or now >= project.end:
        raise ProjectIsNotRunning(project=project.name)
    if not report.results:
        raise InvalidInput(field="results", problem=Sentence("Write what came out."))
    return replace(
        report, state=ReportState.HANDED_IN, facts=facts, handed_in_at=now, handed_in_by=by
    )


def accept(report: Report, *, by: str, now: datetime) -> Report:
    """Return the report accepted; accepting it again changes nothing."""
    if report.state is ReportState.ACCEPTED:
        return report
    LIFECYCLE.check_move(report.state, ReportState.ACCEPTED)
    return replace(report, state=ReportState.ACCEPTED, reason="", decided_at=now, decided_by=by)


def give_back(report: Report, *, why: str, by: str, now: datetime) -> Report:
    """Return the report to its project, with a reason that the members read."""
    return _decide(report, ReportState.RETURNED, why=why, by=by, now=now)


def waive(report: Report, project: Project, *, why: str, by: str, now: datetime) -> Report:
    """Return the report as one that nobody has to write any more."""
    _check_over(project)
    return _decide(report, ReportState.WAIVED, why=why, by=by, now=now)


def lift_bar(
    report: Report, project: Project, *, why: str, by: str, now: datetime, book: RuleBook
) -> Report:
    """Return the report as one that is still due, but bars nobody."""
    reason = _check_reason(why)
    if report.lifted_because == reason:
        return report
    if not is_overdue(project, report, book=book, now=now):
        raise NothingIsBarred(project=report.project_id)
    return replace(report, lifted_because=reason, lifted_at=now, lifted_by=by)


def _decide(report: Report, state: ReportState, *, why: str, by: str, now: datetime) -> Report:
    reason = _check_reason(why)
    if report.state is state:
        if report.reason != reason:
            raise ReportIsDecided(project=report.project_id, why=report.reason)
        return report
    LIFECYCLE.check_move(report.state, state)
    return replace(report, state=state, reason=reason, decided_at=now, decided_by=by)


def _check_over(project: Project) -> None:
    if project.state not in (ProjectState.ENDED, ProjectState.CLOSED):
        raise ProjectIsNotOver(project=project.name, ends_at=project.end)


def _check_reason(why: str) -> str:
    reason = _check_text("why", why, most=REASON_MAX)
    if not reason:
        raise InvalidInput(field="why", problem=Sentence("Write why."))
    return reason


def _check_text(field: str, text: str, *, most: int) -> str:
    kept = tidy(text)
    check_length(field, kept, most=most)
    check_seen(field, kept)
    return kept


def _end_of_months(end: datetime, months: int) -> datetime:
    return end_of_day(day_of(add_months(end, months)))
