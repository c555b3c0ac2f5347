"""Jobs that wait for others, and arrays, as programs send them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.api.conftest import a_token
from tests.web.world import JOB_FILE, World, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def ask(call, world: World) -> Callable[..., Any]:
    """Return a function that asks for one person."""
    tokens = {name: a_token(world.people[name]) for name in ("applicant", "foreign")}

    def ask(method: str, path: str, *, who: str = "applicant", **file: object):
        key = {"Idempotency-Key": "k1"}
        return call(method, path, token=tokens[who], body=JOB_FILE | file, **key)

    return ask


def test_a_job_waits_for_another_and_says_so(ask, world: World):
    address = f"/jobs?project_id={world.ids['project_id']}"
    (job,) = ask("POST", address, after=["first"], when={"flexible_until": "12h"}).json()
    assert (job["after"], job["after_ok"]) == ([world.ids["job_id"]], [])
    assert job["chosen_start_at"] == job["submitted_at"] < job["latest_start_at"]
    refused = ask("POST", address, after_ok=["nobody"])
    assert (refused.status_code, refused.json()["code"]) == (409, "DifferentJob")


def test_a_job_file_is_checked_and_not_submitted(ask, world: World):
    address = f"/jobs/check?project_id={world.ids['project_id']}"
    good = ask("POST", address).json()
    assert (good["ok"], good["held_seconds"], good["unit"]) == (True, 35, "node_seconds")
    assert good["told"]["start"].startswith("It starts ")
    bad = ask("POST", address, resources={"cpus": 99}, secrets=["NONE"])
    assert (bad.status_code, bad.json()["ok"], bad.json()["held_seconds"]) == (200, False, None)
    assert {each["key"] for each in bad.json()["problems"]} == {"resources.cpus", "secrets"}
    assert ask("POST", address, who="foreign").status_code == 404
    assert len(ask("GET", "/jobs").json()["items"]) == 1


def test_a_blueprint_without_a_limit_gets_what_it_takes(ask, world: World):
    file = {"run": None, "max_duration": None, "blueprint": "robot"}
    asked, *_ = ask("POST", f"/jobs/forecast?project_id={world.ids['project_id']}", **file).json()
    assert asked["max_duration_seconds"] == 480


def test_a_job_that_nobody_knows_cannot_be_waited_for(ask, world: World):
    refused = ask("POST", f"/jobs?project_id={world.ids['project_id']}", after_ok=["nobody"])
    assert (refused.status_code, refused.json()["code"]) == (422, "NothingToWaitFor")


def test_an_array_is_listed_and_cancelled_as_one_and_by_its_own_people(ask, world: World):
    tasks = ask("POST", f"/jobs?project_id={world.ids['project_id']}", array="1-3%2").json()
    assert [(task["sweep_index"], task["max_parallel"]) for task in tasks] == [
        (1, 2), (2, 2), (3, 2)
    ]  # fmt: skip
    sweep_id = tasks[0]["sweep_id"]
    listed = ask("GET", f"/jobs?sweep_id={sweep_id}").json()["items"]
    assert {job["id"] for job in listed} == {task["id"] for task in tasks}
    rows = ask("GET", f"/jobs/sweeps/{sweep_id}").json()
    assert [row["job"]["sweep_index"] for row in rows] == [1, 2, 3]
    assert ask("GET", f"/jobs/sweeps/{sweep_id}", who="foreign").status_code == 404
    cancel = f"/jobs/sweeps/{sweep_id}/cancel"
    assert ask("POST", cancel, who="foreign").status_code == 404
    assert ask("GET", f"/jobs?sweep_id={sweep_id}", who="foreign").json()["items"] == []
    for _ in range(2):
        assert {job["state"] for job in ask("POST", cancel).json()} == {"cancelled"}
