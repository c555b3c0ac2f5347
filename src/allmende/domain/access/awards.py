"""An award is the decision that gives time; from it come the project and the budget."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.access.applications import Application
from allmende.domain.access.calls import Call
from allmende.domain.access.consents import tell_publication
from allmende.domain.access.modes import Price, Route
from allmende.domain.access.projects import Project
from allmende.domain.access.rechecks import Recheck
from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.access.working_days import BERLIN, day_of
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit, plain_hours

MONTHS_A_YEAR = 12

# The place in the share tree where a person, not the rules, found an application eligible.
GROUPS = {
    Route.INDUSTRIAL_INNOVATION: "sme",
    Route.AI_FOR_SCIENCE: "science",
    Route.COMMERCIAL: "industry",
}


class AlreadyAwarded(Refusal):
    """Application {application} was awarded {hours} hours as {award}. It cannot be awarded again;
    change the budget of the project {project} instead."""


class NotFeasible(Refusal):
    """The technical assessment says no: {notes} Refuse the application, or have it assessed
    again under a new one."""


class AwardAboveRequest(Refusal):
    """{awarded} hours are more than the {asked} that application {application} asks for. Award at
    most what was asked."""

    status = 422


class NoCondition(Refusal):
    """The award {award} has no condition: there is nothing to accept, and the project can start."""


class ConditionIsOpen(Refusal):
    """The award {award} has a condition that nobody accepted yet: {condition} A member of the
    organisation accepts it on the page of the application; then the project starts."""


@dataclass(frozen=True, kw_only=True)
class AwardDecision:
    """What the programme office decides; the ids are made by the caller."""

    award_id: str
    project_id: str
    seconds: int
    granted_at: datetime
    granted_by: str
    condition: str = ""  # in words; the applicant accepts it before the project starts
    latest_start_days: int = 0  # how long its time can wait for the project to be set up


@dataclass(frozen=True, kw_only=True)
class Award:
    """How much time an application was given, at what price, and on what ground."""

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
    period: Period
    granted_at: datetime
    granted_by: str
    letter: tuple[Sentence, ...]  # its paragraphs
    condition: str = ""
    condition_accepted_at: datetime | None = None
    condition_accepted_by: str = ""
    recheck: Recheck | None = None  # None: of an award from before there was one

    @property
    def is_open(self) -> bool:
        """Say whether a condition waits for its acceptance."""
        return bool(self.condition) and self.condition_accepted_at is None


def check_award(application: Application, *, assessment: TechnicalAssessment, seconds: int) -> None:
    """Refuse an award that the assessment or the request does not carry."""
    if not assessment.is_feasible:
        raise NotFeasible(notes=assessment.notes)
    if seconds <= 0:
        raise InvalidInput(field="seconds", problem=Sentence("Award more than 0 hours."))
    asked = application.form.requested_seconds or 0
    if seconds > asked:
        raise AwardAboveRequest(
            awarded=plain_hours(seconds), asked=plain_hours(asked), application=application.id
        )


def grant(
    application: Application, decision: AwardDecision, *, notice: tuple[Sentence, ...] = ()
) -> Award:
    """Return the award on an application as it was frozen at its submission.

    `notice` is what the letter must say besides, such as that the award is State aid.
    """
    frozen = application.submitted
    call, eligibility = frozen.call, frozen.eligibility
    price = eligibility.price or frozen.mode.price
    period = Period(
        starts_at=decision.granted_at,
        ends_at=add_months(decision.granted_at, application.form.duration_months or 1),
    )
    return Award(
        id=decision.award_id,
        application_id=application.id,
        project_id=decision.project_id,
        partition_id=call.partition_id,
        access_share=call.access_share,
        mode_id=call.mode_id,
        unit=call.unit,
        seconds=decision.seconds,
        price=price,
        price_cents_per_hour=call.price_cents_per_hour if price is Price.PAID else 0,
        legal_basis=eligibility.first_reason.article,
        period=period,
        granted_at=decision.granted_at,
        granted_by=decision.granted_by,
        letter=(*write_letter(application, decision, period=period), *notice),
        condition=decision.condition,
    )


def accept_condition(award: Award, *, by: str, now: datetime) -> Award:
    """Return the award with its condition accepted; accepting it again changes nothing."""
    if not award.condition:
        raise NoCondition(award=award.id)
    if not award.is_open:
        return award
    return replace(award, condition_accepted_at=now, condition_accepted_by=by)


def check_no_open_condition(award: Award) -> None:
    """Refuse to start a project while the condition of its award waits."""
    if award.is_open:
        raise ConditionIsOpen(award=award.id, condition=award.condition)


def open_project(application: Application, award: Award, *, latest_start_days: int = 0) -> Project:
    """Return the project of an award, with the applicant as its first member.

    Its time starts so many days later at the latest; starting the project moves it forward.
    """
    latest = award.granted_at + timedelta(days=latest_start_days)
    frozen = application.submitted
    return Project(
        id=award.project_id,
        name=application.form.title,
        organisation_id=application.organisation_id,
        application_id=application.id,
        group_id=frozen.eligibility.group_id or GROUPS[min(frozen.mode.routes)],
        partition_id=award.partition_id,
        access_share=award.access_share,
        awarded_seconds=award.seconds,
        period=award.period.beginning_at(latest),
        member_ids=(application.applicant_id,),
    )


def write_letter(
    application: Application, decision: AwardDecision, *, period: Period
) -> tuple[Sentence, ...]:
    """Return the paragraphs of the award letter."""
    frozen = application.submitted
    call: Call = frozen.call
    facts = {
        "organisation": frozen.organisation.name,
        "title": application.form.title,
        "hours": plain_hours(decision.seconds),
        "unit": call.unit.hours_name,
        "partition": call.partition_id,
        "from": day_of(period.starts_at).isoformat(),
        "until": day_of(period.ends_at).isoformat(),
        "latest": day_of(
            decision.granted_at + timedelta(days=decision.latest_start_days)
        ).isoformat(),
        "project": decision.project_id,
        "application": application.id,
        "version": call.terms_version,
        "hash": frozen.terms_hash[:12],
        "cents": call.price_cents_per_hour,
    }
    consent = frozen.publication
    is_paid = (frozen.eligibility.price or frozen.mode.price) is Price.PAID
    return (
        Sentence(
            "{organisation} is awarded {hours} {unit} on {partition} for “{title}” "
            "(application {application}).",
            facts,
        ),
        Sentence(
            "The time of project {project} starts when the project does, at the latest on "
            "{latest}, and lasts as long as from {from} until {until}. What is not used by then "
            "expires.",
            facts,
        )
        if decision.latest_start_days
        else Sentence(
            "The time can be used from {from} until {until} in project {project}. What is not "
            "used by then expires; the end does not move.",
            facts,
        ),
        Sentence("The price is {cents} cents per hour used.", facts)
        if is_paid
        else Sentence("The time is free of charge."),
        frozen.eligibility.first_reason.sentence,
        Sentence("The terms of version {version} apply ({hash}).", facts),
        Sentence(
            "Within three months after the end a short final report is due. Please name project "
            "{project} in what you publish.",
            facts,
        ),
        *((tell_publication(consent),) if consent else ()),
        *((_tell_condition(decision.condition),) if decision.condition else ()),
    )


def _tell_condition(condition: str) -> Sentence:
    return Sentence(
        "The award has a condition. The project starts when you have accepted it: {condition}",
        {"condition": condition},
    )


def add_months(start: datetime, months: int) -> datetime:
    """Return the same wall-clock instant of Berlin so many months later.

    Where the month has no such day, its last day stands in.
    """
    local = start.astimezone(BERLIN)
    years, month = divmod(local.month - 1 + months, MONTHS_A_YEAR)
    day = local.day
    while True:
        try:
            moved = local.replace(year=local.year + years, month=month + 1, day=day)
        except ValueError:
            day -= 1
        else:
            return moved.astimezone(start.tzinfo)
