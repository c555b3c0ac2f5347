"""The gates between an application and its award, and the clock of the steps that open them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.expert_reviews import Review
from allmende.domain.access.rankings import Candidate, measure
from allmende.domain.access.reviews import TechnicalAssessment
from allmende.domain.access.working_days import due_after
from allmende.domain.basics.refusals import Refusal


class ReviewsAreMissing(Refusal):
    """Application {application} has {have} reviews that count, by people without a conflict; its
    mode wants {wanted}. Look for conflicts in its round, then invite another expert."""


class PanelIsOpen(Refusal):
    """The panel on application {application} has not closed. Close it first; then award."""


class BelowThreshold(Refusal):
    """Application {application} misses a threshold of its mode: {failed}. Refuse it."""


class Step(StrEnum):
    """What happens to an application after it is handed in, in order."""

    TECHNICAL_ASSESSMENT = "technical_assessment"
    EXPERT_REVIEW = "expert_review"
    PANEL = "panel"
    DECISION = "decision"


class StepStatus(StrEnum):
    """Where a step stands."""

    LATER = "later"
    CURRENT = "current"
    DONE = "done"
    LEFT_OUT = "left_out"  # the technical assessment said no, or the application ended before


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One step with its clock; `due_at` is the first instant at which it is late."""

    step: Step
    status: StepStatus
    due_at: datetime | None
    done_at: datetime | None

    def is_late(self, now: datetime) -> bool:
        """Say whether the step came, or is still missing, after its time was over."""
        if self.due_at is None or self.status is StepStatus.LEFT_OUT:
            return False
        return (self.done_at or now) >= self.due_at


def candidate_of(application: Application, reviews: Sequence[Review]) -> Candidate:
    """Return the application as the panel sees it."""
    plan = application.submitted.mode.review
    assert plan is not None, "only a mode with peer review has a panel"
    return Candidate(
        application_id=application.id,
        plan=plan,
        submitted_at=application.submitted_at or application.started_at,
        requested_seconds=application.form.requested_seconds or 0,
        reviews=tuple(review for review in reviews if review.is_counted),
    )


def check_gates(application: Application, reviews: Sequence[Review]) -> None:
    """Refuse an award while a step of the frozen mode is missing or a threshold is missed."""
    plan = application.submitted.mode.review
    if plan is None:
        return
    have = sum(review.is_counted for review in reviews)
    if have < plan.reviews_per_application or application.reviewed_at is None:
        raise ReviewsAreMissing(
            application=application.id, have=have, wanted=plan.reviews_per_application
        )
    if application.ranked_at is None:
        raise PanelIsOpen(application=application.id)
    failed = measure(candidate_of(application, reviews)).failed
    if failed:
        raise BelowThreshold(application=application.id, failed=", ".join(failed))


def find_due(application: Application, step: Step) -> datetime | None:
    """Return the first instant at which a step of the frozen mode is late."""
    plan, start = application.submitted.mode.review, application.cut_off_at
    if step is Step.DECISION or plan is None or start is None:
        return application.due_at
    days = {
        Step.TECHNICAL_ASSESSMENT: plan.assessment_working_days,
        Step.EXPERT_REVIEW: plan.review_working_days,
        Step.PANEL: plan.panel_working_days,
    }
    return due_after(start, working_days=days[step], land=application.submitted.call.land)


def list_steps(
    application: Application, assessment: TechnicalAssessment | None
) -> tuple[StepView, ...]:
    """Return the steps of the frozen mode with their clocks; none for a draft."""
    if application.frozen is None:
        return ()
    done = {
        Step.TECHNICAL_ASSESSMENT: assessment.assessed_at if assessment else None,
        Step.EXPERT_REVIEW: application.reviewed_at,
        Step.PANEL: application.ranked_at,
        Step.DECISION: application.decided_at,
    }
    experts = (Step.EXPERT_REVIEW, Step.PANEL)
    has_experts = application.frozen.mode.review is not None
    goes_on = assessment is None or assessment.is_feasible
    is_over = application.decided_at is not None
    is_open = application.state is not ApplicationState.SUBMITTED
    views = []
    for step in (each for each in Step if has_experts or each not in experts):
        if done[step] is not None:
            status = StepStatus.DONE
        elif is_over or (step in experts and not goes_on):
            status = StepStatus.LEFT_OUT
        else:
            status = StepStatus.CURRENT if is_open else StepStatus.LATER
            is_open = False
        due_at = find_due(application, step)
        views.append(StepView(step=step, status=status, due_at=due_at, done_at=done[step]))
    return tuple(views)
