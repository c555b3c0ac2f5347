"""From registration to submission: who may, who sees, and what is frozen."""

from dataclasses import replace
from datetime import timedelta

import pytest

from allmende.domain.access.application_forms import HoursAboveLimit, SizeInWrongUnit
from allmende.domain.access.applications import (
    ApplicationIsFrozen,
    ApplicationIsIncomplete,
    ApplicationState,
)
from allmende.domain.access.calls import CallState, CutOffHasPassed, DifferentCall
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.sme import SizeClass
from allmende.domain.access.snapshots import hash_content
from allmende.domain.access.verdicts import Answers, ProjectPurpose, Verdict
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.people import DAEMON, PUBLIC, Role
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted
from allmende.services import applications, audit, calls, eligibility, organisations
from allmende.storage import calls as call_store
from allmende.storage import ledger
from tests.domain.access.full_form import FULL_ANSWERS
from tests.services.access import (
    CALL_ID,
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
    submitted,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def call():
    return open_playground()


def actions(subject):
    auditor = person("auditor", Role.AUDITOR)
    return [event.action for event in audit.list_events(auditor, subject=subject)]


def test_founder_becomes_a_member_and_the_size_class_is_computed():
    ada, firm = founder()
    assert ada.organisation_ids == {firm.id}
    assert firm.size_class is SizeClass.SMALL
    assert organisations.get_organisation(ada, firm.id) == firm
    assert actions(firm.id) == ["organisation.registered", "organisation.figures_changed"]


def test_impossible_organisation_is_not_registered():
    with pytest.raises(InvalidInput):
        organisations.register_organisation(
            deed(person("eve")), name="", kind=OrganisationKind.ENTERPRISE, country="DE"
        )


def test_foreign_organisation_does_not_exist_for_others():
    _, firm = founder()
    eve, other = founder("eve")
    with pytest.raises(NotFound):
        organisations.get_organisation(eve, firm.id)
    with pytest.raises(NotFound):
        organisations.update_figures(
            deed(eve), firm.id, ownership=figures(firm.id, 1, 1, 1), rules=RULES
        )
    with pytest.raises(NotFound):
        applications.start_application(deed(eve), call_id=CALL_ID, organisation_id=firm.id)
    assert organisations.list_organisations(eve) == [other]
    assert {each.id for each in organisations.list_organisations(officer())} == {firm.id, other.id}


def test_eligibility_is_answered_to_everybody_and_for_what_is_registered():
    said = Answers(
        purpose=ProjectPurpose.PRIVATE_INNOVATION,
        is_civilian=True,
        is_prohibited_practice=False,
        team_countries=(),
        contract_months_after_end=3,
    )
    on = NOON.date()
    unknown = eligibility.check_eligibility(said, rules=RULES, on=on)
    assert unknown.verdict is Verdict.UNRESOLVED
    ada, firm = founder()
    known = eligibility.check_organisation(ada, firm.id, answers=said, rules=RULES, on=on)
    assert (known.verdict, known.group_id) == (Verdict.ELIGIBLE, "sme")
    with pytest.raises(NotFound):
        eligibility.check_organisation(person("eve"), firm.id, answers=said, rules=RULES, on=on)


def test_opening_a_call_twice_opens_it_once_and_fills_its_pool_once(call):
    again = calls.open_call(deed(DAEMON), CALL_ID, rules=RULES)
    assert again == call
    pool = f"pool:{call.partition_id}:{call.access_share}:{call.mode_id}"
    assert ledger.get_balances([pool]) == {pool: 400 * HOUR}
    (view,) = calls.list_open_calls(PUBLIC, now=NOON)
    assert (view.call, view.state) == (call, CallState.OPEN)
    before = calls.get_call(PUBLIC, CALL_ID, now=call.opens_at - timedelta(seconds=1))
    assert before.state is CallState.SCHEDULED


def test_open_call_is_never_changed():
    changed = replace(RULES, calls=(replace(RULES.get_call(CALL_ID), size_max_seconds=1),))
    with pytest.raises(DifferentCall):
        calls.open_call(deed(DAEMON), CALL_ID, rules=changed)


def test_applicants_open_no_calls():
    ada, _ = founder()
    with pytest.raises(NotPermitted):
        calls.open_call(deed(ada), "werkbank-science-2026", rules=RULES)


def test_draft_is_saved_part_by_part_and_says_what_is_missing():
    ada, firm = founder()
    draft = applications.start_application(deed(ada), call_id=CALL_ID, organisation_id=firm.id)
    assert draft.form.principal_investigator == "ada"
    edited = applications.edit_application(deed(ada), draft.id, changes={"title": "T"})
    assert applications.get_application(ada, draft.id) == edited
    missing = {
        each.field for each in applications.list_findings(ada, draft.id, rules=RULES, now=NOON)
    }
    assert "summary" in missing
    assert "title" not in missing


def test_unreadable_answer_changes_nothing():
    ada, firm = founder()
    draft = drafted(ada, firm)
    with pytest.raises(InvalidInput):
        applications.edit_application(
            deed(ada), draft.id, changes={"title": "New", "duration_months": "long"}
        )
    assert applications.get_application(ada, draft.id) == draft


def test_submission_freezes_call_rules_terms_and_verdict(call):
    ada, firm = founder()
    application = submitted(ada, firm)
    assert application.state is ApplicationState.TECHNICAL_ASSESSMENT
    stored = applications.get_application(ada, application.id)
    assert stored == application
    assert stored.submitted.call == replace(call, mode=None)
    assert stored.submitted.mode == call.mode
    assert stored.submitted.organisation == firm
    assert stored.submitted.terms_hash == call.terms_hash
    assert stored.submitted.eligibility.group_id == "sme"
    rules = call_store.get_rules(stored.submitted.rules_hash)
    assert hash_content(rules) == stored.submitted.rules_hash
    # New figures do not reach what was handed in.
    organisations.update_figures(
        deed(ada), firm.id, ownership=figures(firm.id, 900, 500, 500), rules=RULES
    )
    assert applications.get_application(ada, application.id) == application


def test_submitting_twice_hands_in_once():
    ada, firm = founder()
    application = submitted(ada, firm)
    with pytest.raises(ApplicationIsFrozen):
        applications.submit_application(deed(ada), application.id, rules=RULES)
    assert actions(application.id).count("application.submitted") == 1


def test_edit_after_submission_is_refused():
    ada, firm = founder()
    application = submitted(ada, firm)
    with pytest.raises(ApplicationIsFrozen):
        applications.edit_application(deed(ada), application.id, changes={"title": "Other"})


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"requested_hours": "4.1"}, HoursAboveLimit),
        ({"unit": "gpu_seconds"}, SizeInWrongUnit),
        ({"accepts_terms": "no"}, ApplicationIsIncomplete),
    ],
)
def test_refused_submission_leaves_the_draft_as_it_was(changes, refusal):
    ada, firm = founder()
    draft = drafted(ada, firm, **changes)
    with pytest.raises(refusal):
        applications.submit_application(deed(ada), draft.id, rules=RULES)
    assert applications.get_application(ada, draft.id) == draft
    assert "application.submitted" not in actions(draft.id)


