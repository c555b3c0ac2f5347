"""A review is an expert's opinion: scores with words, blind until all of an application are in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.review_plans import SCORE_MAX, ReviewPlan
from allmende.domain.access.reviewers import ConflictKind
from allmende.domain.basics.characters import check_length
from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence

TEXT_MAX = 600  # characters as people see them


class ReviewIsIncomplete(Refusal):
    """{count} criteria have no score or no text yet. Fill them in, then submit."""

    status = 422


class ReviewIsSubmitted(Refusal):
    """You have submitted this review. It cannot be changed any more."""


class ReviewIsOver(Refusal):
    """The experts do not review application {application} now: it is {state}. Only one that is with
    them can be reviewed."""


class NoPeerReview(Refusal):
    """The access mode of application {application} has no expert review. Decide on it without."""


class ReviewState(StrEnum):
    """Where the review of one expert stands."""

    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CONFLICTED = "conflicted"
    CALLED_OFF = "called_off"  # by the office
    SUBMITTED = "submitted"
    RECUSED = "recused"  # a conflict came up afterwards: kept, not counted


LIFECYCLE = Lifecycle(
    {
        ReviewState.INVITED: frozenset(
            {
                ReviewState.ACCEPTED,
                ReviewState.DECLINED,
                ReviewState.CONFLICTED,
                ReviewState.CALLED_OFF,
            }
        ),
        ReviewState.ACCEPTED: frozenset(
            {
                ReviewState.SUBMITTED,
                ReviewState.DECLINED,
                ReviewState.CONFLICTED,
                ReviewState.CALLED_OFF,
            }
        ),
        ReviewState.SUBMITTED: frozenset({ReviewState.RECUSED}),
        ReviewState.DECLINED: frozenset(),
        ReviewState.CONFLICTED: frozenset(),
        ReviewState.CALLED_OFF: frozenset(),
        ReviewState.RECUSED: frozenset(),
    }
)
OPEN_STATES = frozenset({ReviewState.INVITED, ReviewState.ACCEPTED})
# The states in which a reviewer may read the application.
READING_STATES = frozenset({ReviewState.ACCEPTED, ReviewState.SUBMITTED})
# The states of an application in which its reviews are no longer blind.
UNBLINDED = frozenset(
    {
        ApplicationState.PANEL,
        ApplicationState.ASSESSED,
        ApplicationState.AWARDED,
        ApplicationState.REFUSED,
    }
)
UNDER_REVIEW = frozenset(
    {ApplicationState.EXPERT_REVIEW, ApplicationState.PANEL, ApplicationState.ASSESSED}
)


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What an expert says on one criterion."""

    criterion_id: str
    score: int | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Review:
    """The review of one application by one reviewer, from the invitation on."""

    id: str
    application_id: str
    reviewer_id: str
    state: ReviewState = ReviewState.INVITED
    opinions: tuple[Opinion, ...] = ()
    conflict: ConflictKind | None = None
    invited_at: datetime
    answered_at: datetime | None = None
    submitted_at: datetime | None = None

    @property
    def is_counted(self) -> bool:
        """Say whether its scores count."""
        return self.state is ReviewState.SUBMITTED

    @property
    def is_open(self) -> bool:
        """Say whether something is still to come from the reviewer."""
        return self.state in OPEN_STATES

    @property
    def scores(self) -> Mapping[str, int]:
        """Return the scores that are given, by criterion."""
        return {each.criterion_id: each.score for each in self.opinions if each.score is not None}

    def find_opinion(self, criterion_id: str) -> Opinion:
        """Return what is said on a criterion, which may be nothing yet."""
        nothing = Opinion(criterion_id=criterion_id)
        return next((each for each in self.opinions if each.criterion_id == criterion_id), nothing)


def answer(review: Review, state: ReviewState, *, now: datetime) -> Review:
    """Accept, decline or call off."""
    return replace(_move(review, state), answered_at=now)


