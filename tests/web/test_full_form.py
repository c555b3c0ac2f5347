"""The full form and the calculator in the portal: rows, marks, and what reviewers read."""

import re
from datetime import date

import pytest
from django.test import Client

from allmende import wiring
from allmende.domain.access.snapshots import to_plain
from allmende.domain.access.verdicts import Reason, Verdict
from allmende.domain.basics.compute_marks import list_marks
from allmende.domain.basics.people import Person
from allmende.services import applications
from allmende.storage import people as people_store
from allmende.storage.applications import ApplicationRow
from allmende.web.wording import write_scientific
from allmende.wiring.access_rules import load_access_rules
from tests.web.rounds import build_stage

pytestmark = pytest.mark.django_db


def browser_of(person: Person) -> Client:
    client = Client()
    client.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return client


@pytest.fixture
def stage():
    """Return applicant, expert, officer, and the ids of a full draft and of a reviewed one."""
    world, applicant, experts, found = build_stage()
    return applicant, experts[0], world.people["programme_officer"], found


def people_answers(**changes):
    return {
        "principal_investigator": "Mina",
        "principal_investigator_email": "mina@example.org",
        "contract_months_after_end": "12",
        "excluded_reviewers": "",
        **changes,
    }


def row(number, name="Li", country="NL", **changes):
    values = {"name": name, "email": "li@x.example", "organisation": "Lab", "country": country}
    return {f"members-{number}-{key}": value for key, value in {**values, **changes}.items()}


def form_of(person, application_id):
    return applications.get_application(person, application_id).form


def test_rows_are_saved_blank_ones_dropped_and_one_more_is_offered(stage):
    applicant, _, _, found = stage
    browser, path = browser_of(applicant), f"/applications/{found.full_draft_id}/parts/people"
    posted = people_answers(**row(0), **row(1, "", "", email="", organisation=""), **row(7, "Bo"))
    answer = browser.post(path, {**posted, "more": "id_members"})
    assert answer["Location"] == f"{path}#id_members"
    members = form_of(applicant, found.full_draft_id).members
    assert [each.name for each in members] == ["Li", "Bo"]
    shown = browser.get(path).content.decode()
    assert shown.count('class="rowbox"') == 3
    assert 'value="Bo"' in shown


def test_a_member_who_may_not_use_the_machine_is_said_beside_the_table(stage):
    applicant, _, _, found = stage
    path = f"/applications/{found.full_draft_id}/parts/people"
    answer = browser_of(applicant).post(path, people_answers(**row(0, "Bo", "US")))
    assert answer.status_code == 422
    assert "Row 1, Bo: US is neither a member state" in answer.content.decode()
    assert form_of(applicant, found.full_draft_id).members[0].country == "US"  # kept all the same


def test_a_table_that_cannot_be_read_is_shown_again_and_the_rest_is_kept(stage):
    applicant, _, _, found = stage
    before = form_of(applicant, found.full_draft_id)
    path = f"/applications/{found.full_draft_id}/parts/people"
    answer = browser_of(applicant).post(path, people_answers(**row(0, "Bo\u202e")))
    assert answer.status_code == 422
    assert "U+202E" in answer.content.decode()
    after = form_of(applicant, found.full_draft_id)
    assert (after.members, after.principal_investigator) == (before.members, "Mina")


def test_numbers_are_read_as_both_languages_group_them(stage):
    applicant, _, _, found = stage
    path = f"/applications/{found.full_draft_id}/parts/model"
    answers = {"workflows": ["training", "data"], "frameworks": "PyTorch", "has_open_results": "no"}
    for written, kept in (("7.000.000.000", 7 * 10**9), ("7e9", 7 * 10**9), ("70,000", 70_000)):
        browser_of(applicant).post(
            path,
            {
                **answers,
                "model_parameters": written,
                "training_tokens": "1e12",
                "training_flop": "1e22",
            },
        )
        form = form_of(applicant, found.full_draft_id)
        assert (form.model_parameters, form.training_tokens) == (kept, 10**12)
        assert [str(each) for each in form.workflows] == ["training", "data"]


def test_the_marks_of_the_ai_act_are_told_while_writing_and_to_all_who_read_it(stage):
    applicant, expert, officer, found = stage
    browser, base = browser_of(applicant), f"/applications/{found.full_draft_id}"
    passed = "The training takes 2 × 10²³ FLOP, more than 10²³."
    assert passed not in browser.get(f"{base}/parts/model").content.decode()
    answers = {"workflows": ["training"], "frameworks": "PyTorch", "training_flop": "2e23"}
    saved = browser.post(f"{base}/parts/model", answers, headers={"HX-Request": "true"})
    assert '<div id="marks" hx-swap-oob="true">' in saved.content.decode()
    pages = [(browser, base), (browser, f"{base}/parts/plan"), (browser, f"{base}/check")]
    for reader, address in [(None, saved), *pages]:
        page = (reader.get(address) if reader else saved).content.decode()
        assert passed in page
        assert "in force since 2025-08-02" in page
    row = ApplicationRow.objects.get(id=found.ranked_id)
    row.form = {**row.form, "training_flop": 2 * 10**23}
    row.save()
    for reader, address in (
        (browser, f"/applications/{found.ranked_id}"),
        (browser_of(expert), f"/reviews/{found.ranked_id}"),
        (browser_of(officer), f"/programme/{found.ranked_id}"),
    ):
        assert passed in reader.get(address).content.decode()


