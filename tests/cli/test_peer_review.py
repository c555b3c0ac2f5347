"""A round with peer review, as experts and the office type it."""

import json
from datetime import timedelta

import pytest

from allmende import cli, wiring
from allmende.domain.access.expert_reviews import ReviewState
from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.people import Role
from tests.services.access import officer, person
from tests.services.peer_review import (
    AFTER,
    CALL_ID,
    CRITERIA,
    CUT_OFF,
    before_the_panel,
    expert,
    open_round,
    scientist,
    with_experts,
)

pytestmark = pytest.mark.django_db
ROUND = (CALL_ID, CUT_OFF.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M"))


@pytest.fixture
def allmende(capsys, monkeypatch):
    monkeypatch.setattr(wiring, "now", lambda: AFTER + timedelta(days=1))

    def type_in(who, *words: str, expect: int = 0, as_json: bool = True):
        acts = ("--as", who.id) if who else ()
        code = cli.run([*acts, *words, *(["--json"] if as_json else [])])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return json.loads(printed.out or printed.err) if as_json else printed.out

    return type_in


def test_from_the_profile_to_the_award(allmende, tmp_path):
    open_round()
    rosa, university = scientist()
    application = with_experts(rosa, university)
    office = officer()
    one, two = expert("one"), person("two", Role.REVIEWER)
    words = ("--field", "tumour images", "--works-at", "Uni B", "--at-most", "2")
    assert allmende(two, "review", "profile", *words)["keywords"] == ["tumour images"]
    assert allmende(two, "review", "profile")["load_limit"] == 2
    assert len(allmende(office, "panel", "reviewers")) == 2
    (row,) = allmende(office, "panel", "assign", *ROUND)
    assert [each["is_proposed"] for each in row["choices"]] == [True, True]
    assert "biopsy" in allmende(office, "panel", "assign", *ROUND, as_json=False)
    text = tmp_path / "text.txt"
    text.write_text("Sound, with a clear plan.\n")
    said = [f"{criterion}=4:{text}" for criterion in CRITERIA]
    for each in (one, two):
        allmende(office, "panel", "invite", application.id, each.id)
        assert application.form.title in allmende(each, "review", "list", as_json=False)
        allmende(each, "review", "accept", application.id)
    for each in (one, two):
        assert allmende(office, "panel", "reviews", application.id) == []
        allmende(each, "review", "save", application.id, said[0])
        assert allmende(each, "review", "show", application.id)["others"] == []
        assert "excellence: 4 Sound" in allmende(
            each, "review", "show", application.id, as_json=False
        )
        submitted = allmende(each, "review", "submit", application.id, *said)
        assert submitted["state"] == ReviewState.SUBMITTED
    assert len(allmende(office, "panel", "reviews", application.id)) == 2
    assert allmende(office, "panel", "conflicts", *ROUND) == {"number": 0}
    panel = allmende(office, "panel", "show", *ROUND)
    assert (panel["ranking"][0]["rank"], panel["can_close"]) == (1, False)
    assert "Sound" in allmende(rosa, "application", "show", application.id, as_json=False)
    say = ("--text", "The plan is in the annex.")
    answered = allmende(rosa, "application", "answer-reviews", application.id, *say)
    assert answered["text"] == say[1]
    assert allmende(office, "panel", "show", *ROUND)["can_close"]
    assert "12.0" in allmende(office, "panel", "show", *ROUND, as_json=False)
    assert CALL_ID in allmende(office, "panel", "list", as_json=False)
    assert allmende(office, "panel", "close", *ROUND) == [{"application": application.id}]
    assert allmende(office, "award", "give", application.id)["application_id"] == application.id


def test_an_appeal_from_the_no_to_the_second_look(allmende):
    open_round()
    rosa, university = scientist()
    application, (_, two) = before_the_panel(rosa, university)
    office, colleague = officer(), officer()
    say = ("--text", "The plan is in the annex.")
    allmende(rosa, "application", "answer-reviews", application.id, *say)
    allmende(office, "panel", "close", *ROUND)
    allmende(office, "award", "refuse", application.id, "--why", "No time left.")
    why = ("--reason", "One expert works for a rival.")
    filed = allmende(rosa, "appeal", "file", application.id, *why)
    assert allmende(rosa, "appeal", "show", application.id)[0]["id"] == filed["id"]
    assert allmende(colleague, "appeal", "list", "--state", "filed")[0]["id"] == filed["id"]
    yes = ("--uphold", "--why", "So it is.")
    allmende(office, "appeal", "answer", filed["id"], *yes, expect=4)
    assert allmende(colleague, "appeal", "answer", filed["id"], *yes)["state"] == "upheld"
    recused = allmende(colleague, "panel", "recuse", application.id, two.id)
    assert (recused["state"], recused["conflict"]) == ("recused", "found_by_office")
    shown = allmende(rosa, "application", "show", application.id)
    assert shown["state"] == "expert_review"


def test_what_does_not_fit_is_refused_with_a_sentence(allmende):
    open_round()
    application = with_experts(*scientist())
    office, one, two = officer(), expert("one"), expert("two")
    for each in (one, two):
        allmende(office, "panel", "invite", application.id, each.id)
    assert allmende(one, "review", "decline", application.id)["state"] == "declined"
    assert allmende(two, "review", "conflict", application.id)["state"] == "conflicted"
    refused = allmende(two, "review", "save", application.id, "impact=4", expect=1)
    assert refused["error"]["code"] == "InvalidInput"
    assert "lacking" in allmende(office, "panel", "assign", *ROUND, as_json=False)
    third = expert("third")
    allmende(office, "panel", "invite", application.id, third.id)
    called_off = allmende(office, "panel", "call-off", application.id, third.id)
    assert called_off["state"] == "called_off"
