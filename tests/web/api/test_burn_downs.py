"""The burn-down of a project, as programs read it."""

import pytest

from tests.web.api.conftest import a_token
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def ask(call, world: World):
    """Return a function that asks for the burn-down, for one person."""
    tokens = {name: a_token(world.people[name]) for name in ("applicant", "foreign")}
    path = f"/projects/{world.ids['project_id']}/burn-down"

    def ask(who: str, query: str = "", **headers: str):
        return call("GET", path + query, token=tokens[who], **headers)

    return ask


def test_the_figures_add_up_to_the_award(ask):
    found = ask("applicant").json()
    parts = ("used", "running", "committed", "expired", "left")
    assert sum(found[f"{part}_seconds"] for part in parts) == found["awarded_seconds"] > 0
    assert sum(grant["seconds"] for grant in found["grants"]) == found["awarded_seconds"]
    assert (found["quota_style"], found["priority"]) == ("", "normal")
    assert found["priority_until"] == found["ends_at"]


def test_sentences_come_in_the_language_that_is_asked_for(ask):
    sentence = ask("applicant", **{"Accept-Language": "de"}).json()["priority_sentence"]
    assert sentence.startswith("Die Jobs haben normale Priorität")


def test_a_job_more_that_takes_all_ends_the_priority_now(ask):
    found = ask("applicant", f"?with_seconds={10**9}").json()
    assert found["priority_until"] == found["at"]
    assert ask("applicant", "?with_seconds=-1").status_code == 422


def test_another_tenant_learns_nothing(ask):
    assert ask("foreign").status_code == 404
