"""A second look: answers to reviews before the panel, appeals against decisions."""

from datetime import timedelta

import pytest

from allmende.domain.access.appeals import (
    AppealIsIn,
    AppealIsLate,
    AppealState,
    OwnDecision,
    StillIneligible,
)
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.expert_reviews import ReviewIsOver, ReviewState
from allmende.domain.access.gates import ReviewsAreMissing
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.rebuttals import RebuttalIsIn
from allmende.domain.access.reviewers import ConflictKind
from allmende.domain.access.reviews import OwnApplication
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.people import Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import (
    appeals,
    applications,
    audit,
    awards,
    expert_reviews,
    organisations,
    panels,
    rebuttals,
    reviews,
)
from allmende.storage import applications as application_store
from allmende.storage import messages as message_store
from allmende.storage import people as people_store
from tests.services.access import (
    HOUR,
    NOON,
    RULES,
    deed,
    drafted,
    figures,
    founder,
    officer,
    open_playground,
    person,
)
from tests.services.peer_review import (
    AFTER,
    CALL_ID,
    CUT_OFF,
    PANEL_DAY,
    accepted,
    before_the_panel,
    expert,
    handed_in,
    open_round,
    opinions,
    scientist,
)

pytestmark = pytest.mark.django_db
REASON = "The second expert wrote about another text."


@pytest.fixture
def applied():
    """Return a scientist and their application, of which every review is in."""
    open_round()
    rosa, university = scientist()
    application, _ = before_the_panel(rosa, university)
    return rosa, application


def close(*, now=PANEL_DAY):
    return panels.close_panel(deed(officer(), now=now), CALL_ID, CUT_OFF)


def refuse(application, by):
    close()
    return awards.refuse_application(deed(by, now=PANEL_DAY), application.id, why="No time left.")


def file(rosa, application, *, now=PANEL_DAY):
    return appeals.file_appeal(deed(rosa, now=now), application.id, reason=REASON, rules=RULES)


def answer(who, appeal, *, is_upheld=True, now=PANEL_DAY):
    return appeals.answer_appeal(
        deed(who, now=now), appeal.id, is_upheld=is_upheld, answer="So it is.", rules=RULES
    )


def test_the_panel_waits_for_the_applicants_and_reads_what_they_say(applied):
    rosa, application = applied
    with pytest.raises(panels.RebuttalsAreOpen):
        close(now=AFTER)
    panel = panels.get_panel(officer(), CALL_ID, CUT_OFF, now=AFTER)
    assert (panel.can_close, panel.rebuttals) == (False, {})
    said = rebuttals.answer_reviews(deed(rosa, now=AFTER), application.id, text=" It is there. ")
    again = rebuttals.answer_reviews(deed(rosa, now=PANEL_DAY), application.id, text="It is there.")
    assert said == again == rebuttals.find_rebuttal(rosa, application.id)
    with pytest.raises(RebuttalIsIn):
        rebuttals.answer_reviews(deed(rosa, now=AFTER), application.id, text="Or not.")
    panel = panels.get_panel(officer(), CALL_ID, CUT_OFF, now=AFTER)
    assert panel.can_close
    assert panel.rebuttals == {application.id: said}
    assert close(now=AFTER) == [application.id]


def test_an_answer_is_to_the_reviews_that_count(applied):
    rosa, application = applied
    rebuttals.answer_reviews(deed(rosa, now=AFTER), application.id, text="It is there.")
    one, _ = expert_reviews.list_reviews(officer(), application.id)
    by_office = deed(officer(), now=AFTER)
    recused = expert_reviews.recuse_reviewer(by_office, application.id, reviewer_id=one.reviewer_id)
    assert (recused.state, recused.conflict) == (
        ReviewState.RECUSED,
        ConflictKind.FOUND_BY_OFFICE,
    )
    assert recused == expert_reviews.recuse_reviewer(
        by_office, application.id, reviewer_id=one.reviewer_id
    )
    assert rebuttals.find_rebuttal(rosa, application.id) is None
    three = expert("three")
    accepted(application, three)
    expert_reviews.submit_review(
        deed(three, now=PANEL_DAY), application.id, opinions=opinions(4, 4, 4)
    )
    assert rebuttals.find_rebuttal(rosa, application.id) is None


def test_others_neither_answer_nor_appeal(applied):
    rosa, application = applied
    stranger, _ = scientist("stranger")
    with pytest.raises(NotFound):
        rebuttals.answer_reviews(deed(stranger, now=AFTER), application.id, text="Me.")
    with pytest.raises(NotFound):
        rebuttals.find_rebuttal(stranger, application.id)
    refuse(application, officer())
    with pytest.raises(NotFound):
        file(stranger, application)
    appeal = file(rosa, application)
    with pytest.raises(NotPermitted):
        answer(rosa, appeal)
    with pytest.raises(NotFound):
        appeals.list_appeals_of(stranger, application.id)
    with pytest.raises(NotPermitted):
        appeals.list_appeals(rosa)


