"""From eligibility to project, as an applicant and the office type it."""

import json

import pytest

from allmende import cli
from allmende.domain.basics.people import Role
from allmende.services import awards, reviews
from tests.services.access import (
    ANSWERS,
    CALL_ID,
    RULES,
    awarded,
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


@pytest.fixture
def allmende(capsys):
    def type_in(*words: str, expect: int = 0):
        code = cli.run([*words, "--json"])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return json.loads(printed.out or printed.err)

    return type_in


PROJECT = ("--civilian", "--no-prohibited", "--contract-months", "12", "--team", "de")
FIRM = ("--kind", "enterprise", "--country", "de", "--purpose", "private_innovation")


def test_a_small_firm_hears_that_it_is_eligible_and_why(allmende):
    money = ("--staff", "30", "--turnover", "5e6", "--balance-sheet", "4e6")
    result = allmende("eligibility", "check", *FIRM, *money, *PROJECT, "--gpu-hours", "5000")
    assert (result["verdict"], result["mode_ids"]) == ("eligible", ["playground"])
    assert result["reasons"][0]["article"] == "Reg. (EU) 2021/1173 Art. 17(6)"


def test_a_firm_without_figures_is_unresolved(allmende):
    assert allmende("eligibility", "check", *FIRM)["verdict"] == "unresolved"


def test_what_is_left_out_is_not_taken_for_a_yes(allmende):
    money = ("--staff", "30", "--turnover", "5e6", "--balance-sheet", "4e6")
    result = allmende("eligibility", "check", *FIRM, *money)
    open_rules = {row["rule"] for row in result["reasons"] if row["verdict"] == "unresolved"}
    assert open_rules == {
        "country.rule",
        "ai.trustworthy",
        "access.civilian_only",
        "person.contract_months_after_end",
    }


GRAPH = """
[[firms]]
id = "x"
name = "Herzschlag GmbH"
years = [
  { year = 2025, headcount_hundredths = 950, turnover_cents = 90_000_000, balance_sheet_cents = 1 },
  { year = 2024, headcount_hundredths = 850, turnover_cents = 80_000_000, balance_sheet_cents = 1 },
]

[[firms]]
id = "p"
name = "Partner AG"
years = [
  { year = 2025, headcount_hundredths = 10_000, turnover_cents = 0, balance_sheet_cents = 0 },
  { year = 2024, headcount_hundredths = 10_000, turnover_cents = 0, balance_sheet_cents = 0 },
]

[[holdings]]
owner_id = "p"
owned_id = "x"
capital_basis_points = 3_000
"""


def test_a_file_with_owners_gives_the_size_class_step_by_step(allmende, tmp_path, capsys):
    file = tmp_path / "owners.toml"
    file.write_text(GRAPH)
    result = allmende("eligibility", "size", str(file))
    assert result["size_class"] == "small"
    assert result["figures"]["headcount_hundredths"] == 950 + 3_000
    assert [each["relation"] for each in result["counted"]] == ["own", "partner"]
    assert allmende("eligibility", "size", str(file), "--firm", "p")["size_class"] == "medium"
    assert allmende("eligibility", "size", str(file), "--firm", "q", expect=3)["error"]
    checked = allmende("eligibility", "check", *FIRM, *PROJECT, "--ownership", str(file))
    assert (checked["verdict"], checked["size"]["size_class"]) == ("eligible", "small")
    assert cli.run(["eligibility", "size", str(file)]) == 0
    assert "Partner AG is a partner and counts at 30 %." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3_000", "12_000", "a share is between 0 and 100 %."),
        ("90_000_000", "-1", "no figure is below 0."),
        ("90_000_000", "1,5", "this is neither JSON nor"),
        ("90_000_000", "1.5", "firms[0].years[0].turnover_cents: give a whole number."),
        ('owner_id = "p"', 'owner_id = "x"', "Herzschlag GmbH cannot hold itself"),
        ("Partner AG", "herzschlag  gmbh", "two are called Herzschlag GmbH"),
        ("Partner AG", "Part\\u202Ener", "invisible character (U+202E)"),
        ("2024", "2021", "give the periods one after another"),
        ("year = 2025", "year = 2099", "2099 is not over"),
    ],
)
def test_a_file_with_a_mistake_is_refused_in_a_sentence(allmende, tmp_path, old, new, said):
    file = tmp_path / "owners.toml"
    file.write_text(GRAPH.replace(old, new))
    refused = allmende("eligibility", "size", str(file), expect=1)
    assert said in refused["error"]["sentence"]


