"""Reviews by experts: invited, accepted, written in the dark, submitted once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from allmende.domain.access import applications, expert_reviews
from allmende.domain.access.application_forms import without_secrets
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.expert_reviews import (
    READING_STATES,
    UNDER_REVIEW,
    Opinion,
    Review,
    ReviewIsOver,
    ReviewState,
    are_complete,
    check_under_review,
    get_plan,
    is_blind,
    list_visible,
)
from allmende.domain.access.gates import Step, find_due
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.review_plans import ReviewPlan
from allmende.domain.access.reviewers import (
    CONFLICT_WORDS,
    ConflictKind,
    ConflictOfInterest,
    FileIsClosed,
)
from allmende.domain.access.snapshots import hash_content
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import announcements, audit, reviewers
from allmende.services import applications as application_service
from allmende.services.announcements import tell_reviewer
from allmende.services.deeds import Deed, one_transaction
from allmende.services.reviews import lock_foreign
from allmende.storage import applications as application_store
from allmende.storage import expert_reviews as store


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """A review of one's own with what is needed to see a conflict before the file opens."""

    review: Review
    title: str
    organisation_name: str
    principal_investigator: str
    due_at: datetime | None  # the first instant at which the review is late
    application_state: ApplicationState

    @property
    def is_open(self) -> bool:
        """Say whether something is still asked of the reviewer."""
        return self.review.is_open and self.application_state is ApplicationState.EXPERT_REVIEW

    @property
    def is_readable(self) -> bool:
        """Say whether the file can be read at this stage of the application."""
        return self.application_state in UNDER_REVIEW


@dataclass(frozen=True, kw_only=True)
class ReviewFile:
    """What a reviewer works with; `others` are the reviews of colleagues, without their names."""

    application: Application
    plan: ReviewPlan
    review: Review
    others: tuple[Review, ...]


def list_invitations(reader: Person, *, after: str = "", limit: int = 100) -> list[Invitation]:
    """Return a page of one's own reviews, with what the file is about."""
    check_permission(reader, Permission.SEE_REVIEW)
    return _invitations(store.list_reviews_of(reader.id, after=after, limit=limit))


def list_open_invitations(reader: Person) -> list[Invitation]:
    """Return everything that is asked of a reviewer, what is due first before the rest."""
    check_permission(reader, Permission.SEE_REVIEW)
    found = _invitations(store.list_open_reviews_of(reader.id))
    return sorted(found, key=lambda each: (each.due_at is None, each.due_at, each.review.id))


def get_invitation(reader: Person, application_id: str) -> Invitation:
    """Return one of one's own reviews with what is needed to see a conflict."""
    check_permission(reader, Permission.SEE_REVIEW)
    review = store.get_review(application_id, reader.id)
    return _invitation(application_store.get_application(application_id), review)


def open_file(deed: Deed, application_id: str) -> ReviewFile:
    """Return the file of an application to a reviewer who accepted and has no conflict.

    The conflicts are looked for anew each time: what changed since the invitation counts.
    """
    reader = deed.actor
    check_permission(reader, Permission.SEE_REVIEW)
    review = store.get_review(application_id, reader.id)
    application = application_store.get_application(application_id)
    conflict = review.conflict or _find_conflict(deed, application)
    if conflict is not None:
        raise (
            FileIsClosed
            if _told(conflict) is None
            else ConflictOfInterest(conflict=CONFLICT_WORDS[conflict])
        )
    if review.state not in READING_STATES or application.state not in UNDER_REVIEW:
        raise NotFound(kind="open review of application", id=application_id)
    every = store.list_reviews([application_id])
    visible = list_visible(every, application, reader_id=reader.id, is_office=False)
    others = [each for each in visible if each.reviewer_id != reader.id]
    return ReviewFile(
        application=_for_experts(application),
        plan=get_plan(application),
        review=review,
        others=tuple(replace(each, reviewer_id="", id="") for each in others),
    )


