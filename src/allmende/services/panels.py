"""Panels: who reviews what in a round, how the round ranks, and when its panel closes.

A round is everything that was handed in under one call for one cut-off.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access import applications, expert_reviews
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.assignments import Pair, propose
from allmende.domain.access.calls import Call
from allmende.domain.access.expert_reviews import Review, ReviewState, check_under_review, get_plan
from allmende.domain.access.fits import Fit, measure_fits
from allmende.domain.access.gates import candidate_of
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.rankings import Calibration, Standing, calibrate, propose_awards, rank
from allmende.domain.access.rebuttals import Rebuttal, list_open_ends
from allmende.domain.access.reviewers import CONFLICT_WORDS, ConflictKind, ReviewerIsBarred
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import announcements, audit, reviewers
from allmende.services.deeds import Deed, one_transaction
from allmende.services.expert_reviews import bar, settle
from allmende.services.reviewers import ReviewerView
from allmende.services.reviews import lock_foreign
from allmende.storage import appeals as appeal_store
from allmende.storage import applications as application_store
from allmende.storage import calls as call_store
from allmende.storage import expert_reviews as store
from allmende.storage import ledger as ledger_store
from allmende.storage import people as people_store

UNFINISHED = frozenset(
    {
        ApplicationState.SUBMITTED,
        ApplicationState.TECHNICAL_ASSESSMENT,
        ApplicationState.EXPERT_REVIEW,
    }
)
UNDECIDED = frozenset({ApplicationState.PANEL, ApplicationState.ASSESSED})


class RoundIsOpen(Refusal):
    """{count} applications of this round are not before the panel yet, such as {first}. Close the
    panel when all are."""


class CutOffIsAhead(Refusal):
    """More applications may come until the cut-off on {cut_off_at}. Close the panel after it."""


class RebuttalsAreOpen(Refusal):
    """{count} applicants of this round may still answer their reviews, the last until {ends_at}.
    Close the panel when they have, or after that."""


class RoundHasConflicts(Refusal):
    """{count} reviews of this round come from people who have a conflict of interest by now. Look
    for conflicts first: those reviews are then kept and not counted."""


class NoPlaceLeft(Refusal):
    """{name} reviews as many applications as they take. Choose somebody else."""


@dataclass(frozen=True, kw_only=True)
class RoundView:
    """A call with peer review, one of its cut-offs, and how many applications stand where."""

    call: Call
    cut_off_at: datetime
    counts: Mapping[ApplicationState, int]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A reviewer whom an application could have: how well they fit, and what bars them."""

    reviewer: ReviewerView
    fit: Fit
    conflict: ConflictKind | None
    is_proposed: bool


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A reviewer who was asked, and where their review stands; no scores."""

    name: str
    reviewer_id: str
    state: ReviewState


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One application of the round with those who were asked and those who could be."""

    application: Application
    wanted: int  # reviews that are still to be assigned
    lacking: int  # of these, how many nobody can write
    asked: tuple[Asked, ...]
    choices: tuple[Choice, ...]  # the proposed first, then the best fit


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A round as the panel sees it; what is still blind is only counted."""

    call: Call
    cut_off_at: datetime
    standings: tuple[Standing, ...]
    applications: Mapping[str, Application]
    reviews: Mapping[str, tuple[Review, ...]]  # submitted ones, those of recused people too
    rebuttals: Mapping[str, Rebuttal]  # by application
    rebuttals_end_at: datetime | None  # until when somebody may still answer their reviews
    calibrations: tuple[Calibration, ...]
    names: Mapping[str, str]  # of reviewers
    waiting: tuple[Application, ...]
    capacity_seconds: int
    can_close: bool


def list_rounds(reader: Person) -> list[RoundView]:
    """Return the rounds of all calls with peer review, the earliest cut-off first."""
    check_permission(reader, Permission.SEE_PANEL)
    counts: dict[tuple[str, datetime], dict[ApplicationState, int]] = {}
    for call_id, cut_off_at, state, number in application_store.count_rounds():
        counts.setdefault((call_id, cut_off_at), {})[ApplicationState(state)] = number
    calls = call_store.list_by_ids({call_id for call_id, _ in counts})
    return [
        RoundView(call=calls[call_id], cut_off_at=cut_off_at, counts=numbers)
        for (call_id, cut_off_at), numbers in counts.items()
    ]


def list_assignments(
    reader: Person, call_id: str, cut_off_at: datetime, *, now: datetime
) -> list[Assignment]:
    """Return the applications that are with the experts, with the best assignment proposed."""
    check_permission(reader, Permission.MANAGE_REVIEWS)
    _, members = _get_round(call_id, cut_off_at)
    with_experts = [each for each in members if each.state is ApplicationState.EXPERT_REVIEW]
    pool = reviewers.list_reviewers(reader, now=now)
    reviews = _by_application(store.list_reviews([each.id for each in with_experts]))
    asked_ids = {each.reviewer_id for every in reviews.values() for each in every}
    names = people_store.get_names(asked_ids)
    conflicts = reviewers.find_conflicts(with_experts, [each.person.id for each in pool], now=now)
    fits = measure_fits(
        {each.id: _text_of(each) for each in with_experts},
        {each.person.id: " ".join(each.profile.keywords) for each in pool},
    )
    asked = {
        (each.application_id, each.reviewer_id) for every in reviews.values() for each in every
    }
    wanted = {each.id: _wanted(each, reviews.get(each.id, ())) for each in with_experts}
    proposal = propose(
        {
            pair: fit.thousandths
            for pair, fit in fits.items()
            if pair not in conflicts and pair not in asked
        },
        wanted=wanted,
        loads={each.person.id: each.free_load for each in pool},
    )
    return [
        Assignment(
            application=each,
            wanted=wanted[each.id],
            lacking=proposal.lacking.get(each.id, 0),
            asked=_asked(reviews.get(each.id, ()), names),
            choices=tuple(
                sorted(
                    (
                        Choice(
                            reviewer=reviewer,
                            fit=fits[each.id, reviewer.person.id],
                            conflict=conflicts.get((each.id, reviewer.person.id)),
                            is_proposed=(each.id, reviewer.person.id) in proposal.pairs,
                        )
                        for reviewer in pool
                        if (each.id, reviewer.person.id) not in asked
                    ),
                    key=_order_of_choice,
                )
            ),
        )
        for each in with_experts
    ]


@one_transaction
def invite_reviewers(deed: Deed, pairs: Sequence[Pair]) -> list[Review]:
    """Ask experts, each for one application: all of them, or nobody."""
    return [invite_reviewer(deed, each, reviewer_id=reviewer) for each, reviewer in pairs]


@one_transaction
def invite_reviewer(deed: Deed, application_id: str, *, reviewer_id: str) -> Review:
    """Ask an expert to review an application; asking again changes nothing."""
    check_permission(deed.actor, Permission.MANAGE_REVIEWS)
    application = lock_foreign(deed.actor, application_id)
    get_plan(application)
    known = store.find_review(application_id, reviewer_id)
    if known is not None:
        return known
    check_under_review(application)
    pool = {each.person.id: each for each in reviewers.list_reviewers(deed.actor, now=deed.now)}
    if reviewer_id not in pool:
        raise NotFound(kind="reviewer", id=reviewer_id)
    view = pool[reviewer_id]
    conflicts = reviewers.find_conflicts([application], [reviewer_id], now=deed.now)
    conflict = conflicts.get((application_id, reviewer_id))
    if conflict is not None:
        raise ReviewerIsBarred(
            name=view.person.name, application=application_id, conflict=CONFLICT_WORDS[conflict]
        )
    if not view.free_load:
        raise NoPlaceLeft(name=view.person.name)
    asked = Review(
        id=deed.new_id("rev"),
        application_id=application_id,
        reviewer_id=reviewer_id,
        invited_at=deed.now,
    )
    store.save_review(asked)
    audit.record(
        deed, action="review.invited", subject=application_id, review=asked.id, reviewer=reviewer_id
    )
    announcements.tell_reviewer(deed, MessageKind.REVIEW_INVITED, application, asked)
    return asked


@one_transaction
def call_off_review(deed: Deed, application_id: str, *, reviewer_id: str) -> Review:
    """Take back an invitation, or a review that does not come."""
    check_permission(deed.actor, Permission.MANAGE_REVIEWS)
    application = lock_foreign(deed.actor, application_id)
    review = store.get_review(application_id, reviewer_id)
    if review.state is ReviewState.CALLED_OFF:
        return review
    called_off = expert_reviews.answer(review, ReviewState.CALLED_OFF, now=deed.now)
    store.save_review(called_off)
    audit.record(deed, action="review.called_off", subject=application_id, review=review.id)
    announcements.tell_reviewer(deed, MessageKind.REVIEW_CALLED_OFF, application, called_off)
    settle(deed, application)
    return called_off


@one_transaction
def recheck_conflicts(deed: Deed, call_id: str, cut_off_at: datetime) -> int:
    """Bar everybody of the round who has a conflict by now; return how many there were."""
    check_permission(deed.actor, Permission.MANAGE_REVIEWS)
    _, members = _get_round(call_id, cut_off_at)
    found = _list_conflicted(members, now=deed.now)
    for review, conflict in found:
        bar(deed, application_store.lock_application(review.application_id), review, conflict)
    return len(found)


def get_panel(reader: Person, call_id: str, cut_off_at: datetime, *, now: datetime) -> Panel:
    """Return the ranking of a round under what its call has to give."""
    check_permission(reader, Permission.SEE_PANEL)
    call, members = _get_round(call_id, cut_off_at)
    shown = [each for each in members if each.frozen and not expert_reviews.is_blind(each)]
    reviews = _by_application(store.list_reviews([each.id for each in shown]))
    candidates = [candidate_of(each, reviews.get(each.id, ())) for each in shown]
    capacity = _capacity(call)
    standings = propose_awards(
        rank(candidates),
        requested={
            each.id: (each.form.requested_seconds or 0) if each.state in UNDECIDED else 0
            for each in shown
        },
        capacity_seconds=capacity,
        least_seconds=call.size_min_seconds,
    )
    waiting = tuple(each for each in members if each.state in UNFINISHED)
    answered = appeal_store.list_rebuttals_to(shown)
    open_ends = list_open_ends(shown, answered, now=now)
    written = {
        each.id: tuple(r for r in reviews.get(each.id, ()) if r.submitted_at) for each in shown
    }
    return Panel(
        call=call,
        cut_off_at=cut_off_at,
        standings=standings,
        applications={each.id: each for each in shown},
        reviews=written,
        rebuttals=answered,
        rebuttals_end_at=max(open_ends, default=None),
        calibrations=calibrate(candidates),
        names=people_store.get_names(r.reviewer_id for every in written.values() for r in every),
        waiting=waiting,
        capacity_seconds=capacity,
        can_close=cut_off_at <= now
        and not waiting
        and not open_ends
        and any(each.state is ApplicationState.PANEL for each in shown),
    )


@one_transaction
def close_panel(deed: Deed, call_id: str, cut_off_at: datetime) -> list[str]:
    """Close the panel of a round when all of it is ranked; return the ids, the best first."""
    check_permission(deed.actor, Permission.MANAGE_REVIEWS)
    _, listed = _get_round(call_id, cut_off_at)
    members = [application_store.lock_application(each.id) for each in listed]
    unfinished = [each for each in members if each.state in UNFINISHED]
    if deed.now < cut_off_at:
        raise CutOffIsAhead(cut_off_at=cut_off_at)
    if unfinished:
        raise RoundIsOpen(count=len(unfinished), first=unfinished[0].id)
    answered = appeal_store.list_rebuttals_to(members)
    if open_ends := list_open_ends(members, answered, now=deed.now):
        raise RebuttalsAreOpen(count=len(open_ends), ends_at=max(open_ends))
    if conflicted := _list_conflicted(members, now=deed.now):
        raise RoundHasConflicts(count=len(conflicted))
    panel = get_panel(deed.actor, call_id, cut_off_at, now=deed.now)
    ranked = [each.application_id for each in panel.standings]
    for application in members:
        if application.state is ApplicationState.PANEL:
            closed = applications.close_panel(application, now=deed.now)
            application_store.save_application(closed)
            audit.record(
                deed,
                action="application.ranked",
                subject=application.id,
                place=ranked.index(application.id) + 1,
                of=len(ranked),
            )
    return ranked


def _get_round(call_id: str, cut_off_at: datetime) -> tuple[Call, list[Application]]:
    members = application_store.list_round(call_id, cut_off_at)
    reviewed = [each for each in members if each.submitted.mode.review is not None]
    if not reviewed:
        raise NotFound(kind="round with peer review of call", id=call_id)
    return call_store.get_call(call_id), reviewed


def _list_conflicted(
    members: Sequence[Application], *, now: datetime
) -> list[tuple[Review, ConflictKind]]:
    """Return open and counted reviews by people who have a conflict by now."""
    undecided = [each for each in members if each.decided_at is None]
    reviews = [
        each
        for each in store.list_reviews([each.id for each in undecided])
        if each.is_open or each.is_counted
    ]
    conflicts = reviewers.find_conflicts(undecided, {each.reviewer_id for each in reviews}, now=now)
    pairs = [(each, conflicts.get((each.application_id, each.reviewer_id))) for each in reviews]
    return [(review, conflict) for review, conflict in pairs if conflict is not None]


def _by_application(reviews: Iterable[Review]) -> dict[str, tuple[Review, ...]]:
    found: dict[str, tuple[Review, ...]] = {}
    for review in reviews:
        found[review.application_id] = (*found.get(review.application_id, ()), review)
    return found


def _asked(reviews: Iterable[Review], names: Mapping[str, str]) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            name=names.get(each.reviewer_id, each.reviewer_id),
            reviewer_id=each.reviewer_id,
            state=each.state,
        )
        for each in reviews
    )


def _order_of_choice(choice: Choice) -> tuple[bool, bool, int, str]:
    return (
        not choice.is_proposed,
        choice.conflict is not None,
        -choice.fit.thousandths,
        choice.reviewer.person.name,
    )


def _wanted(application: Application, reviews: Iterable[Review]) -> int:
    have = sum(each.is_open or each.is_counted for each in reviews)
    return max(get_plan(application).reviews_per_application - have, 0)


def _text_of(application: Application) -> str:
    form = application.form
    return " ".join((form.title, form.summary, form.keywords, form.problem, form.data_description))


def _capacity(call: Call) -> int:
    pool = f"pool:{call.partition_id}:{call.access_share}:{call.mode_id}"
    return ledger_store.get_balances([pool]).get(pool, 0)
