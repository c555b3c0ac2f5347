"""Reviews by experts: invited, blind, submitted once; conflicts close every way to the file."""

from dataclasses import replace

import pytest

from allmende.domain.access.application_forms import without_secrets
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.expert_reviews import (
    NoPeerReview,
    ReviewIsIncomplete,
    ReviewIsOver,
    ReviewIsSubmitted,
    ReviewState,
)
from allmende.domain.access.reviewers import (
    ConflictKind,
    ConflictOfInterest,
    FileIsClosed,
    ReviewerIsBarred,
)
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted
from allmende.domain.trust.permissions import ReviewerFromOutside
from allmende.services import (
    applications,
    audit,
    awards,
    expert_reviews,
    panels,
    people,
    reviewers,
    reviews,
)
from allmende.storage import people as people_store
from tests.services import access
from tests.services.access import deed, officer, open_playground, person
from tests.services.peer_review import (
    AFTER,
    CALL_ID,
    CUT_OFF,
    PANEL_DAY,
    accepted,
    before_the_panel,
    expert,
    handed_in,
    invited,
    open_round,
    opinions,
    reviewed,
    scientist,
    with_experts,
)

pytestmark = pytest.mark.django_db
ROOT = Person(id="p-root", name="Root", roles=frozenset({Role.ADMINISTRATOR}))


@pytest.fixture
def applied():
    """Return a scientist, their university, and their application, which is with the experts."""
    open_round()
    rosa, university = scientist()
    return rosa, university, with_experts(rosa, university)


def state_of(application):
    return applications.get_application(officer(), application.id).state


def test_what_will_run_goes_to_the_experts_and_what_will_not_to_its_refusal(applied):
    rosa, university, application = applied
    assert application.state is ApplicationState.EXPERT_REVIEW
    other = handed_in(rosa, university)
    no = reviews.record_technical_assessment(
        deed(officer(), now=AFTER), other.id, is_feasible=False, notes="Too large."
    )
    assert no.state is ApplicationState.ASSESSED
    refused = awards.refuse_application(deed(officer(), now=AFTER), other.id, why="Too large.")
    assert refused.state is ApplicationState.REFUSED


def test_a_mode_without_peer_review_goes_on_as_before():
    open_playground()
    application = access.assessed(*access.founder())
    assert application.state is ApplicationState.ASSESSED
    with pytest.raises(NoPeerReview):
        invited(application, expert())


def test_the_file_opens_after_the_answer_and_never_before(applied):
    _, _, application = applied
    xenia, stranger = expert(), expert("stranger")
    with pytest.raises(NotFound):
        expert_reviews.open_file(deed(xenia), application.id)
    invited(application, xenia)
    (invitation,) = expert_reviews.list_invitations(xenia)
    assert expert_reviews.list_open_invitations(xenia) == [invitation]
    assert invitation == expert_reviews.get_invitation(xenia, application.id)
    assert invitation.title == application.form.title
    with pytest.raises(NotFound):
        expert_reviews.open_file(deed(xenia), application.id)
    expert_reviews.answer_invitation(deed(xenia), application.id, accepts=True)
    again = expert_reviews.answer_invitation(deed(xenia), application.id, accepts=True)
    assert again.state is ReviewState.ACCEPTED
    file = expert_reviews.open_file(deed(xenia), application.id)
    assert file.application.form.summary == application.form.summary
    with pytest.raises(NotFound):
        expert_reviews.get_invitation(stranger, application.id)


def test_the_reviewers_never_read_whom_the_applicant_excluded(applied):
    rosa, university, _ = applied
    application = with_experts(rosa, university, excluded_reviewers="Prof. Rival")
    xenia = expert()
    accepted(application, xenia)
    assert application.form.excluded_reviewers
    read = expert_reviews.open_file(deed(xenia), application.id).application.form
    assert read == without_secrets(application.form)
    assert read.excluded_reviewers == ""


def test_scores_stay_dark_until_all_are_in(applied):
    rosa, _, application = applied
    xenia, yves = expert("xenia"), expert("yves")
    accepted(application, xenia)
    accepted(application, yves)
    expert_reviews.submit_review(deed(xenia), application.id, opinions=opinions(5, 4, 3))
    assert state_of(application) is ApplicationState.EXPERT_REVIEW
    assert expert_reviews.open_file(deed(yves), application.id).others == ()
    assert expert_reviews.list_reviews(officer(), application.id) == ()
    assert panels.get_panel(officer(), CALL_ID, CUT_OFF, now=AFTER).standings == ()
    expert_reviews.submit_review(deed(yves), application.id, opinions=opinions(3, 3, 3))
    assert state_of(application) is ApplicationState.PANEL
    (other,) = expert_reviews.open_file(deed(yves), application.id).others
    assert (other.reviewer_id, other.scores["excellence"]) == ("", 5)
    assert len(expert_reviews.list_reviews(officer(), application.id)) == 2
    texts = expert_reviews.list_opinions(rosa, application.id)  # to answer them
    assert {each.score for said in texts for each in said} == {None}


