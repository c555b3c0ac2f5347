"""The calculator and the forms, as programs ask for them."""

import pytest

from tests.services.access import CALL_ID, drafted, founder, open_playground
from tests.web.api.conftest import a_token

pytestmark = pytest.mark.django_db


def test_anybody_gets_an_estimate_with_its_method(call):
    asked = "parameters=7000000000&tokens=1000000000000&partition_id=jupiter-booster&devices=256"
    answer = call("GET", f"/sizes?{asked}").json()
    assert answer["size"]["device_hours"] == "39321.60"
    assert answer["size"]["energy_method"] == "estimated: 39321.6 h × 680 W × PUE 1"
    assert [mark["is_reached"] for mark in answer["marks"]] == [True, False, False]
    assert answer["cost_cents"] == 7_864_320


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("", 422, "FiguresMissing"),
        ("parameters=1&tokens=1", 422, "FiguresMissing"),
        ("parameters=1e400&tokens=1", 422, "InvalidRequest"),
        ("parameters=0&tokens=1", 422, "InvalidRequest"),
        ("parameters=1&tokens=1&peak_teraflops=nan", 422, "InvalidRequest"),
        ("partition_id=../x", 422, "InvalidRequest"),
        ("partition_id=deep-thought", 404, "NotFound"),
        (f"parameters={10**15}&tokens={10**18}&peak_teraflops=0.002", 422, "TooManyHours"),
    ],
)
def test_what_cannot_be_worked_out_is_said(call, asked, status, code):
    answer = call("GET", f"/sizes?{asked}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_figures_are_taken_over(call):
    open_playground()
    ada, firm = founder()
    draft = drafted(ada, firm)
    body = {"blueprint_id": "medicine", "partition_id": "werkbank", "runs": 10}
    answer = call("POST", f"/applications/{draft.id}/size", token=a_token(ada), body=body)
    assert answer.json()["form"]["requested_seconds"] == 3240
    assert answer.json()["declarations"] == []


def test_a_form_tells_its_questions_and_the_words_that_are_declared(call):
    open_playground()
    form = call("GET", f"/forms/{CALL_ID}").json()
    assert form["form"] == "short"
    first = form["questions"][0]
    assert (first["name"], first["is_required"], first["length"]) == ("title", True, 200)
    names = [each["name"] for each in form["declarations"]]
    assert names == ["publish_names", "declares_correct", "accepts_terms"]
    assert "Nutzungsbedingungen" in form["declarations"][-1]["document"]
    assert call("GET", "/forms/none").status_code == 404
