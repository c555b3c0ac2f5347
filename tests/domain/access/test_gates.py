"""No way through the lifecycle reaches an award without each gate; no score is seen early."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access import appeals, applications, expert_reviews
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.awards import check_award
from allmende.domain.access.expert_reviews import (
    LIFECYCLE,
    Opinion,
    ReviewIsIncomplete,
    ReviewState,
    are_complete,
    is_blind,
    list_visible,
)
from allmende.domain.access.gates import (
    BelowThreshold,
    PanelIsOpen,
    ReviewsAreMissing,
    Step,
    StepStatus,
    check_gates,
    list_steps,
)
from allmende.domain.access.reviewers import ConflictKind
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.access.working_days import due_after
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from tests.domain.access.building import NOON, RULES, answers, draft, frozen, full_draft
from tests.domain.access.full_form import SMALL
from tests.domain.access.reviewing import PLAN, assessment, opinions, review, with_experts
from tests.trials import IS_LONG

ROUNDS = RULES.get_call("werkbank-ai-for-science-2027-1")
WHY = Sentence("Because.")
LATER = NOON + timedelta(days=40)


def ranked(application):
    return applications.close_panel(applications.complete_reviews(application, now=NOON), now=NOON)


def test_each_gate_refuses_with_its_own_sentence():
    application = with_experts()
    one, two = review(1, 4, 4, 4), review(2, 4, 4, 2)
    with pytest.raises(ReviewsAreMissing):
        check_gates(application, [one, two])
    before_panel = applications.complete_reviews(application, now=NOON)
    with pytest.raises(PanelIsOpen):
        check_gates(before_panel, [one, two])
    recused = expert_reviews.bar(two, ConflictKind.DECLARED, now=LATER)
    with pytest.raises(ReviewsAreMissing):
        check_gates(ranked(application), [one, recused])
    low = review(2, 4, 4, 1)
    with pytest.raises(BelowThreshold):
        check_gates(ranked(application), [one, low])
    check_gates(ranked(application), [one, two])


def test_a_mode_without_peer_review_has_no_such_gates():
    check_gates(applications.submit(draft(), frozen=frozen(), now=NOON), [])


def test_the_plan_freezes_with_the_mode():
    application = with_experts(reviews_per_application=3)
    mode = application.submitted.mode
    assert from_plain(type(mode), to_plain(mode)) == mode


class Way:
    """One way through the lifecycle: everybody does anything, and what they may not do is refused.

    Deeds are drawn alike often, and of reviews that there are: Hypothesis would leave whole kinds
    of deeds out of most ways, and hardly one would come to an award.
    """

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.application = applications.submit(
            full_draft(**SMALL), frozen=with_experts().frozen, now=NOON
        )
        self.assessment = None
        self.reviews = {}

    def go(self, steps):
        """Go so many steps, at random; return what came of the application."""
        deeds = [self.invite, self.answer, self.submit] * 4
        deeds += [self.assess, self.bar, self.close_panel]
        deeds += [self.award, self.refuse, self.appeal_with_success]
        for _ in range(steps):
            with suppress(Refusal):
                self.dice.choice(deeds)()
            self.settle()
            self.check_that_no_score_is_seen_early()
        return self.application.state

    def settle(self):
        """Do what the service does after each change of a review."""
        counted = sum(each.is_counted for each in self.reviews.values())
        state = self.application.state
        if state is ApplicationState.EXPERT_REVIEW and are_complete(self.reviews.values(), PLAN):
            self.application = applications.complete_reviews(self.application, now=NOON)
        elif (
            state in expert_reviews.UNDER_REVIEW
            and self.application.reviewed_at
            and counted < PLAN.reviews_per_application
        ):
            self.application = applications.reopen_reviews(self.application)

    def assess(self):
        is_feasible = self.dice.random() < 0.8
        self.application = applications.assess(self.application, is_feasible=is_feasible)
        self.assessment = assessment(is_feasible=is_feasible)

    def invite(self):
        expected = sum(each.is_open or each.is_counted for each in self.reviews.values())
        is_with_experts = self.application.state is ApplicationState.EXPERT_REVIEW
        if is_with_experts and expected < PLAN.reviews_per_application + (self.dice.random() < 0.1):
            number = len(self.reviews)
            self.reviews[number] = review(number, state=ReviewState.INVITED)

    def answer(self):
        state = self.dice.choice([ReviewState.ACCEPTED] * 9 + [ReviewState.DECLINED])
        self.change(lambda each: expert_reviews.answer(each, state, now=NOON))

    def submit(self):
        scores = [self.dice.randint(2, 5) for _ in PLAN.criteria]
        if self.application.state is ApplicationState.EXPERT_REVIEW:
            self.change(
                lambda each: expert_reviews.submit(
                    expert_reviews.write(each, PLAN, opinions(*scores)), PLAN, now=NOON
                )
            )

    def bar(self):
        self.change(lambda each: expert_reviews.bar(each, ConflictKind.DECLARED, now=NOON))

    def change(self, deed):
        """Do it to the first review, in any order, to which it can be done."""
        for number in self.dice.sample(sorted(self.reviews), len(self.reviews)):
            with suppress(Refusal):
                self.reviews[number] = deed(self.reviews[number])
                return

    def close_panel(self):
        self.application = applications.close_panel(self.application, now=NOON)

    def award(self):
        """Award as the service does; whatever is awarded has passed each gate."""
        awarded = applications.award(self.application, why=WHY, now=NOON)
        check_award(self.application, assessment=self.assessment, seconds=1)
        check_gates(self.application, list(self.reviews.values()))
        counted = [each for each in self.reviews.values() if each.is_counted]
        assert self.assessment.is_feasible
        assert len(counted) >= PLAN.reviews_per_application
        assert awarded.reviewed_at
        assert awarded.ranked_at
        for criterion in PLAN.criteria:
            scores = [each.scores[criterion.id] for each in counted]
            assert sum(scores) >= criterion.threshold * len(scores)
        self.application = awarded

    def refuse(self):
        self.application = applications.refuse(self.application, why=WHY, now=NOON, by="p-olga")

    def appeal_with_success(self):
        """Take a refusal back; it opens no way past a gate."""
        appeal = appeals.file_appeal(
            self.application,
            id="apl-1",
            reason="It was another text.",
            by="p-ada",
            now=NOON,
            rules=RULES.book,
            assessment=self.assessment,
        )
        self.application = appeals.take_back_decision(self.application, appeal, now=NOON)

    def check_that_no_score_is_seen_early(self):
        every = list(self.reviews.values())
        is_still_open = self.application.state is ApplicationState.EXPERT_REVIEW or any(
            each.is_open for each in every
        )
        for reader in [*(each.reviewer_id for each in every), "p-stranger", "p-office"]:
            seen = list_visible(
                every, self.application, reader_id=reader, is_office=reader == "p-office"
            )
            if is_still_open:
                assert all(each.reviewer_id == reader for each in seen)
            assert all(each.opinions for each in seen if each.reviewer_id != reader)


WAYS = 3_000 if IS_LONG else 300


@pytest.mark.slow
def test_no_way_leads_to_an_award_without_each_gate_and_some_lead_there():
    ends = Counter(Way(Random(seed)).go(steps=80) for seed in range(WAYS))
    assert ends[ApplicationState.AWARDED] > WAYS // 30


def test_who_has_not_reviewed_reads_nothing_of_others():
    application = applications.complete_reviews(with_experts(), now=NOON)
    every = [review(1, 4, 4, 4), review(2, 4, 4, 4), review(3, state=ReviewState.DECLINED)]

    def seen(reader, *, is_office=False):
        found = list_visible(every, application, reader_id=reader, is_office=is_office)
        return [each.reviewer_id for each in found]

    assert seen("p-1") == ["p-1", "p-2"]
    assert seen("p-3") == ["p-3"]
    assert seen("p-4") == []
    assert seen("p-4", is_office=True) == ["p-1", "p-2"]
    assert is_blind(applications.withdraw(application, now=NOON))


def test_a_review_is_answered_handed_in_once_and_kept_where_a_conflict_comes_up():
    accepted = expert_reviews.answer(
        review(1, state=ReviewState.INVITED), ReviewState.ACCEPTED, now=NOON
    )
    whole = expert_reviews.write(accepted, PLAN, opinions(5, 4, 3))
    handed_in = expert_reviews.submit(whole, PLAN, now=LATER)
    assert (handed_in.answered_at, handed_in.submitted_at) == (NOON, LATER)
    barred = expert_reviews.bar(handed_in, ConflictKind.DECLARED, now=LATER)
    assert (handed_in.is_counted, barred.is_counted) == (True, False)
    assert barred.opinions == handed_in.opinions
    assert are_complete([handed_in, review(2, 4, 4, 4)], PLAN)
    assert not are_complete([barred, review(2, 4, 4, 4)], PLAN)
    assert not are_complete([handed_in, review(2, 4, 4, 4), accepted], PLAN)


def test_a_draft_is_checked_part_by_part():
    accepted = review(1, state=ReviewState.ACCEPTED)
    draft_of_one = expert_reviews.write(accepted, PLAN, opinions(5, 4, 3)[1:2])
    assert draft_of_one.scores == {"impact": 4}
    assert draft_of_one.find_opinion("excellence").score is None
    with pytest.raises(ReviewIsIncomplete):
        expert_reviews.submit(draft_of_one, PLAN, now=NOON)
    for wrong in (
        Opinion(criterion_id="beauty", score=5),
        Opinion(criterion_id="impact", score=6),
        Opinion(criterion_id="impact", text="ä" * 601),
    ):
        with pytest.raises(InvalidInput):
            expert_reviews.write(accepted, PLAN, [wrong])
    expert_reviews.write(accepted, PLAN, [Opinion(criterion_id="impact", text="a\u0308" * 600)])


@given(st.sampled_from(list(ReviewState)))
def test_a_counted_review_ends_only_in_being_recused(state):
    assert LIFECYCLE.can_move(ReviewState.SUBMITTED, state) is (state is ReviewState.RECUSED)


def test_steps_of_a_mode_without_peer_review_and_of_what_ended_early():
    assert list_steps(draft(), None) == ()
    application = applications.submit(draft(), frozen=frozen(), now=NOON)
    first, last = list_steps(application, None)
    assert (first.step, first.status) == (Step.TECHNICAL_ASSESSMENT, StepStatus.CURRENT)
    assert (last.step, last.due_at, last.is_late(LATER)) == (
        Step.DECISION,
        application.due_at,
        True,
    )
    ended = applications.submit(draft(), frozen=frozen(given=answers(country="US")), now=NOON)
    assert [each.status for each in list_steps(ended, None)] == [
        StepStatus.LEFT_OUT,
        StepStatus.DONE,
    ]
    unsettled = applications.submit(draft(), frozen=frozen(given=answers(size=None)), now=NOON)
    assert {each.status for each in list_steps(unsettled, None)} == {StepStatus.LATER}
    withdrawn = applications.withdraw(with_experts(), now=NOON)
    steps = list_steps(withdrawn, assessment())
    assert [each.status for each in steps] == [
        StepStatus.DONE,
        StepStatus.LEFT_OUT,
        StepStatus.LEFT_OUT,
        StepStatus.DONE,
    ]
    assert [each.is_late(LATER) for each in steps] == [False] * 4


def test_no_deed_of_one_step_does_the_work_of_another():
    application = with_experts()
    before_panel = applications.complete_reviews(application, now=NOON)
    for deed in (
        lambda: applications.assess(before_panel, is_feasible=False),
        lambda: applications.assess(ranked(application), is_feasible=True),
        lambda: applications.close_panel(application, now=NOON),
        lambda: applications.complete_reviews(before_panel, now=NOON),
    ):
        with pytest.raises(applications.StepIsNotCurrent):
            deed()


def test_with_a_review_less_the_experts_have_the_application_again():
    again = applications.reopen_reviews(ranked(with_experts()))
    assert again == with_experts()
    with pytest.raises(ReviewsAreMissing):
        check_gates(again, [review(1, 4, 4, 4), review(2, 4, 4, 4)])


def test_each_step_has_its_own_working_days_from_the_cut_off_on():
    first = ROUNDS.cut_offs[0]
    handed_in = applications.submit(full_draft(), frozen=frozen(call=ROUNDS), now=NOON)
    days = (PLAN.assessment_working_days, PLAN.review_working_days, PLAN.panel_working_days)
    assert [each.due_at for each in list_steps(handed_in, None)] == [
        due_after(first, working_days=count, land=ROUNDS.land)
        for count in (*days, ROUNDS.decision_working_days)
    ]


def test_what_the_experts_may_still_do_ends_with_their_step():
    application = with_experts()
    expert_reviews.check_under_review(application)
    with pytest.raises(expert_reviews.ReviewIsOver):
        expert_reviews.check_under_review(ranked(application))
    assert expert_reviews.get_plan(application) == PLAN
    with pytest.raises(expert_reviews.ReviewIsOver):
        expert_reviews.get_plan(draft())
    with pytest.raises(expert_reviews.NoPeerReview):
        expert_reviews.get_plan(applications.submit(draft(), frozen=frozen(), now=NOON))
    with pytest.raises(expert_reviews.ReviewIsSubmitted):
        expert_reviews.write(review(1, 4, 4, 4), PLAN, [])