def test_the_office_reads_a_mark_once_though_the_eligibility_check_said_it_too(stage):
    _, _, officer, found = stage
    flop = 2 * 10**23
    mark = list_marks(flop, load_access_rules().book, on=date(2026, 11, 26))[1]
    told = mark.say_passed(flop)
    reason = Reason(
        rule=mark.rule, verdict=Verdict.ADVISORY, sentence=told, article="Art. 51", source=""
    )
    row = ApplicationRow.objects.get(id=found.ranked_id)
    row.form = {**row.form, "training_flop": flop}
    row.frozen["eligibility"]["reasons"].append(to_plain(reason))
    row.save()
    page = browser_of(officer).get(f"/programme/{found.ranked_id}").content.decode()
    assert "Eligibility by the rules" in page
    assert page.count(told.english()) == 1


def test_saving_goes_to_the_calculator_and_its_figures_come_back(stage):
    applicant, _, _, found = stage
    browser, base = browser_of(applicant), f"/applications/{found.full_draft_id}"
    answer = browser.post(f"{base}/parts/model", {"workflows": ["inference"], "size": "1"})
    assert answer["Location"] == f"{base}/calculator"
    asked = {"blueprint": "medicine", "partition": "werkbank", "devices": "1", "runs": "20"}
    assert "Take over these figures" in browser.get(f"{base}/calculator", asked).content.decode()
    too_much = browser.get(f"{base}/calculator", {**asked, "runs": "1000"}).content.decode()
    assert "gives up to 20" in too_much
    assert browser.post(f"{base}/calculator", {**asked, "runs": "none"}).status_code == 422
    answer = browser.post(f"{base}/calculator", asked)
    assert answer["Location"] == f"{base}/parts/resources"
    assert form_of(applicant, found.full_draft_id).requested_seconds == 6480


def test_what_is_handed_in_has_no_calculator(stage):
    applicant, _, _, found = stage
    answer = browser_of(applicant).get(f"/applications/{found.ranked_id}/calculator")
    assert answer["Location"] == f"/applications/{found.ranked_id}"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"devices": "1", "parameters": "many"}, "Enter a number, such as 12 or 7e9."),
        ({"devices": "0"}, "Enter a number between 1 and 1,000,000."),
        ({"devices": "1.5"}, "Enter a whole number."),
        ({"devices": "1", "partition": "deep-thought"}, "valid choice"),
        ({"devices": "1", "parameters": "7e9"}, "the number of parameters and of tokens"),
        ({"devices": "", "parameters": "7e9", "tokens": "1e9"}, "the speed of one device"),
        (
            {"devices": "1", "parameters": "1e15", "tokens": "1e18", "peak": "0.000001"},
            "cannot be counted",
        ),
        ({"devices": "8", "parameters": "4e11", "tokens": "2e13", "peak": "989"}, "reached"),
    ],
)
def test_the_calculator_answers_everybody_in_words(asked, words):
    answer = Client().get("/calculator", {"blueprint": "", "partition": "", **asked})
    assert answer.status_code == (200 if words == "reached" else 422)
    assert words in answer.content.decode()


def test_experts_read_every_part_but_secrets_and_declarations(stage):
    applicant, expert, officer, found = stage
    shown = browser_of(expert).get(f"/reviews/{found.writing_id}").content.decode()
    for words in ("Plan and impact", "Human agency and oversight", "91%", "Confidential"):
        assert words in shown.replace("\u202f", "")
    for words in ("Who should not review", "De minimis aid", "Declared at the hand-in"):
        assert words not in shown
    office = browser_of(officer).get(f"/programme/{found.writing_id}").content.decode()
    assert "Who should not review" in office
    own = browser_of(applicant).get(f"/applications/{found.writing_id}").content.decode()
    for page in (office, own):
        assert "Declared at the hand-in" in page
        hashes = re.findall(r'title="([0-9a-f]{64})"', page)
        assert len(hashes) == 4
    kept = applications.get_application(applicant, found.writing_id).submitted.declarations
    assert [each.content_hash for each in kept] == hashes
    assert {each.answered_by for each in kept} == {applicant.id}


def test_the_check_page_says_what_is_missing_in_a_half_empty_table(stage):
    applicant, _, _, found = stage
    deed = wiring.deed_of(applicant)
    rows = [{"name": "x"}, {"name": "y", "first_month": 4, "last_month": 2}]
    changes = {
        "milestones": rows,
        "planned_runs": [{"name": "x", "runs": 2}],
        "scaling": [{"devices": 4}],
    }
    applications.edit_application(deed, found.full_draft_id, changes=changes)
    shown = browser_of(applicant).get(f"/applications/{found.full_draft_id}/check").content.decode()
    for words in ("Row 1: say what it is", "Fill in each row", "its devices and its seconds"):
        assert words in shown
    assert "Hand in the application" not in shown


def test_large_numbers_are_written_with_powers():
    assert write_scientific(10**25) == "10²⁵"
    assert write_scientific(84 * 10**21) == "8.4 × 10²²"


def test_the_check_page_says_the_very_words_that_are_declared(stage):
    applicant, _, _, found = stage
    shown = browser_of(applicant).get(f"/applications/{found.full_draft_id}/check").content.decode()
    assert "we say so at once if that changes before the decision" in shown
