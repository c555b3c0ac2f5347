"""An application freezes on submission; the rules decide at once where they can."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.access import applications
from allmende.domain.access.application_forms import (
    QUESTIONS,
    SECTIONS,
    ApplicationForm,
    HoursAboveLimit,
    HoursBelowMinimum,
    HoursBelowZero,
    Section,
    SizeInWrongUnit,
    check_size,
    review,
)
from allmende.domain.access.applications import (
    ApplicationIsFrozen,
    ApplicationIsIncomplete,
    ApplicationState,
)
from allmende.domain.access.calls import CallIsNotOpenYet, CutOffHasPassed
from allmende.domain.access.modes import Experience, FormKind
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.verdicts import ProjectPurpose
from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import (
    HOUR,
    LARGE,
    NOON,
    PLAYGROUND,
    RULES,
    answers,
    draft,
    form,
    frozen,
    full_draft,
    organisation,
    size,
)

ROUNDS = RULES.get_call("werkbank-ai-for-science-2027-1")
FIRST, LAST = ROUNDS.cut_offs
WHY = Sentence("Because.")
SHORT = FormKind.SHORT


def submitted(**changes):
    return applications.submit(draft(), frozen=frozen(**changes), now=NOON)


def test_eligible_application_goes_to_the_technical_assessment():
    application = submitted()
    assert application.state is ApplicationState.TECHNICAL_ASSESSMENT
    assert application.submitted_at == NOON
    assert application.submitted.terms_hash == PLAYGROUND.terms_hash
    # Monday noon and two working days: late from Thursday, midnight in Berlin.
    assert application.due_at == datetime(2026, 11, 25, 23, tzinfo=UTC)


def test_ineligible_application_ends_with_its_reason():
    application = submitted(given=answers(country="US"))
    assert application.state is ApplicationState.INELIGIBLE
    assert application.decided_at == NOON
    assert application.decision.facts == {"country": "US"}


def test_unresolved_application_waits_for_the_office():
    application = submitted(given=answers(size=None))
    assert application.state is ApplicationState.SUBMITTED
    passed = applications.decide_eligibility(application, is_eligible=True, why=WHY, now=NOON)
    assert passed.state is ApplicationState.TECHNICAL_ASSESSMENT
    stopped = applications.decide_eligibility(application, is_eligible=False, why=WHY, now=NOON)
    assert (stopped.state, stopped.decision) == (ApplicationState.INELIGIBLE, WHY)


def test_large_firm_is_not_eligible_for_a_playground():
    application = submitted(given=answers(size=size([LARGE])))
    assert application.state is ApplicationState.INELIGIBLE


def test_submit_before_the_opening_is_refused():
    early = PLAYGROUND.opens_at - timedelta(seconds=1)
    with pytest.raises(CallIsNotOpenYet):
        applications.submit(draft(), frozen=frozen(), now=early)


def test_submit_a_second_before_the_last_cut_off_is_in_time():
    now = LAST - timedelta(seconds=1)
    application = applications.submit(full_draft(), frozen=frozen(call=ROUNDS), now=now)
    assert application.cut_off_at == LAST


def test_submit_at_the_very_second_of_the_last_cut_off_is_late():
    with pytest.raises(CutOffHasPassed):
        applications.submit(full_draft(), frozen=frozen(call=ROUNDS), now=LAST)


def test_submit_at_the_very_second_of_a_cut_off_waits_for_the_next():
    application = applications.submit(full_draft(), frozen=frozen(call=ROUNDS), now=FIRST)
    assert application.cut_off_at == LAST
    assert application.due_at > LAST


def test_cut_off_is_ten_in_the_morning_in_berlin():
    assert FIRST.isoformat() == "2026-12-11T09:00:00+00:00"


def test_edit_changes_a_draft_only():
    later = NOON + timedelta(hours=1)
    edited = applications.edit(draft(), {"title": "Other"}, now=later)
    assert (edited.form.title, edited.edited_at) == ("Other", later)
    with pytest.raises(ApplicationIsFrozen):
        applications.edit(submitted(), {"title": "Other"}, now=later)


def test_submit_twice_is_refused():
    with pytest.raises(ApplicationIsFrozen):
        applications.submit(submitted(), frozen=frozen(), now=NOON)


def test_withdrawn_draft_cannot_be_edited():
    gone = applications.withdraw(draft(), now=NOON)
    with pytest.raises(ApplicationIsFrozen):
        applications.edit(gone, {"title": "Other"}, now=NOON)


def test_incomplete_application_is_refused_and_counted():
    with pytest.raises(ApplicationIsIncomplete) as refusal:
        applications.submit(draft(title="", accepts_terms=False), frozen=frozen(), now=NOON)
    assert refusal.value.facts["count"] == 2
    assert str(refusal.value).endswith("Give the project a title.")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"requested_seconds": 0}, HoursBelowZero),
        ({"requested_seconds": -HOUR}, HoursBelowZero),
        ({"requested_seconds": 4 * HOUR + 1}, HoursAboveLimit),
        ({"unit": TimeUnit.GPU_SECONDS}, SizeInWrongUnit),
    ],
)
def test_impossible_size_is_refused_at_submission(changes, refusal):
    with pytest.raises(refusal):
        applications.submit(draft(**changes), frozen=frozen(), now=NOON)
    assert [each.field for each in review(form(**changes), PLAYGROUND)] == ["requested_seconds"]


def test_size_below_the_least_of_a_call_is_refused():
    call = replace(PLAYGROUND, size_min_seconds=2 * HOUR)
    check_size(form(requested_seconds=2 * HOUR), call)
    with pytest.raises(HoursBelowMinimum):
        check_size(form(requested_seconds=2 * HOUR - 1), call)


def test_full_size_and_one_second_are_both_allowed():
    for seconds in (1, 4 * HOUR):
        assert review(form(requested_seconds=seconds), PLAYGROUND) == ()


def test_empty_form_names_every_gap_in_the_order_of_its_sections():
    found = review(ApplicationForm(), PLAYGROUND)
    assert {each.field for each in found} == {
        *(
            name
            for name, question in QUESTIONS.items()
            if question.need and question.is_asked(SHORT)
        ),
        "summary",
        "requested_seconds",
        "duration_months",
    }
    order = list(Section)
    places = [order.index(each.section) for each in found]
    assert places == sorted(places)
    found = applications.list_findings(
        draft(title=""), call=PLAYGROUND, organisation=organisation()
    )
    assert found[0].field == "title"


def test_who_gets_free_time_of_the_national_share_declares_earlier_aid():
    national = replace(PLAYGROUND, access_share="national")
    for firm, call, declared, missing in (
        (organisation(), national, None, ["aid_received_cents"]),
        (organisation(), national, 0, []),
        (organisation(), PLAYGROUND, None, []),
        (organisation(), replace(national, price_cents_per_hour=90), None, []),
        (organisation(kind=OrganisationKind.UNIVERSITY), national, None, ["aid_received_cents"]),
    ):
        asked = draft(aid_received_cents=declared)
        found = applications.list_findings(asked, call=call, organisation=firm)
        assert [each.field for each in found] == missing
    research = draft(purpose=ProjectPurpose.RESEARCH)
    lab = organisation(kind=OrganisationKind.UNIVERSITY)
    assert applications.list_findings(research, call=national, organisation=lab) == ()


def test_every_answer_has_its_section():
    assert set(SECTIONS) == {each.name for each in fields(ApplicationForm)}


def test_no_is_an_answer_and_zero_months_too():
    said = form(is_civilian=False, is_prohibited_practice=False, contract_months_after_end=0)
    assert review(said, PLAYGROUND) == ()


def test_contradictions_and_bad_addresses_are_found():
    found = review(
        form(data_class=DataClass.HEALTH, principal_investigator_email="ada"), PLAYGROUND
    )
    assert {each.field for each in found} == {"has_personal_data", "principal_investigator_email"}


def test_text_of_forms_becomes_typed_answers():
    changed = ApplicationForm().change(
        {
            "requested_hours": "2,5",
            "purpose": "eu_project",
            "is_civilian": "yes",
            "is_prohibited_practice": "off",
            "experience": "familiar",
            "unit": "node_seconds",
            "duration_months": "3",
            "training_flop": "1e21",
            "team_countries": "de, fr",
            "data_class": "",
            "title": "T",
        }
    )
    assert changed == ApplicationForm(
        requested_seconds=9000,
        purpose=ProjectPurpose.EU_PROJECT,
        is_civilian=True,
        is_prohibited_practice=False,
        experience=Experience.FAMILIAR,
        unit=TimeUnit.NODE_SECONDS,
        duration_months=3,
        training_flop=10**21,
        team_countries=("DE", "FR"),
        title="T",
    )
    emptied = changed.change({"requested_hours": "", "purpose": None, "title": ""})
    assert (emptied.requested_seconds, emptied.purpose, emptied.title) == (None, None, "")
    assert changed.change({"team_countries": ["at"]}).team_countries == ("AT",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "blue"),
        ("purpose", "fun"),
        ("is_civilian", "perhaps"),
        ("duration_months", "long"),
        ("duration_months", "-1"),
        ("duration_months", 2.5),
        ("team_countries", 5),
        ("training_flop", "NaN"),
        ("training_flop", "Infinity"),
        ("requested_hours", "many"),
        ("requested_hours", "NaN"),
        ("requested_hours", "Infinity"),
        ("requested_hours", "1e30"),
        ("requested_hours", "-1e30"),
        ("requested_hours", "1e999999"),
        ("requested_seconds", "1e30"),
        ("requested_seconds", 10**13),
        ("duration_months", "1e30"),
        ("contract_months_after_end", "1201"),
        ("training_flop", "1e999999"),
        ("aid_received_cents", "1e16"),
        ("title", "x" * 201),
        ("summary", "x" * 10_001),
    ],
)
def test_unreadable_answers_are_refused_by_name(name, value):
    with pytest.raises(InvalidInput) as refusal:
        ApplicationForm().change({name: value})
    assert refusal.value.facts["field"] == name


def test_the_largest_size_that_is_accepted_can_be_told():
    changed = ApplicationForm().change({"requested_hours": "1e9"})
    with pytest.raises(HoursAboveLimit, match="You ask for 1000000000 node-h"):
        check_size(changed, PLAYGROUND)


def test_late_from_the_instant_that_is_due():
    application = submitted()
    just_before = application.due_at - timedelta(seconds=1)
    assert not applications.is_late(application, now=just_before)
    assert applications.is_late(application, now=application.due_at)
    assessed = applications.assess(application, is_feasible=True)
    in_time = applications.refuse(assessed, why=WHY, now=just_before)
    assert not applications.is_late(in_time, now=application.due_at + timedelta(days=9))
    too_late = applications.award(assessed, why=WHY, now=application.due_at)
    assert applications.is_late(too_late, now=NOON)
    withdrawn = applications.withdraw(assessed, now=application.due_at)
    assert not applications.is_late(withdrawn, now=application.due_at)
    assert not applications.is_late(draft(), now=NOON)