def test_the_applicant_reads_the_texts_after_the_decision_without_names_or_scores(applied):
    rosa, university, _ = applied
    open_round()
    application, experts = before_the_panel(rosa, university)
    for each in panels.list_assignments(officer(), CALL_ID, CUT_OFF, now=AFTER):
        applications.withdraw_application(deed(rosa), each.application.id)
    panels.close_panel(deed(officer(), now=PANEL_DAY), CALL_ID, CUT_OFF)
    awards.refuse_application(deed(officer(), now=AFTER), application.id, why="No time left.")
    texts = expert_reviews.list_opinions(rosa, application.id)
    assert {each.score for said in texts for each in said} == {None}
    assert texts[0][0].text.startswith("Sound")
    assert all(each.id not in str(texts) for each in experts)
    with pytest.raises(NotPermitted):
        expert_reviews.list_reviews(rosa, application.id)


def test_a_draft_is_saved_and_a_review_submitted_once(applied):
    _, _, application = applied
    xenia = expert()
    accepted(application, xenia)
    draft = expert_reviews.save_draft(deed(xenia), application.id, opinions=opinions(5, 4, 3)[:1])
    assert draft.scores == {"excellence": 5}
    with pytest.raises(ReviewIsIncomplete):
        expert_reviews.submit_review(deed(xenia), application.id)
    for wrong in (opinions(6, 4, 3), opinions(5, 4, 3, text="x" * 601)):
        with pytest.raises(InvalidInput):
            expert_reviews.save_draft(deed(xenia), application.id, opinions=wrong)
    submitted = expert_reviews.submit_review(
        deed(xenia), application.id, opinions=opinions(5, 4, 3)
    )
    assert expert_reviews.submit_review(deed(xenia), application.id) == submitted
    for deed_again in (expert_reviews.save_draft, expert_reviews.submit_review):
        with pytest.raises(ReviewIsSubmitted):
            deed_again(deed(xenia), application.id, opinions=opinions(0, 0, 0))
    with pytest.raises(ForbiddenMove):
        expert_reviews.answer_invitation(deed(xenia), application.id, accepts=False)


def test_declining_makes_room_and_calling_off_completes(applied):
    _, _, application = applied
    one, two, three = expert("one"), expert("two"), expert("three")
    reviewed(application, one, 4, 4, 4)
    accepted(application, three)
    reviewed(application, two, 4, 4, 4)
    assert state_of(application) is ApplicationState.EXPERT_REVIEW
    called_off = panels.call_off_review(deed(officer()), application.id, reviewer_id=three.id)
    assert called_off == panels.call_off_review(
        deed(officer()), application.id, reviewer_id=three.id
    )
    assert state_of(application) is ApplicationState.PANEL
    with pytest.raises(ReviewIsOver):
        invited(application, expert("four"))


def test_a_declared_conflict_closes_the_file_for_good(applied):
    _, _, application = applied
    xenia = expert()
    accepted(application, xenia)
    barred = expert_reviews.declare_conflict(deed(xenia), application.id)
    assert (barred.state, barred.conflict) == (ReviewState.CONFLICTED, ConflictKind.DECLARED)
    assert expert_reviews.declare_conflict(deed(xenia), application.id) == barred
    with pytest.raises(ConflictOfInterest):
        expert_reviews.open_file(deed(xenia), application.id)
    with pytest.raises(ForbiddenMove):
        expert_reviews.answer_invitation(deed(xenia), application.id, accepts=True)
    for read in (applications.get_application, expert_reviews.list_reviews):
        with pytest.raises(NotPermitted):
            read(xenia, application.id)


def conflicted_by_affiliation(rosa, university):
    return expert("same", affiliation=f" {university.name.upper()} ")


def conflicted_by_team(rosa, university):
    return expert("team", worked_with=[rosa.email])


def conflicted_by_membership(rosa, university):
    made = expert("member")
    people_store.add_member(made.id, university.id)
    return people_store.get_person(made.id)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (conflicted_by_affiliation, ConflictKind.SAME_ORGANISATION),
        (conflicted_by_membership, ConflictKind.SAME_ORGANISATION),
        (conflicted_by_team, ConflictKind.SHARED_WORK),
    ],
)
def test_conflicts_are_found_before_anybody_is_invited(applied, make, kind):
    rosa, university, application = applied
    made = make(rosa, university)
    with pytest.raises(ReviewerIsBarred):
        invited(application, made)
    (assignment,) = panels.list_assignments(officer(), CALL_ID, CUT_OFF, now=AFTER)
    assert [choice.conflict for choice in assignment.choices] == [kind]
    assert assignment.lacking == 2