@one_transaction
def answer_invitation(deed: Deed, application_id: str, *, accepts: bool) -> Review:
    """Accept or decline; declining is possible until the review is submitted.

    Who has a conflict is barred instead, whatever they answer.
    """
    application, review = _lock_own(deed, application_id)
    state = ReviewState.ACCEPTED if accepts else ReviewState.DECLINED
    if review.state is state:
        return review
    check_under_review(application)
    conflict = _find_conflict(deed, application) if accepts else None
    if conflict is not None:
        return bar(deed, application, review, conflict)
    answered = expert_reviews.answer(review, state, now=deed.now)
    if accepts:
        tell_reviewer(deed, MessageKind.REVIEW_ACCEPTED, application, answered)
    return _save(deed, application, answered, action=f"review.{state.value}")


@one_transaction
def declare_conflict(deed: Deed, application_id: str) -> Review:
    """Declare a conflict of interest, at any time: the file closes, a score no longer counts."""
    application, review = _lock_own(deed, application_id)
    if review.conflict is not None:
        return replace(review, conflict=_told(review.conflict))
    return bar(deed, application, review, ConflictKind.DECLARED)


@one_transaction
def recuse_reviewer(deed: Deed, application_id: str, *, reviewer_id: str) -> Review:
    """Close a file because the office found a conflict that no list shows, such as in an appeal."""
    check_permission(deed.actor, Permission.MANAGE_REVIEWS)
    application = lock_foreign(deed.actor, application_id)
    review = store.get_review(application_id, reviewer_id)
    if review.conflict is not None:
        return review
    if application.state not in UNDER_REVIEW:
        raise ReviewIsOver(application=application_id, state=application.state.value)
    return bar(deed, application, review, ConflictKind.FOUND_BY_OFFICE)


@one_transaction
def save_draft(deed: Deed, application_id: str, *, opinions: Iterable[Opinion]) -> Review:
    """Save scores and texts as far as they are; nobody else reads them."""
    application, review = _lock_own(deed, application_id)
    check_under_review(application)
    written = expert_reviews.write(review, get_plan(application), opinions)
    conflict = _find_conflict(deed, application)
    if conflict is not None:
        return bar(deed, application, review, conflict)
    return _save(deed, application, written, action="review.saved")


@one_transaction
def submit_review(deed: Deed, application_id: str, *, opinions: Iterable[Opinion] = ()) -> Review:
    """Hand one's review in, once, with what is said last; the same review again is the same."""
    application, review = _lock_own(deed, application_id)
    plan, said = get_plan(application), list(opinions)
    known = {each.criterion_id: each for each in review.opinions}
    if review.is_counted and all(known.get(each.criterion_id) == each for each in said):
        return review
    written = expert_reviews.write(review, plan, said)
    check_under_review(application)
    conflict = _find_conflict(deed, application)
    if conflict is not None:
        return bar(deed, application, review, conflict)
    submitted = expert_reviews.submit(written, plan, now=deed.now)
    return _save(deed, application, submitted, action="review.submitted")


def list_reviews(reader: Person, application_id: str) -> tuple[Review, ...]:
    """Return the reviews of an application that the office or an auditor may read: none early."""
    check_permission(reader, Permission.SEE_PANEL)
    application = application_service.get_application(reader, application_id)
    every = store.list_reviews([application_id])
    return list_visible(every, application, reader_id=reader.id, is_office=True)


def list_opinions(reader: Person, application_id: str) -> tuple[tuple[Opinion, ...], ...]:
    """Return the texts of the reviews to the applicant: no names, no scores.

    They open with the decision, or when all are in where the mode lets the applicant answer them.
    """
    application = application_service.get_application(reader, application_id)
    if application.reviewed_at is None or is_blind(application):
        return ()
    is_decided = application.state in (ApplicationState.AWARDED, ApplicationState.REFUSED)
    if not is_decided and not get_plan(application).rebuttal_working_days:
        return ()
    counted = [each for each in store.list_reviews([application_id]) if each.is_counted]
    return tuple(
        tuple(replace(opinion, score=None) for opinion in review.opinions) for review in counted
    )


