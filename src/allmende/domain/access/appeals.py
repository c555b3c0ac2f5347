"""An appeal asks somebody else of the office to look at a decision again.

Nothing is decided anew by the appeal itself: upheld, it takes the application back to the step
whose answer was wrong, and every gate behind that step stands as before.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from allmende.domain.access.applications import Application, ApplicationState, reopen
from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.access.working_days import day_of, due_after, end_of_day
from allmende.domain.basics.characters import check_length, check_seen, count_characters
from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence

REASON_MAX = 5_000  # characters as people see them

APPEALABLE = frozenset({ApplicationState.INELIGIBLE, ApplicationState.REFUSED})


class NothingToAppeal(Refusal):
    """Application {application} is {state}. Only a decision against it can be appealed."""


class AppealIsLate(Refusal):
    """The time to appeal was over on {ended_at}. You can apply anew."""


class AppealIsIn(Refusal):
    """There is an appeal against this decision already, with another reason: {appeal}. It cannot be
    changed any more."""


class OwnDecision(Refusal):
    """You took the decision that this appeal is about. Somebody else of the office answers it."""

    status = 403


class StillIneligible(Refusal):
    """The rules still say no: {why} Correct the figures of the organisation first if they were
    wrong, or reject the appeal."""


class AppealState(StrEnum):
    """Where an appeal stands."""

    FILED = "filed"
    UPHELD = "upheld"
    REJECTED = "rejected"


LIFECYCLE = Lifecycle(
    {
        AppealState.FILED: frozenset({AppealState.UPHELD, AppealState.REJECTED}),
        AppealState.UPHELD: frozenset(),
        AppealState.REJECTED: frozenset(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Appeal:
    """An appeal against one decision, which it keeps: the application may get another one."""

    id: str
    application_id: str
    reason: str
    filed_by: str
    filed_at: datetime
    due_at: datetime  # the first instant at which the answer is late
    appealed_decision: Sentence
    appealed_by: str  # who took that decision; empty: the rules did
    appealed_at: datetime
    appealed_assessment: TechnicalAssessment | None = None  # what it rested on
    state: AppealState = AppealState.FILED
    answer: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None

    def is_late(self, now: datetime) -> bool:
        """Say whether the answer came, or is still missing, after its time was over."""
        return (self.answered_at or now) >= self.due_at


def find_end(application: Application, *, rules: RuleBook) -> datetime | None:
    """Return the first instant at which an appeal is too late; None where there is none.

    The days follow the day of the decision and end at midnight (§ 187 (1), § 188 (1) BGB), Berlin.
    """
    if application.state not in APPEALABLE or application.decided_at is None:
        return None
    day = day_of(application.decided_at)
    days = int(rules.number("appeal.period_days", on=day))
    return end_of_day(day + timedelta(days=days))


def file_appeal(
    application: Application,
    *,
    id: str,  # noqa: A002 - the field that it fills
    reason: str,
    by: str,
    now: datetime,
    rules: RuleBook,
    assessment: TechnicalAssessment | None = None,
) -> Appeal:
    """Return the appeal of an applicant against the decision on their application."""
    ends_at = find_end(application, rules=rules)
    if ends_at is None:
        raise NothingToAppeal(application=application.id, state=application.state.value)
    if now >= ends_at:
        raise AppealIsLate(ended_at=ends_at)
    _check_text("reason", reason)
    assert application.decided_at is not None, "what has an end of appeal was decided"
    days = int(rules.number("appeal.answer_working_days", on=day_of(now)))
    return Appeal(
        id=id,
        application_id=application.id,
        reason=reason.strip(),
        filed_by=by,
        filed_at=now,
        due_at=due_after(now, working_days=days, land=application.submitted.call.land),
        appealed_decision=application.decision or Sentence(""),
        appealed_by=application.decided_by,
        appealed_at=application.decided_at,
        appealed_assessment=assessment,
    )


def answer_appeal(
    appeal: Appeal, *, is_upheld: bool, answer: str, by: str, now: datetime
) -> Appeal:
    """Return the appeal with its answer, which the applicant reads; never by who decided before."""
    state = AppealState.UPHELD if is_upheld else AppealState.REJECTED
    LIFECYCLE.check_move(appeal.state, state)
    if by == appeal.appealed_by:
        raise OwnDecision
    _check_text("answer", answer)
    return replace(appeal, state=state, answer=answer.strip(), answered_by=by, answered_at=now)


def take_back_decision(application: Application, appeal: Appeal, *, now: datetime) -> Application:
    """Return the application at the step whose answer was wrong, with the clock begun anew.

    Where it was the rules' or the technical assessment's no, the assessment is next; where it was
    the office's, the decision.
    """
    assessment = appeal.appealed_assessment
    was_assessed = assessment is not None and assessment.is_feasible
    state = ApplicationState.ASSESSED if was_assessed else ApplicationState.TECHNICAL_ASSESSMENT
    call = application.submitted.call
    due_at = due_after(now, working_days=call.decision_working_days, land=call.land)
    return reopen(application, state, due_at=due_at)


def _check_text(field: str, text: str) -> None:
    check_seen(field, text)
    if not count_characters(text.strip()):
        raise InvalidInput(field=field, problem=Sentence("Write why."))
    check_length(field, text.strip(), most=REASON_MAX)
