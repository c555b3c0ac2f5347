"""Panels: the assignment, the ranking under what there is, and no award without each gate."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.expert_reviews import ReviewState
from allmende.domain.access.gates import (
    BelowThreshold,
    ReviewsAreMissing,
    Step,
    StepStatus,
    list_steps,
)
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.people import Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import applications, awards, expert_reviews, panels, reviews
from allmende.storage import people as people_store
from tests.services.access import HOUR, NOON, RULES, deed, officer, person
from tests.services.peer_review import (
    AFTER,
    CALL_ID,
    CUT_OFF,
    PANEL_DAY,
    before_the_panel,
    expert,
    handed_in,
    invited,
    open_round,
    opinions,
    scientist,
    with_experts,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def round_open():
    open_round()
    return scientist()


def award(application, **changes):
    return awards.award_application(
        deed(officer(), now=AFTER), application.id, rules=RULES, **changes
    )


def close():
    return panels.close_panel(deed(officer(), now=PANEL_DAY), CALL_ID, CUT_OFF)


def test_an_award_takes_every_step_and_no_step_can_be_passed_by(round_open):
    rosa, university = round_open
    application = handed_in(rosa, university)
    with pytest.raises(ForbiddenMove):
        award(application)
    reviews.record_technical_assessment(
        deed(officer(), now=AFTER), application.id, is_feasible=True
    )
    with pytest.raises(ForbiddenMove):
        award(application)
    one, two = expert("one"), expert("two")
    for each in (one, two):
        invited(application, each)
        expert_reviews.answer_invitation(deed(each, now=AFTER), application.id, accepts=True)
    for each in (one, two):
        with pytest.raises(panels.RoundIsOpen):
            close()
        expert_reviews.submit_review(
            deed(each, now=AFTER), application.id, opinions=opinions(4, 4, 4)
        )
    with pytest.raises(ForbiddenMove):
        award(application)
    with pytest.raises(panels.CutOffIsAhead):
        panels.close_panel(deed(officer(), now=NOON), CALL_ID, CUT_OFF)
    assert close() == [application.id]
    assert close() == [application.id]
    assert award(application).seconds == 20 * HOUR


def test_a_missed_threshold_leaves_only_the_refusal(round_open):
    application, _ = before_the_panel(*round_open, scores=((5, 5, 2), (5, 5, 3)))
    close()
    with pytest.raises(BelowThreshold):
        award(application)
    refused = awards.refuse_application(deed(officer()), application.id, why="Below 3.")
    assert refused.state is ApplicationState.REFUSED


def test_a_reviewer_who_turns_out_to_be_close_stops_the_award(round_open):
    rosa, university = round_open
    application, (one, _) = before_the_panel(rosa, university)
    close()
    people_store.add_member(one.id, university.id)
    with pytest.raises(ReviewsAreMissing):
        award(application)
    panels.recheck_conflicts(deed(officer()), CALL_ID, CUT_OFF)
    again = applications.get_application(rosa, application.id)
    assert (again.state, again.ranked_at) == (ApplicationState.EXPERT_REVIEW, None)


def test_the_ranking_gives_by_rank_and_proposes_a_part_where_time_ends(round_open):
    rosa, university = round_open
    experts = [expert(f"e{number}", load_limit=50) for number in range(2)]
    made = []
    for number in range(12):
        application = with_experts(rosa, university, now=NOON + timedelta(minutes=number))
        for each in experts:
            invited(application, each)
            expert_reviews.answer_invitation(deed(each), application.id, accepts=True)
        scores = (4, 4, 3) if number else (2, 4, 4)
        for each in experts:
            expert_reviews.submit_review(
                deed(each, now=AFTER), application.id, opinions=opinions(*scores)
            )
        made.append(application.id)
    panel = panels.get_panel(officer(), CALL_ID, CUT_OFF, now=AFTER)
    assert [each.application_id for each in panel.standings] == [*made[1:], made[0]]
    assert panel.capacity_seconds == 200 * HOUR
    proposed = [each.proposed_seconds // HOUR for each in panel.standings]
    assert proposed == [20] * 10 + [0, 0]
    assert panel.standings[-1].failed == ("excellence",)
    assert {each.deviation for each in panel.calibrations} == {0}
    close()
    award(applications.get_application(rosa, made[1]), seconds=5 * HOUR)
    left = panels.get_panel(officer(), CALL_ID, CUT_OFF, now=AFTER)
    assert [each.proposed_seconds // HOUR for each in left.standings] == [0] + [20] * 9 + [15, 0]


def test_the_proposal_prefers_who_knows_the_field_and_counts_who_is_missing(round_open):
    rosa, university = round_open
    application = with_experts(rosa, university)
    knows = expert("knows", keywords=["biopsy images", "classifier"])
    other = expert("other", keywords=["ocean currents"])
    full = expert("full", keywords=["tumours"], load_limit=1)
    second = with_experts(rosa, university, title="Ocean currents", summary="Ocean " * 10)
    invited(second, full)
    first, then = panels.list_assignments(officer(), CALL_ID, CUT_OFF, now=AFTER)
    if first.application.id != application.id:
        first, then = then, first
    assert [(c.reviewer.person.id, c.is_proposed) for c in first.choices] == [
        (knows.id, True),
        (other.id, True),
        (full.id, False),
    ]
    assert {"biopsy", "images", "classifier"} == set(first.choices[0].fit.words)
    assert [each.state for each in then.asked] == [ReviewState.INVITED]
    assert (then.wanted, then.lacking, then.choices[0].reviewer.person.id) == (1, 0, other.id)
    with pytest.raises(panels.NoPlaceLeft):
        invited(application, full)
    with pytest.raises(NotFound):
        invited(application, person("nobody", Role.APPLICANT))
    assert invited(second, full) == invited(second, full)


def test_lists_take_as_many_queries_for_many_as_for_one(round_open):
    rosa, university = round_open
    reader = officer()
    auditor = person("auditor", Role.AUDITOR)
    experts = [expert(f"e{number}", load_limit=50) for number in range(2)]

    def count():
        found = []
        for read in (
            lambda: panels.list_assignments(reader, CALL_ID, CUT_OFF, now=AFTER),
            lambda: panels.get_panel(auditor, CALL_ID, CUT_OFF, now=AFTER),
            lambda: panels.list_rounds(auditor),
            lambda: expert_reviews.list_invitations(experts[0]),
        ):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                read()
            found.append(len(queries))
        return found

    def add():
        invited(with_experts(rosa, university), experts[0])
        before_the_panel(rosa, university, experts=experts)

    add()
    few = count()
    for number in range(4):
        add()
        expert(f"more{number}")
    assert count() == few
    assert max(few) <= 16


def test_steps_show_their_clock_and_nothing_is_left_out_silently(round_open):
    rosa, university = round_open
    application, _ = before_the_panel(rosa, university)
    assessment = reviews.find_technical_assessment(rosa, application.id)
    steps = list_steps(application, assessment)
    assert [each.step for each in steps] == list(Step)
    assert [each.status for each in steps] == [
        StepStatus.DONE,
        StepStatus.DONE,
        StepStatus.CURRENT,
        StepStatus.LATER,
    ]
    dues = [each.due_at for each in steps]
    assert dues == sorted(dues)
    assert dues[-1] == application.due_at
    assert [each.is_late(AFTER) for each in steps] == [False] * 4
    assert [each.is_late(dues[2]) for each in steps] == [False, False, True, False]
    other = handed_in(rosa, university)
    no = reviews.record_technical_assessment(
        deed(officer(), now=AFTER), other.id, is_feasible=False, notes="Too large."
    )
    left_out = list_steps(no, reviews.find_technical_assessment(rosa, other.id))
    assert [each.status for each in left_out] == [
        StepStatus.DONE,
        StepStatus.LEFT_OUT,
        StepStatus.LEFT_OUT,
        StepStatus.CURRENT,
    ]


def test_rounds_are_the_offices(round_open):
    rosa, university = round_open
    with_experts(rosa, university)
    (found,) = panels.list_rounds(officer())
    assert (found.call.id, found.cut_off_at) == (CALL_ID, CUT_OFF)
    assert found.counts == {ApplicationState.EXPERT_REVIEW: 1}
    for read in (
        panels.list_rounds,
        lambda who: panels.get_panel(who, CALL_ID, CUT_OFF, now=AFTER),
    ):
        with pytest.raises(NotPermitted):
            read(expert())
    with pytest.raises(NotFound):
        panels.get_panel(officer(), CALL_ID, NOON, now=AFTER)