def bar(review: Review, conflict: ConflictKind, *, now: datetime) -> Review:
    """Close the file to a reviewer with a conflict; a submitted review is kept and not counted."""
    is_scored = review.state is ReviewState.SUBMITTED
    barred = _move(review, ReviewState.RECUSED if is_scored else ReviewState.CONFLICTED)
    return replace(barred, conflict=conflict, answered_at=review.answered_at or now)


def write(review: Review, plan: ReviewPlan, opinions: Iterable[Opinion]) -> Review:
    """Return the draft with what was said on some criteria; the others stay as they are."""
    if review.state is ReviewState.SUBMITTED:
        raise ReviewIsSubmitted
    LIFECYCLE.check_move(review.state, ReviewState.SUBMITTED)
    said = {each.criterion_id: each for each in review.opinions}
    known = [criterion.id for criterion in plan.criteria]
    for opinion in opinions:
        if opinion.criterion_id not in known:
            choices = {"choices": ", ".join(known)}
            problem = Sentence("Choose one of: {choices}.", choices)
            raise InvalidInput(field=opinion.criterion_id, problem=problem)
        _check_opinion(opinion)
        said[opinion.criterion_id] = opinion
    return replace(review, opinions=tuple(said[each] for each in known if each in said))


def submit(review: Review, plan: ReviewPlan, *, now: datetime) -> Review:
    """Hand the review in, once; it never changes after that."""
    submitted = replace(_move(review, ReviewState.SUBMITTED), submitted_at=now)
    said = [review.find_opinion(criterion.id) for criterion in plan.criteria]
    missing = [each for each in said if each.score is None or not each.text.strip()]
    if missing:
        raise ReviewIsIncomplete(count=len(missing))
    return submitted


def get_plan(application: Application) -> ReviewPlan:
    """Return how the frozen mode of an application reviews; refused where it does not."""
    if application.frozen is None:
        raise ReviewIsOver(application=application.id, state=application.state.value)
    plan = application.frozen.mode.review
    if plan is None:
        raise NoPeerReview(application=application.id)
    return plan


def check_under_review(application: Application) -> None:
    """Refuse a deed of a reviewer once the experts are done, or before they begin."""
    if application.state is not ApplicationState.EXPERT_REVIEW:
        raise ReviewIsOver(application=application.id, state=application.state.value)


def are_complete(reviews: Iterable[Review], plan: ReviewPlan) -> bool:
    """Say whether enough reviews count and nobody who was asked is still to answer."""
    asked = list(reviews)
    counted = sum(review.is_counted for review in asked)
    return counted >= plan.reviews_per_application and not any(each.is_open for each in asked)


def is_blind(application: Application) -> bool:
    """Say whether a review of the application is its writer's alone for now."""
    return application.reviewed_at is None or application.state not in UNBLINDED


def list_visible(
    reviews: Iterable[Review], application: Application, *, reader_id: str, is_office: bool
) -> tuple[Review, ...]:
    """Return the reviews that a reader may read the scores and texts of.

    One's own always; those of others when all are in: for the office, and for a reviewer whose
    own review is among those that count.
    """
    every = tuple(reviews)
    own = tuple(review for review in every if review.reviewer_id == reader_id)
    has_reviewed = any(review.is_counted for review in own)
    if is_blind(application) or not (is_office or has_reviewed):
        return own
    return tuple(each for each in every if each in own or each.submitted_at is not None)


def _move(review: Review, state: ReviewState) -> Review:
    LIFECYCLE.check_move(review.state, state)
    return replace(review, state=state)


def _check_opinion(opinion: Opinion) -> None:
    if opinion.score is not None and not 0 <= opinion.score <= SCORE_MAX:
        raise InvalidInput(
            field=opinion.criterion_id,
            problem=Sentence("Give a score from 0 to {most}.", {"most": SCORE_MAX}),
        )
    check_length(opinion.criterion_id, opinion.text, most=TEXT_MAX)
