"""Reviews of one application in a mode with peer review, for the tests of access."""

from dataclasses import replace

from allmende.domain.access import applications
from allmende.domain.access.expert_reviews import Opinion, Review, ReviewState
from allmende.domain.access.reviews import TechnicalAssessment
from tests.domain.access.building import NOON, RULES, TODAY, frozen, full_draft
from tests.domain.access.full_form import SMALL

MODE = RULES.get_mode("ai-for-science", on=TODAY)
PLAN = MODE.review
CRITERIA = tuple(criterion.id for criterion in PLAN.criteria)


def with_experts(**changes):
    """Return an application that is with the experts, its plan changed where a test says so."""
    snapshot = replace(frozen(), mode=replace(MODE, review=replace(PLAN, **changes)))
    submitted = applications.submit(full_draft(**SMALL), frozen=snapshot, now=NOON)
    return applications.assess(submitted, is_feasible=True)


def opinions(*scores, text="Sound."):
    return tuple(
        Opinion(criterion_id=criterion, score=score, text=text)
        for criterion, score in zip(CRITERIA, scores, strict=True)
    )


def review(number, *scores, state=ReviewState.SUBMITTED, application_id="app-1"):
    return Review(
        id=f"rev-{application_id}-{number}",
        application_id=application_id,
        reviewer_id=f"p-{number}",
        state=state,
        opinions=opinions(*scores) if scores else (),
        invited_at=NOON,
        submitted_at=NOON if state in (ReviewState.SUBMITTED, ReviewState.RECUSED) else None,
    )


def assessment(*, is_feasible=True):
    return TechnicalAssessment(
        application_id="app-1",
        is_feasible=is_feasible,
        notes="" if is_feasible else "Too large.",
        assessed_by="p-9",
        assessed_at=NOON,
    )