def test_a_conflict_that_comes_up_later_bars_and_recuses(applied):
    _, university, application = applied
    xenia, yves = expert("xenia"), expert("yves")
    accepted(application, xenia)
    accepted(application, yves)
    expert_reviews.submit_review(deed(xenia), application.id, opinions=opinions(5, 5, 5))
    expert_reviews.submit_review(deed(yves), application.id, opinions=opinions(3, 3, 3))
    people_store.add_member(xenia.id, university.id)
    with pytest.raises(ConflictOfInterest):
        expert_reviews.open_file(deed(xenia), application.id)
    with pytest.raises(panels.RoundHasConflicts):
        panels.close_panel(deed(officer(), now=PANEL_DAY), CALL_ID, CUT_OFF)
    assert panels.recheck_conflicts(deed(officer()), CALL_ID, CUT_OFF) == 1
    assert panels.recheck_conflicts(deed(officer()), CALL_ID, CUT_OFF) == 0
    assert state_of(application) is ApplicationState.EXPERT_REVIEW
    recused = expert_reviews.get_invitation(xenia, application.id).review
    assert (recused.state, recused.scores["impact"]) == (ReviewState.RECUSED, 5)
    # Blind again: whoever comes now sees nobody's score.
    zoe = expert("zoe")
    accepted(application, zoe)
    assert expert_reviews.open_file(deed(zoe), application.id).others == ()
    assert expert_reviews.list_reviews(officer(), application.id) == ()


def test_who_has_a_conflict_when_they_answer_or_write_is_barred(applied):
    _, university, application = applied
    for name, act in (
        (
            "answers",
            lambda who: expert_reviews.answer_invitation(who, application.id, accepts=True),
        ),
        ("saves", lambda who: expert_reviews.save_draft(who, application.id, opinions=[])),
        ("submits", lambda who: expert_reviews.submit_review(who, application.id)),
    ):
        made = expert(name)
        invited(application, made) if name == "answers" else accepted(application, made)
        people_store.add_member(made.id, university.id)
        barred = act(deed(people_store.get_person(made.id)))
        assert (barred.state, barred.conflict) == (
            ReviewState.CONFLICTED,
            ConflictKind.SAME_ORGANISATION,
        )


def test_nobody_learns_that_the_applicant_named_them(applied):
    rosa, university, _ = applied
    application = with_experts(rosa, university, excluded_reviewers="Prof. Rival")
    renamed, early = expert("renamed"), expert("early")
    for each in (renamed, early):
        accepted(application, each) if each is early else invited(application, each)
        people_store.save_person(replace(each, name="Prof. Rival"))
    barred = expert_reviews.answer_invitation(deed(renamed), application.id, accepts=True)
    assert (barred.state, barred.conflict) == (ReviewState.CONFLICTED, None)
    assert expert_reviews.get_invitation(renamed, application.id).review.conflict is None
    assert expert_reviews.declare_conflict(deed(renamed), application.id).conflict is None
    with pytest.raises(FileIsClosed):
        expert_reviews.open_file(deed(early), application.id)


def test_no_reviewer_holds_a_role_that_opens_every_file():
    xenia = expert()
    for role in (Role.OPERATOR, Role.PROGRAMME_OFFICER, Role.AUDITOR):
        with pytest.raises(ReviewerFromOutside):
            people.give_role(deed(ROOT), person_id=xenia.id, role=role)
        with pytest.raises(ReviewerFromOutside):
            people.give_role(deed(ROOT), person_id=person("x", role).id, role=Role.REVIEWER)
        with pytest.raises(ReviewerFromOutside):
            people.register_person(
                deed(ROOT),
                new=people.NewPerson(name="x", email="x@example.org", password="a long one 123"),
                roles=frozenset({role, Role.REVIEWER}),
            )
    assert people.give_role(deed(ROOT), person_id=xenia.id, role=Role.APPLICANT).roles


def test_a_profile_is_ones_own_and_says_something(applied):
    xenia = expert(keywords=["  Wärme ", "Wärme", "3D"], affiliation=" Uni B ")
    profile = reviewers.get_own_profile(xenia, now=AFTER)
    assert (profile.keywords, profile.affiliation) == (("Wärme", "3D"), "Uni B")
    with pytest.raises(InvalidInput):
        reviewers.save_profile(deed(xenia), keywords=[" "])
    with pytest.raises(NotPermitted):
        reviewers.save_profile(deed(officer()), keywords=["x"])
    fresh = person("fresh", Role.REVIEWER)
    assert reviewers.get_own_profile(fresh, now=AFTER).keywords == ()
    assert {each.person.id for each in reviewers.list_reviewers(officer(), now=AFTER)} == {
        xenia.id,
        fresh.id,
    }


def test_every_step_leaves_an_event_that_says_no_score(applied):
    rosa, university, _ = applied
    application, _ = before_the_panel(rosa, university)
    auditor = person("auditor", Role.AUDITOR)
    events = audit.list_events(auditor, subject=application.id, limit=100)
    actions = [each.action for each in events]
    assert actions.count("review.submitted") == 2
    assert actions[-1] == "application.reviews_complete"
    assert "Sound" not in str(events)
    assert DAEMON.id not in {each.id for each in people_store.list_by_role(Role.REVIEWER)}