def test_hours_are_numbers(allmende):
    wrong = allmende("eligibility", "check", *FIRM, "--gpu-hours", "many", expect=1)
    assert wrong["error"]["facts"]["field"] == "gpu_hours"


def test_people_read_the_verdict_as_sentences(capsys):
    assert cli.run(["eligibility", "check", *FIRM]) == 0
    assert "Give headcount, turnover and balance sheet of two years." in capsys.readouterr().out


def test_the_whole_way_to_a_project(allmende, tmp_path):
    ada, firm = founder()
    office, operator = officer(), person("op", Role.OPERATOR)

    def as_(somebody, *words, **options):
        return allmende("--as", somebody.id, *words, **options)

    assert as_(office, "call", "open", CALL_ID)["call"]["id"] == CALL_ID
    assert [view["call"]["id"] for view in as_(ada, "call", "list")] == [CALL_ID]
    draft = as_(ada, "application", "start", CALL_ID, firm.id)
    assert len(as_(ada, "application", "missing", draft["id"])) > 5
    as_(ada, "application", "submit", draft["id"], expect=1)
    answers = [f"{name}={value}" for name, value in ANSWERS.items()]
    as_(ada, "application", "edit", draft["id"], *answers)
    assert as_(ada, "application", "missing", draft["id"]) == []
    submitted = as_(ada, "application", "submit", draft["id"])
    assert submitted["state"] == "technical_assessment"
    as_(operator, "application", "assess", draft["id"], "--feasible")
    award = as_(office, "award", "give", draft["id"], "--hours", "2.5")
    assert award["seconds"] == 9000
    assert as_(office, "award", "list") == [award] == [as_(ada, "award", "show", award["id"])]
    project = as_(ada, "project", "show", award["project_id"])
    assert (project["state"], project["group_id"]) == ("active", "sme")
    (budget,) = as_(ada, "project", "budget", project["id"])
    assert budget["available_seconds"] == 9000
    burn = as_(ada, "project", "burn-down", project["id"], "--with-seconds", "9000")
    assert (burn["left_seconds"], burn["priority"]) == (9000, "normal")
    assert burn["grants"][0]["seconds"] == 9000
    suspended = as_(office, "project", "suspend", project["id"], "--why", "Report missing.")
    assert suspended["suspended_because"] == "Report missing."
    assert as_(office, "project", "resume", project["id"])["state"] == "active"
    guest = person("guest")
    assert as_(ada, "project", "add-member", project["id"], guest.email)["member_ids"] == [
        ada.id,
        guest.id,
    ]
    as_(ada, "project", "remove-member", project["id"], guest.id)
    assert [each["id"] for each in as_(ada, "project", "list")] == [project["id"]]
    assert as_(office, "project", "end", project["id"])["state"] == "ended"


def test_people_read_until_when_their_jobs_have_normal_priority(capsys):
    open_playground()
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    assert cli.run(["--as", ada.id, "project", "show", project_id]) == 0
    assert "when the project ends" in capsys.readouterr().out
    assert cli.run(["--as", ada.id, "project", "burn-down", project_id]) == 0
    assert "certainly lost" in capsys.readouterr().out


def test_organisations_are_registered_and_sized_from_a_file(allmende, tmp_path):
    from allmende.domain.access.snapshots import to_plain

    ada = person("ada")
    firm = allmende(
        "--as", ada.id, "organisation", "register", "Herzschlag GmbH", "--kind", "enterprise"
    )
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(to_plain(figures(firm["id"], 12, 2, 1))))
    sized = allmende("--as", ada.id, "organisation", "figures", firm["id"], str(file))
    assert sized["size_class"] == "small"
    assert allmende("--as", ada.id, "organisation", "show", firm["id"]) == sized
    assert allmende("--as", ada.id, "organisation", "list") == [sized]
    file.write_text("{")
    wrong = allmende("--as", ada.id, "organisation", "figures", firm["id"], str(file), expect=1)
    assert wrong["error"]["facts"]["field"] == "figures.json"