def list_counted(application: Application, *, now: datetime) -> list[Review]:
    """Return the reviews that count now: submitted, by people who have no conflict by now."""
    counted = [each for each in store.list_reviews([application.id]) if each.is_counted]
    if not counted:
        return []
    writers = {each.reviewer_id for each in counted}
    conflicts = reviewers.find_conflicts([application], writers, now=now)
    return [each for each in counted if (application.id, each.reviewer_id) not in conflicts]


def bar(deed: Deed, application: Application, review: Review, conflict: ConflictKind) -> Review:
    """Close the file to a reviewer; if their scores were counted, they count no more."""
    barred = expert_reviews.bar(review, conflict, now=deed.now)
    saved = _save(deed, application, barred, action=f"review.{barred.state.value}")
    return replace(saved, conflict=_told(saved.conflict))


def settle(deed: Deed, application: Application) -> Application:
    """Pass the application on when all its reviews are in, and back when too few count."""
    plan = get_plan(application)
    reviews = store.list_reviews([application.id])
    counted = sum(review.is_counted for review in reviews)
    if application.state is ApplicationState.EXPERT_REVIEW and are_complete(reviews, plan):
        moved = applications.complete_reviews(application, now=deed.now)
        action = "application.reviews_complete"
        announcements.tell_readable(deed, moved)
    elif application.reviewed_at is not None and counted < plan.reviews_per_application:
        if application.state not in UNDER_REVIEW:
            return application
        moved, action = applications.reopen_reviews(application), "application.reviews_reopened"
    else:
        return application
    application_store.save_application(moved)
    audit.record(deed, action=action, subject=application.id, reviews=counted)
    return moved


def _lock_own(deed: Deed, application_id: str) -> tuple[Application, Review]:
    check_permission(deed.actor, Permission.WRITE_REVIEW)
    store.get_review(application_id, deed.actor.id)  # who was not invited learns nothing
    application = application_store.lock_application(application_id)
    return application, store.get_review(application_id, deed.actor.id)


def _find_conflict(deed: Deed, application: Application) -> ConflictKind | None:
    found = reviewers.find_conflicts([application], [deed.actor.id], now=deed.now)
    return found.get((application.id, deed.actor.id))


def _save(deed: Deed, application: Application, review: Review, *, action: str) -> Review:
    store.save_review(review)
    facts: dict[str, Any] = {"review": review.id}
    if review.conflict is not None:
        facts["conflict"] = review.conflict.value
    if review.is_counted:
        facts["content"] = hash_content(review.opinions)
    audit.record(deed, action=action, subject=application.id, **facts)
    settle(deed, application)
    return review


def _told(conflict: ConflictKind | None) -> ConflictKind | None:
    """Return the conflict as the reviewer may know it: never that the applicant named them."""
    return None if conflict is ConflictKind.EXCLUDED_BY_APPLICANT else conflict


def _for_experts(application: Application) -> Application:
    """Return the application without what reviewers must not read."""
    return replace(application, form=without_secrets(application.form))


def _invitations(own: Iterable[Review]) -> list[Invitation]:
    reviews = list(own)
    known = application_store.list_by_ids({each.application_id for each in reviews})
    return [_invitation(known[review.application_id], review) for review in reviews]


def _invitation(application: Application, review: Review) -> Invitation:
    return Invitation(
        review=replace(review, conflict=_told(review.conflict)),
        title=application.form.title,
        organisation_name=application.submitted.organisation.name,
        principal_investigator=application.form.principal_investigator,
        due_at=find_due(application, Step.EXPERT_REVIEW),
        application_state=application.state,
    )
