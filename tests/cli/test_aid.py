"""Aid and ceilings, as the office and everybody type it."""

import csv
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from allmende import cli, wiring
from allmende.domain.basics.people import DAEMON
from allmende.services import applications, awards, calls, reviews
from tests.services.access import (
    CALL_ID,
    NOON,
    RULES,
    assessed,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
)

pytestmark = pytest.mark.django_db

BRIDGE = replace(
    RULES.get_call(CALL_ID), id="bridge", mode_id="national-bridge", access_share="national"
)
NATIONAL = replace(RULES, calls=(BRIDGE,))


@pytest.fixture
def allmende(capsys, monkeypatch):
    monkeypatch.setattr(wiring, "now", lambda: NOON + timedelta(days=1))

    def type_in(*words: str, expect: int = 0):
        code = cli.run(list(words))
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return printed.out or printed.err

    return type_in


@pytest.fixture
def award(allmende):
    calls.open_call(deed(DAEMON), "bridge", rules=NATIONAL)
    ada, firm = founder()
    draft = drafted(ada, firm, call_id="bridge", aid_received_cents="0")
    applications.submit_application(deed(ada), draft.id, rules=NATIONAL)
    reviews.record_technical_assessment(deed(officer()), draft.id, is_feasible=True)
    # Granted just now, for it has to be registered within some working days.
    granted = deed(officer(), now=wiring.now())
    return awards.award_application(granted, draft.id, rules=NATIONAL)


def test_the_office_lists_exports_and_registers_aid(allmende, award, tmp_path):
    entry_id, office = f"aid-{award.id}", officer().id
    (listed,) = json.loads(allmende("aid", "list", "--json"))
    assert (listed["id"], listed["euros"], listed["is_late"]) == (entry_id, "8.00", False)
    assert "Herzschlag GmbH" in allmende("aid", "list")
    sheet = tmp_path / "aid.csv"
    assert "1 grants are in" in allmende("aid", "export", str(sheet))
    (row,) = csv.DictReader(sheet.read_text().splitlines())
    assert (row["entry"], row["amount_eur"]) == (entry_id, "8.00")
    assert "There is a file already." in allmende("aid", "export", str(sheet), expect=1)
    refused = allmende("aid", "register", entry_id, "--reference", "DE-1", expect=4)
    assert "programme officer" in refused
    allmende("--as", office, "aid", "register", entry_id, "--reference", "DE-1")
    assert json.loads(allmende("aid", "show", entry_id, "--json"))["reference"] == "DE-1"


def test_an_applicant_takes_the_letter_away(allmende, award, tmp_path):
    sheet = tmp_path / "letter.pdf"
    office = officer().id
    allmende("--as", office, "award", "letter", award.id, str(sheet), "--language", "de")
    assert sheet.read_bytes().startswith(b"%PDF")
    again = allmende("--as", office, "award", "letter", award.id, str(sheet), expect=1)
    assert "There is a file already." in again


def test_a_condition_is_given_and_accepted(allmende):
    open_playground()
    ada, firm = founder()
    application = assessed(ada, firm)
    words = ("--condition", "Sign first.")
    allmende("--as", officer().id, "award", "give", application.id, "--id", "aw-1", *words)
    accepted = json.loads(allmende("--as", ada.id, "award", "accept", "aw-1", "--json"))
    assert (accepted["condition"], accepted["condition_accepted_by"]) == ("Sign first.", ada.id)


def test_everybody_lists_the_ceilings(allmende):
    found = json.loads(allmende("ceiling", "list", "--json"))
    assert [(each["rule"], each["left_hours"]) for each in found] == [
        ("share.commercial", "5256"),
        ("share.industrial_innovation", "7884"),
        ("share.playground_and_fast_lane", "2628"),
        ("share.ai_for_science", "6570"),
    ]
    assert "Playground and Fast Lane" in allmende("ceiling", "list")