def test_an_answer_needs_a_name_and_a_value(allmende):
    wrong = allmende("application", "edit", "app-1", "title", expect=1)
    assert wrong["error"]["code"] == "InvalidInput"


def test_answers_in_a_file_are_read_as_they_stand_and_refused_in_a_sentence(allmende, tmp_path):
    open_playground()
    ada, firm = founder()
    draft, file = drafted(ada, firm), tmp_path / "answers.yaml"
    words = ("--as", ada.id, "application", "edit", draft.id, "--answers", str(file))
    file.write_text("title: 2026-02-30\n")  # no day, but a title may say so
    assert allmende(*words)["form"]["title"] == "2026-02-30"
    file.write_text("a: " + "[" * 3000)
    assert allmende(*words, expect=1)["error"]["code"] == "TooMuchToRead"


def test_people_read_tables_and_sentences(capsys):
    ada, firm = founder()
    office = officer()

    def read(somebody, *words):
        assert cli.run(["--as", somebody.id, *words]) == 0
        return capsys.readouterr().out

    assert "No call is open" in read(ada, "call", "list")
    assert "4 node-h" in read(office, "call", "open", CALL_ID)
    assert "Terms of use of the Werkbank" in read(ada, "call", "show", CALL_ID)
    application = submitted(ada, firm)
    assert "Finding tumours early" in read(ada, "application", "show", application.id)
    reviews.record_technical_assessment(deed(office), application.id, is_feasible=True)
    award = awards.award_application(deed(office), application.id, rules=RULES)
    letter = read(ada, "award", "show", award.id)
    assert "Herzschlag GmbH is awarded 4 node-h on werkbank" in letter


def test_the_office_settles_refuses_and_applicants_withdraw(allmende):
    ada, firm = founder(size=None)
    office = officer()
    allmende("--as", office.id, "call", "open", CALL_ID)
    application = submitted(ada, firm)
    settled = allmende(
        "--as", office.id, "application", "settle", application.id, "--eligible", "--why", "Seen."
    )
    assert settled["state"] == "technical_assessment"
    allmende(
        "--as",
        office.id,
        "application",
        "assess",
        application.id,
        "--infeasible",
        "--notes",
        "Needs a GPU.",
    )
    refused = allmende("--as", office.id, "award", "refuse", application.id, "--why", "No GPU.")
    assert (refused["state"], refused["decision"]) == ("refused", "No GPU.")
    other = drafted(ada, firm)
    withdrawn = allmende("--as", ada.id, "application", "withdraw", other.id)
    assert withdrawn["state"] == "withdrawn"
    listed = allmende("--as", ada.id, "application", "list", "--state", "refused")
    assert [each["id"] for each in listed] == [application.id]


def test_an_answer_that_somebody_else_changed_is_not_replaced_unseen(capsys):
    open_playground()
    ada, firm = founder()
    draft = drafted(ada, firm, title="Theirs")
    words = ["--as", ada.id, "application", "edit", draft.id, "title=Mine"]
    assert cli.run([*words, "--was", "title=Old"]) == 1
    told = capsys.readouterr().err
    assert "title says “Theirs” now, and you wrote “Mine”" in told
    assert cli.run([*words, "--was", "title=Theirs"]) == 0
    assert cli.run([*words, "--was", "Theirs"]) == 1


def test_a_draft_starts_with_earlier_answers(allmende):
    open_playground()
    ada, firm = founder()
    earlier = submitted(ada, firm)
    copied = allmende("--as", ada.id, "application", "copy", earlier.id, CALL_ID)
    assert copied["form"]["summary"] == ANSWERS["summary"]
    assert copied["form"]["accepts_terms"] is False