def test_somebody_else_takes_the_decision_back_and_then_it_is_taken_anew(applied):
    rosa, application = applied
    olga, otto = officer(), officer()
    refuse(application, olga)
    appeal = file(rosa, application)
    assert file(rosa, application) == appeal
    with pytest.raises(AppealIsIn):
        appeals.file_appeal(
            deed(rosa, now=PANEL_DAY), application.id, reason="Another one.", rules=RULES
        )
    assert appeals.list_appeals(olga, state=AppealState.FILED) == [appeal]
    with pytest.raises(OwnDecision):
        answer(olga, appeal)
    upheld = answer(otto, appeal)
    assert upheld == answer(otto, appeal)
    with pytest.raises(ForbiddenMove):
        answer(otto, appeal, is_upheld=False)
    again = applications.get_application(rosa, application.id)
    assert (again.state, again.decision) == (ApplicationState.ASSESSED, None)
    given = awards.award_application(
        deed(olga, now=PANEL_DAY), application.id, rules=RULES, seconds=HOUR
    )
    assert given.seconds == HOUR
    events = audit.list_events(person("auditor", Role.AUDITOR), subject=application.id, limit=100)
    assert [each.action for each in events][-3:] == [
        "appeal.filed",
        "appeal.upheld",
        "application.awarded",
    ]
    assert REASON not in str(events)


def test_a_rejected_appeal_leaves_the_decision_and_a_second_no_can_be_appealed(applied):
    rosa, application = applied
    olga, otto = officer(), officer()
    refuse(application, olga)
    appeal = file(rosa, application)
    assert answer(otto, appeal, is_upheld=False).state is AppealState.REJECTED
    state = applications.get_application(rosa, application.id).state
    assert state is ApplicationState.REFUSED
    assert file(rosa, application).state is AppealState.REJECTED  # one for each decision
    assert len(appeals.list_appeals_of(rosa, application.id)) == 1


def test_after_a_second_refusal_there_is_a_second_appeal(applied):
    rosa, application = applied
    olga, otto = officer(), officer()
    refuse(application, olga)
    answer(otto, file(rosa, application))
    later = PANEL_DAY + timedelta(days=3)
    awards.refuse_application(deed(olga, now=later), application.id, why="Still no time.")
    second = file(rosa, application, now=later)
    assert second.appealed_at == later
    assert len(appeals.list_appeals_of(rosa, application.id)) == 2
    with pytest.raises(ReviewIsOver):
        expert_reviews.recuse_reviewer(
            deed(olga, now=later), application.id, reviewer_id=_expert_of(application)
        )


def _expert_of(application):
    return expert_reviews.list_reviews(officer(), application.id)[0].reviewer_id


def test_an_appeal_opens_no_way_past_the_reviews(applied):
    rosa, application = applied
    olga, otto = officer(), officer()
    refuse(application, olga)
    answer(otto, file(rosa, application))
    expert_reviews.recuse_reviewer(
        deed(otto, now=PANEL_DAY), application.id, reviewer_id=_expert_of(application)
    )
    again = applications.get_application(rosa, application.id)
    assert again.state is ApplicationState.EXPERT_REVIEW
    with pytest.raises((ForbiddenMove, ReviewsAreMissing)):
        awards.award_application(deed(olga, now=PANEL_DAY), application.id, rules=RULES)


def test_what_would_not_run_is_assessed_anew():
    open_round()
    rosa, university = scientist()
    application = handed_in(rosa, university)
    olga, otto = officer(), officer()
    for feasible in (False, True):
        reviews.record_technical_assessment(
            deed(olga, now=AFTER), application.id, is_feasible=feasible, notes="Too large."
        )
        if not feasible:
            awards.refuse_application(deed(olga, now=AFTER), application.id, why="Too large.")
            appeal = file(rosa, application, now=AFTER)
            assert appeal.appealed_assessment.notes == "Too large."
            answer(otto, appeal, now=AFTER)
    state = applications.get_application(rosa, application.id).state
    assert state is ApplicationState.EXPERT_REVIEW


def test_the_rules_are_not_appealed_away_but_wrong_figures_are():
    open_playground()
    ada, firm = founder(size=(900, 300, 200))
    submitted = applications.submit_application(deed(ada), drafted(ada, firm).id, rules=RULES)
    assert submitted.state is ApplicationState.INELIGIBLE
    appeal = file(ada, submitted, now=NOON)
    with pytest.raises(StillIneligible):
        answer(officer(), appeal, now=NOON)
    assert appeals.list_appeals_of(ada, submitted.id)[0].state is AppealState.FILED
    small = figures(firm.id, 12, 2, 1)
    organisations.update_figures(deed(ada), firm.id, ownership=small, rules=RULES)
    assert answer(officer(), appeal, now=NOON).state is AppealState.UPHELD
    state = applications.get_application(ada, submitted.id).state
    assert state is ApplicationState.TECHNICAL_ASSESSMENT


def test_who_belongs_to_the_applicant_answers_nothing_and_late_is_late(applied):
    rosa, application = applied
    refuse(application, officer())
    with pytest.raises(AppealIsLate):
        file(rosa, application, now=PANEL_DAY + timedelta(days=32))
    appeal = file(rosa, application)
    otto = officer()
    people_store.add_member(otto.id, application.organisation_id)
    with pytest.raises(OwnApplication):
        answer(people_store.get_person(otto.id), appeal)
    assert application_store.get_application(application.id).decided_by


def _told(who):
    return message_store.list_messages(recipient_id=who.id)


def test_everybody_is_told_what_they_have_to_know(applied):
    rosa, application = applied
    olga, otto = officer(), officer()
    told = _told(rosa)
    assert {each.kind for each in told} == {
        MessageKind.REVIEWS_READABLE,
        MessageKind.APPLICATION_SUBMITTED,
    }
    refuse(application, olga)
    appeal = file(rosa, application)
    (asked,) = _told(otto)
    assert (asked.kind, asked.about) == (MessageKind.APPEAL_FILED, application.id)
    answer(otto, appeal)
    kinds = {each.kind for each in _told(rosa)}
    assert MessageKind.APPEAL_UPHELD in kinds