def test_application_after_the_last_cut_off_is_late():
    call = calls.open_call(deed(DAEMON), "werkbank-ai-for-science-2027-1", rules=RULES)
    ada, firm = founder(kind=OrganisationKind.UNIVERSITY)
    draft = drafted(ada, firm, call_id=call.id, **FULL_ANSWERS)
    with pytest.raises(CutOffHasPassed):
        applications.submit_application(deed(ada, now=call.cut_offs[-1]), draft.id, rules=RULES)
    in_time = call.cut_offs[-1] - timedelta(seconds=1)
    application = applications.submit_application(deed(ada, now=in_time), draft.id, rules=RULES)
    assert application.cut_off_at == call.cut_offs[-1]
    late = deed(ada, now=call.cut_offs[-1])
    with pytest.raises(CutOffHasPassed):
        applications.start_application(late, call_id=call.id, organisation_id=firm.id)


def test_large_firm_is_told_at_once_that_the_playground_is_not_for_it():
    ada, firm = founder(size=(900, 500, 500))
    application = submitted(ada, firm)
    assert application.state is ApplicationState.INELIGIBLE
    assert application.decision.facts["wanted"].english() == "innovation of SMEs and start-ups"


def test_withdrawn_application_is_over():
    ada, firm = founder()
    application = submitted(ada, firm)
    withdrawn = applications.withdraw_application(deed(ada), application.id)
    assert withdrawn.state is ApplicationState.WITHDRAWN


