"""The eligibility check: one question a page, answers in the address, none asked twice."""

import re

import pytest
from django.test import Client

from allmende.web.forms.eligibility import QUESTIONS

SME = {
    "kind": "enterprise",
    "country": "DE",
    "team": "own",
    "headcount": "18",
    "turnover": "2.4",
    "balance": "1,1",
    "similar": "yes",
    "owner": "no",
    "purpose": "private_innovation",
    "civilian": "yes",
    "prohibited": "no",
    "experience": "new",
    "gpu_hours": "5000",
    "aid": "0",
    "contract": "120",
    "personal": "no",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask():
    """Return a function that opens the check with answers, and returns the response."""
    client = Client()
    return lambda answers, **more: client.get("/check", {**answers, **more})


def test_every_question_is_asked_once_and_in_order(ask):
    given: dict[str, str] = {}
    asked = []
    while "form" in (answer := ask(given)).context:
        question = answer.context["form"]
        assert (answer.status_code, question.errors) == (200, {})
        asked.append(question.name)
        given |= {name: SME[name] for name in question.base_fields}
    named = [each.name for each in QUESTIONS]
    assert asked == [name for name in named if name not in ("owner", "team_countries")]
    assert answer.context["result"].verdict == "eligible"


@pytest.mark.parametrize(
    ("changes", "verdict", "rule"),
    [
        ({}, "eligible", "route.sme"),
        ({"contract": ""}, "unresolved", "person.contract_months_after_end"),
        ({"contract": "2"}, "ineligible", "person.contract_months_after_end"),
        ({"gpu_hours": "7000", "aid": ""}, "unresolved", "aid.de_minimis_ceiling"),
        ({"gpu_hours": "7000", "aid": "299.000"}, "ineligible", "aid.de_minimis_ceiling"),
        ({"team": "others", "team_countries": ["FR", "US"]}, "ineligible", "country.rule"),
        ({"team": "others", "team_countries": ["FR", "NO"]}, "eligible", "route.sme"),
        ({"similar": "no"}, "unresolved", "route.sme"),
        ({"similar": "new"}, "eligible", "route.sme"),
        ({"headcount": "900", "turnover": "80", "balance": "90"}, "eligible", "route.commercial"),
        ({"prohibited": "yes"}, "ineligible", "ai.trustworthy"),
    ],
)
def test_answers_decide(ask, changes, verdict, rule):
    result = ask({**SME, **changes}).context["result"]
    assert (result.verdict, result.first_reason.rule) == (verdict, rule)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"headcount": "-3"}, "headcount"),
        ({"turnover": "lots"}, "turnover"),
        ({"turnover": "1e400"}, "turnover"),
        ({"country": "XX"}, "country"),
        ({"kind": "<script>"}, "kind"),
        ({"contract": "soon"}, "contract"),
        ({"team": "others", "team_countries": "XX"}, "team_countries"),
        ({"owner": "yes", "owner_share": "101"}, "owner_share"),
    ],
)
def test_an_answer_that_is_none_is_asked_again_with_a_sentence(ask, changes, field):
    answer = ask({**SME, **changes})
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert "<script>" not in answer.content.decode().replace("<script src", "")


def test_a_former_answer_can_be_changed_and_the_others_stay(ask):
    several = {**SME, "team": "others", "team_countries": ["FR", "NL"]}
    answer = ask(several, again="team_countries")
    assert answer.context["form"].initial == {"team_countries": ["FR", "NL"]}
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.content.decode())
    assert ("personal", "no") in hidden
    assert "again" not in dict(hidden)
