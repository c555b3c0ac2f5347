"""An auditor works out every decision once more, and finds what somebody changed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.basics.people import Role
from allmende.domain.basics.refusals import NotPermitted
from allmende.services import appeals, awards, panels, recomputations, reviews
from allmende.storage.applications import ApplicationRow
from allmende.storage.awards import AwardRow
from allmende.storage.calls import RulesSnapshotRow
from allmende.storage.reviews import TechnicalAssessmentRow
from tests.services.access import (
    RULES,
    awarded,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
    person,
    submitted,
)
from tests.services.peer_review import (
    CALL_ID,
    CUT_OFF,
    PANEL_DAY,
    before_the_panel,
    open_round,
    scientist,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided():
    """Return the ids of what was awarded, found ineligible, and awarded after a peer review."""
    open_playground()
    open_round()
    ada, firm = founder()
    given = awarded(ada, firm).application_id
    large = submitted(*founder("eve", size=(900, 300, 200))).id
    drafted(ada, firm)
    application, _ = before_the_panel(*scientist())
    panels.close_panel(deed(officer(), now=PANEL_DAY), CALL_ID, CUT_OFF)
    awards.award_application(deed(officer(), now=PANEL_DAY), application.id, rules=RULES)
    return given, large, application.id


def recompute():
    return recomputations.recompute_decisions(person("auditor", Role.AUDITOR))


def problems():
    return {(each.place, each.problem.english()) for each in recompute().findings}


def test_what_the_services_decide_follows_from_its_grounds(decided):
    found = recompute()
    assert (found.applications, found.awards, found.findings) == (3, 2, ())
    with pytest.raises(NotPermitted):
        recomputations.recompute_decisions(officer())


def test_a_decision_that_was_taken_back_and_taken_anew_follows_too():
    open_round()
    rosa, university = scientist()
    application, _ = before_the_panel(rosa, university)
    panels.close_panel(deed(officer(), now=PANEL_DAY), CALL_ID, CUT_OFF)
    olga, otto = officer(), officer()
    awards.refuse_application(deed(olga, now=PANEL_DAY), application.id, why="No time left.")
    filed = appeals.file_appeal(
        deed(rosa, now=PANEL_DAY), application.id, reason="There is.", rules=RULES
    )
    appeals.answer_appeal(
        deed(otto, now=PANEL_DAY), filed.id, is_upheld=True, answer="So it is.", rules=RULES
    )
    awards.award_application(deed(olga, now=PANEL_DAY), application.id, rules=RULES)
    assert recompute().findings == ()


def test_an_award_from_before_it_kept_its_evidence_follows_too(decided):
    row = AwardRow.objects.get(application_id=decided[0])
    row.content["recheck"] = None
    row.save()
    assert problems() == set()


def test_a_changed_answer_is_found(decided):
    given, _, _ = decided
    row = ApplicationRow.objects.get(id=given)
    row.form["is_prohibited_practice"] = True
    row.save()
    found = problems()
    assert (given, "It is not what was handed in: it was changed since.") in found
    assert any(place == given and "ineligible" in text for place, text in found)


def test_a_changed_verdict_is_found(decided):
    _, large, _ = decided
    ApplicationRow.objects.filter(id=large).update(state="technical_assessment")
    assert problems() == {(large, "It went on, and the rules say that it is not eligible.")}


def test_changed_rules_are_found(decided):
    row = RulesSnapshotRow.objects.first()
    row.content[0]["value"] = "somebody else"
    row.save()
    assert "These rules are missing, or are not as they were kept." in {
        text for _, text in problems()
    }


def test_an_award_without_its_gates_is_found(decided):
    given, _, reviewed = decided
    TechnicalAssessmentRow.objects.filter(application_id=given).delete()
    ApplicationRow.objects.filter(id=reviewed).update(ranked_at=None)
    found = problems()
    assert (given, "It was awarded without a technical assessment.") in found
    assert any(place == reviewed and "panel" in text for place, text in found)
    AwardRow.objects.filter(application_id=given).delete()
    assert (given, "It is awarded, and there is no award.") in problems()


def test_an_end_that_the_rules_do_not_know_is_found(decided):
    given, _, reviewed = decided
    ApplicationRow.objects.filter(id=given).update(state="ineligible")
    ApplicationRow.objects.filter(id=reviewed).update(cut_off_at=PANEL_DAY)
    found = problems()
    assert (given, "It ended as not eligible, and the rules say that it is.") in found
    assert (given, "There is an award, and it is not awarded.") in found
    assert (reviewed, "It stands in the round of another cut-off than the next one.") in found


def test_a_moved_deadline_is_found(decided):
    given, large, _ = decided
    row = ApplicationRow.objects.get(id=large)
    ApplicationRow.objects.filter(id=given).update(due_at=row.submitted_at)
    assert any(place == given and "due at" in text for place, text in problems())


def test_more_applications_take_no_more_questions(decided):
    auditor = person("auditor", Role.AUDITOR)

    def count():
        with CaptureQueriesContext(connection) as asked:
            recomputations.recompute_decisions(auditor)
        return len(asked)

    before = count()
    for number in range(4):
        ada, firm = founder(f"more{number}")
        application = submitted(ada, firm)
        reviews.record_technical_assessment(deed(officer()), application.id, is_feasible=True)
    assert count() == before