def test_foreign_application_does_not_exist_for_others():
    ada, firm = founder()
    eve, other = founder("eve")
    application, own = submitted(ada, firm), drafted(eve, other)
    for attempt in (
        lambda: applications.get_application(eve, application.id),
        lambda: applications.list_findings(eve, application.id, rules=RULES, now=NOON),
        lambda: applications.edit_application(deed(eve), application.id, changes={}),
        lambda: applications.submit_application(deed(eve), application.id, rules=RULES),
        lambda: applications.withdraw_application(deed(eve), application.id),
        lambda: applications.get_application(eve, "app-none"),
    ):
        with pytest.raises(NotFound) as refusal:
            attempt()
        assert refusal.value.facts["kind"] == "application"
    assert applications.list_applications(eve) == [own]


def test_the_office_sees_what_was_handed_in_but_no_drafts():
    ada, firm = founder()
    application, draft = submitted(ada, firm), drafted(ada, firm)
    assert applications.list_applications(officer()) == [application]
    assert applications.list_applications(officer(), states=[ApplicationState.AWARDED]) == []
    assert len(applications.list_applications(ada, limit=1)) == 1
    assert {each.id for each in applications.list_applications(ada)} == {application.id, draft.id}


def test_the_public_starts_nothing():
    _, firm = founder()
    with pytest.raises(NotPermitted):
        applications.start_application(deed(PUBLIC), call_id=CALL_ID, organisation_id=firm.id)


def test_an_application_starts_with_the_answers_of_an_earlier_one(call):
    ada, firm = founder()
    earlier = submitted(ada, firm, publish_names="yes")
    copied = applications.copy_application(deed(ada), earlier.id, call_id=call.id, rules=RULES)
    assert copied.organisation_id == firm.id
    assert (copied.state, copied.frozen) == (ApplicationState.DRAFT, None)
    assert copied.form.summary == earlier.form.summary
    assert copied.form.requested_seconds == earlier.form.requested_seconds
    declared = (copied.form.declares_correct, copied.form.accepts_terms, copied.form.publish_names)
    assert declared == (False, False, False)
    missing = {
        finding.field
        for finding in applications.list_findings(ada, copied.id, rules=RULES, now=NOON)
    }
    assert {"declares_correct", "accepts_terms"} <= missing
    assert applications.get_application(ada, earlier.id) == earlier
    assert {each.id for each in applications.list_earlier(ada)} == {earlier.id, copied.id}


def test_answers_of_others_cannot_be_used(call):
    ada, firm = founder()
    earlier = submitted(ada, firm)
    eve, _ = founder("eve")
    for copied in (earlier.id, "app-none"):
        with pytest.raises(NotFound):
            applications.copy_application(deed(eve), copied, call_id=call.id, rules=RULES)
    with pytest.raises(NotPermitted):
        applications.copy_application(deed(officer()), earlier.id, call_id=call.id, rules=RULES)
    assert applications.list_earlier(eve) == []


def test_withdrawing_twice_or_after_the_decision_changes_nothing():
    ada, firm = founder()
    done = applications.withdraw_application(deed(ada), submitted(ada, firm).id)
    with pytest.raises(ForbiddenMove):
        applications.withdraw_application(deed(ada), done.id)
    assert applications.get_application(ada, done.id) == done
    assert actions(done.id).count("application.withdrawn") == 1


def test_the_profile_of_the_organisation_is_used_for_every_application_and_frozen_with_each():
    ada, firm = founder()
    first = submitted(ada, firm)
    organisations.update_figures(
        deed(ada), firm.id, ownership=figures(firm.id, 900, 500, 500), rules=RULES
    )
    second = submitted(ada, firm)
    assert first.submitted.organisation.size_class is SizeClass.SMALL
    assert second.submitted.organisation.size_class is SizeClass.LARGE
    assert applications.get_application(ada, first.id).submitted == first.submitted


def test_a_draft_that_was_discarded_stays_its_applicants_alone():
    ada, firm = founder()
    draft = applications.withdraw_application(deed(ada), drafted(ada, firm).id)
    olga = officer()
    with pytest.raises(NotFound):
        applications.get_application(olga, draft.id)
    assert applications.list_applications(olga) == []
    assert applications.list_applications(olga, states=[ApplicationState.WITHDRAWN]) == []
    assert applications.list_applications(ada) == [draft]
