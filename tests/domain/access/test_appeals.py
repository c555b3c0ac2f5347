"""Appeals: in time, with a reason, and never answered by whoever decided."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.access import appeals, applications, rebuttals
from allmende.domain.access.appeals import AppealIsLate, AppealState, NothingToAppeal, OwnDecision
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.rebuttals import RebuttalIsClosed
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from tests.domain.access.building import NOON, RULES
from tests.domain.access.reviewing import assessment, with_experts

WHY = Sentence("No time left.")


def refused(*, by="p-olga", now=NOON):
    application = applications.close_panel(
        applications.complete_reviews(with_experts(), now=now), now=now
    )
    return applications.refuse(application, why=WHY, now=now, by=by)


def filed(application, *, now=NOON, **changes):
    facts = {"id": "apl-1", "reason": "A review is of another text.", "by": "p-ada", "now": now}
    return appeals.file_appeal(application, rules=RULES.book, **{**facts, **changes})


def answered(appeal, *, by="p-otto", **changes):
    facts = {"is_upheld": True, "answer": "It is.", "by": by, "now": NOON, **changes}
    return appeals.answer_appeal(appeal, **facts)


def test_an_appeal_keeps_the_decision_that_it_is_about():
    appeal = filed(refused())
    assert (appeal.appealed_decision, appeal.appealed_by) == (WHY, "p-olga")
    assert (appeal.state, appeal.appealed_at) == (AppealState.FILED, NOON)
    assert not appeal.is_late(NOON)
    assert appeal.is_late(appeal.due_at)


@pytest.mark.parametrize(
    ("decided_at", "ends_at"),
    [
        # Thirty days of Berlin after the day of the decision, whatever the clock does meanwhile.
        (datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)),
        (datetime(2026, 10, 1, 21, 59, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)),
        (datetime(2026, 10, 1, 22, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC)),
        (datetime(2027, 3, 1, 10, tzinfo=UTC), datetime(2027, 3, 31, 22, tzinfo=UTC)),
    ],
)
def test_the_last_second_is_in_time_and_the_next_is_late(decided_at, ends_at):
    application = refused(now=decided_at)
    assert appeals.find_end(application, rules=RULES.book) == ends_at
    filed(application, now=ends_at - timedelta(seconds=1))
    with pytest.raises(AppealIsLate):
        filed(application, now=ends_at)


def test_only_a_no_can_be_appealed_and_only_with_a_reason():
    for application in (with_experts(), applications.withdraw(with_experts(), now=NOON)):
        with pytest.raises(NothingToAppeal):
            filed(application)
    for reason in ("  ", "x" * 5_001, "un\u202ejust", "a\x07b"):
        with pytest.raises(InvalidInput):
            filed(refused(), reason=reason)
    filed(refused(), reason="ü" * 5_000)


def test_who_decided_does_not_answer_and_an_answer_is_given_once():
    appeal = filed(refused())
    with pytest.raises(OwnDecision):
        answered(appeal, by="p-olga")
    with pytest.raises(InvalidInput):
        answered(appeal, answer=" ")
    rejected = answered(appeal, is_upheld=False)
    assert (rejected.state, rejected.answered_by) == (AppealState.REJECTED, "p-otto")
    with pytest.raises(ForbiddenMove):
        answered(rejected)


def test_upheld_goes_back_to_the_step_whose_answer_was_wrong():
    later = NOON + timedelta(days=10)
    for feasible, state in (
        (True, ApplicationState.ASSESSED),
        (False, ApplicationState.TECHNICAL_ASSESSMENT),
    ):
        application = refused()
        appeal = filed(application, assessment=assessment(is_feasible=feasible))
        back = appeals.take_back_decision(application, appeal, now=later)
        assert (back.state, back.decided_at, back.decision) == (state, None, None)
        assert back.decided_by == ""
        assert back.due_at > later
    ineligible = applications.decide_eligibility(
        replace(with_experts(), state=ApplicationState.SUBMITTED),
        is_eligible=False,
        why=WHY,
        now=NOON,
    )
    back = appeals.take_back_decision(ineligible, filed(ineligible), now=later)
    assert back.state is ApplicationState.TECHNICAL_ASSESSMENT


def test_an_answer_to_the_reviews_has_its_days_from_the_last_review_on():
    plain = applications.complete_reviews(with_experts(rebuttal_working_days=0), now=NOON)
    assert rebuttals.find_end(plain) is None
    with pytest.raises(RebuttalIsClosed):
        rebuttals.write_rebuttal(plain, text="But.", by="p-ada", now=NOON)
    waiting = with_experts(rebuttal_working_days=2)
    assert not rebuttals.can_answer(waiting, now=NOON)
    ready = applications.complete_reviews(waiting, now=NOON)
    ends_at = rebuttals.find_end(ready)
    written = rebuttals.write_rebuttal(
        ready, text=" But. ", by="p-ada", now=ends_at - timedelta(seconds=1)
    )
    assert (written.text, written.reviewed_at) == ("But.", NOON)
    for text, now in (("But.", ends_at), ("", NOON), ("x" * 2_001, NOON), ("a\u202eb", NOON)):
        with pytest.raises((RebuttalIsClosed, InvalidInput)):
            rebuttals.write_rebuttal(ready, text=text, by="p-ada", now=now)
    assert rebuttals.list_open_ends([ready, plain, waiting], {}, now=NOON) == [ends_at]
    assert rebuttals.list_open_ends([ready], {ready.id}, now=NOON) == []
    assert rebuttals.list_open_ends([ready], {}, now=ends_at) == []
    closed = applications.close_panel(ready, now=NOON)
    assert rebuttals.find_end(closed) is None
