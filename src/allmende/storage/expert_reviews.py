"""Reviews by experts, and what reviewers say about themselves."""

from collections.abc import Collection, Iterable

from django.db import models

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.expert_reviews import OPEN_STATES, Opinion, Review, ReviewState
from allmende.domain.access.reviewers import ConflictKind, ReviewerProfile
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound
from allmende.storage.applications import ApplicationRow


class ReviewerRow(models.Model):
    """The profile of a reviewer."""

    person_id = models.CharField(max_length=40, primary_key=True)
    content = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "reviewer"


class ReviewRow(models.Model):
    """The review of one application by one reviewer."""

    id = models.CharField(max_length=40, primary_key=True)
    application_id = models.CharField(max_length=40, db_index=True)
    reviewer_id = models.CharField(max_length=40, db_index=True)
    state = models.CharField(max_length=20)
    opinions = models.JSONField(default=list)
    conflict = models.CharField(max_length=40, blank=True)
    invited_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "review"
        constraints = (
            models.UniqueConstraint(
                fields=("application_id", "reviewer_id"), name="one_review_each"
            ),
        )


def save_profile(profile: ReviewerProfile) -> None:
    """Write a profile, new or changed."""
    ReviewerRow.objects.update_or_create(
        person_id=profile.person_id, defaults={"content": to_plain(profile)}
    )


def list_profiles(person_ids: Iterable[str]) -> dict[str, ReviewerProfile]:
    """Return the profiles of people by id; those without one are left out."""
    rows = ReviewerRow.objects.filter(person_id__in=list(person_ids))
    return {row.person_id: from_plain(ReviewerProfile, row.content) for row in rows}


def save_review(review: Review) -> None:
    """Write a review, new or changed."""
    ReviewRow.objects.update_or_create(
        id=review.id,
        defaults={
            "application_id": review.application_id,
            "reviewer_id": review.reviewer_id,
            "state": review.state.value,
            "opinions": to_plain(review.opinions),
            "conflict": review.conflict.value if review.conflict else "",
            "invited_at": review.invited_at,
            "answered_at": review.answered_at,
            "submitted_at": review.submitted_at,
        },
    )


def find_review(application_id: str, reviewer_id: str) -> Review | None:
    """Return the review of an application by a reviewer, or None."""
    row = ReviewRow.objects.filter(application_id=application_id, reviewer_id=reviewer_id).first()
    return None if row is None else _from_row(row)


def get_review(application_id: str, reviewer_id: str) -> Review:
    """Return the review of an application by a reviewer; `NotFound` when there is none."""
    review = find_review(application_id, reviewer_id)
    if review is None:
        raise NotFound(kind="review of application", id=application_id)
    return review


def list_reviews(application_ids: Collection[str]) -> list[Review]:
    """Return all reviews of some applications, in the order of their ids."""
    rows = ReviewRow.objects.filter(application_id__in=list(application_ids)).order_by("id")
    return [_from_row(row) for row in rows]


def list_reviews_of(reviewer_id: str, *, after: str = "", limit: int = 100) -> list[Review]:
    """Return a page of the reviews of a reviewer, in the order of their ids."""
    rows = ReviewRow.objects.filter(reviewer_id=reviewer_id, id__gt=after).order_by("id")
    return [_from_row(row) for row in rows[:limit]]


def list_open_reviews_of(reviewer_id: str) -> list[Review]:
    """Return every review that a reviewer still owes, in the order of their ids."""
    return [_from_row(row) for row in _owed().filter(reviewer_id=reviewer_id).order_by("id")]


def list_owed_reviews(application_id: str = "") -> list[Review]:
    """Return reviews still to come, of one application or of all that are with experts."""
    owed = _owed().filter(application_id=application_id) if application_id else _owed()
    return [_from_row(row) for row in owed.order_by("id")]


def count_open_reviews() -> dict[str, int]:
    """Return how many reviews each reviewer still owes, of applications that are with experts."""
    rows = _owed().values("reviewer_id")
    counted = rows.annotate(number=models.Count("id")).values_list("reviewer_id", "number")
    return dict(counted)


def _owed() -> "models.QuerySet[ReviewRow]":
    states = [state.value for state in OPEN_STATES]
    under_review = ApplicationRow.objects.filter(state=ApplicationState.EXPERT_REVIEW.value)
    return ReviewRow.objects.filter(state__in=states, application_id__in=under_review.values("id"))


def _from_row(row: ReviewRow) -> Review:
    return Review(
        id=row.id,
        application_id=row.application_id,
        reviewer_id=row.reviewer_id,
        state=ReviewState(row.state),
        opinions=tuple(from_plain(Opinion, each) for each in row.opinions),
        conflict=ConflictKind(row.conflict) if row.conflict else None,
        invited_at=row.invited_at,
        answered_at=row.answered_at,
        submitted_at=row.submitted_at,
    )
