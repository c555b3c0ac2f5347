"""The answers of an application, as programs send them."""

import pytest

from tests.services.access import drafted, founder, open_playground
from tests.web.api.conftest import a_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def change(call):
    """Return a function that changes answers of a draft by the API."""
    open_playground()
    ada, firm = founder()
    draft, secret = drafted(ada, firm), a_token(ada)
    return lambda body: call("PATCH", f"/applications/{draft.id}", token=secret, body=body)


def test_hours_are_a_number_or_a_text(change):
    for hours in (2.5, "2.5", "2,5"):
        assert change({"requested_hours": hours}).json()["form"]["requested_seconds"] == 9000
    assert change({"requested_hours": 3}).json()["form"]["requested_seconds"] == 10_800


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            {"title": {"en": "T"}},
            "Give true, false, a number, a text, a list of texts or of rows, or null.",
        ),
        (
            {"title": float("nan")},
            "Give true, false, a number, a text, a list of texts or of rows, or null.",
        ),
        ({"duration_months": 2.5}, "Give a whole number."),
        ({"team_countries": 5}, "Give codes such as FR, NL."),
        ({"members": [{"name": {"en": "Li"}}]}, "Give true, false, a number, a text,"),
        ({"members": [{"shoe": 44}]}, "Row 1, shoe: There is no such question."),
        ({"members": "[" * 5000}, "Give a list of rows"),
        ({"planned_runs": [{"runs": 1e300}]}, "Row 1, Runs: Give a number up to 1000000."),
        ({"storage_gigabytes": 10**400}, "Give a number up to"),
        ({"requested_hours": 1e30}, "That many hours cannot be counted here."),
    ],
)
def test_an_answer_that_does_not_fit_is_one_sentence(change, body, problem):
    answer = change(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "InvalidInput")
    assert answer.json()["detail"].startswith(f"{next(iter(body))}: {problem}")


def test_answers_have_names(change):
    answer = change(["title"])
    assert (answer.status_code, answer.json()["code"]) == (422, "InvalidRequest")
