"""A project asks for more on its page, and the office answers there."""

import re

import pytest
from django.test import Client

from allmende.services import projects
from allmende.storage import people as people_store
from allmende.web.api import changes as change_api
from tests.services.second_partition import TWO
from tests.web.halls import show_a_hall
from tests.web.world import build_world

pytestmark = pytest.mark.django_db


def browser_of(person) -> Client:
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


@pytest.fixture
def stage():
    """Return the project, its address, and browsers of the project and of the office."""
    world = build_world()
    project_id = world.ids["project_id"]
    founder, officer = world.people["applicant"], world.people["programme_officer"]
    project = projects.get_project(founder, project_id)
    return project, f"/projects/{project_id}/changes", browser_of(founder), browser_of(officer)


def test_asked_in_hours_answered_in_part(stage):
    project, address, founder, office = stage
    assert founder.post(address, {"hours": "", "months": "", "reason": "More."}).status_code == 422
    assert founder.post(address, {"months": "one", "reason": "More."}).status_code == 422
    asked = {"hours": "1,5", "months": "1", "reason": "<i>More data</i>"}
    assert founder.post(address, asked).status_code == 302
    assert founder.post(address, asked).status_code == 302  # twice is once
    assert founder.post(address, {**asked, "months": "2"}).status_code == 409
    assert b"&lt;i&gt;More data" in office.get(address).content
    assert project.id.encode() in office.get("/changes").content
    answer = re.search(r"/changes/[^/]+/answer", office.get(address).content.decode())[0]
    given = {"approve": "yes", "hours": "0.5", "months": "1"}
    assert founder.post(answer, given).status_code == 403
    assert office.post(answer, given).status_code == 302
    assert office.post(answer, given).status_code == 302
    after = projects.get_project(people_store.get_person(project.member_ids[0]), project.id)
    assert after.awarded_seconds == project.awarded_seconds + 1800
    assert b"No request waits" in office.get("/changes").content


def test_taken_back_and_declined(stage):
    _, address, founder, office = stage
    founder.post(address, {"months": "1", "reason": "More."})
    back = re.search(r"/changes/[^/]+/withdraw", founder.get(address).content.decode())[0]
    assert founder.post(back).status_code == 302
    founder.post(address, {"months": "1", "reason": "More."})
    answer = re.search(r"/changes/[^/]+/answer", office.get(address).content.decode())[0]
    assert office.post(answer, {"why": ""}).status_code == 422
    assert office.post(answer, {"why": "Nothing is left."}).status_code == 302
    assert b"Nothing is left." in founder.get(address).content


def test_hours_on_another_partition_are_compared_in_sentences_and_answered(stage, monkeypatch):
    project, address, founder, office = stage
    assert b'name="partition"' not in founder.get(address).content  # there is none yet
    show_a_hall(monkeypatch)
    asked = {"partition": "halle", "hours": "1", "back": "2", "reason": "GPUs."}
    assert founder.post(address, {**asked, "hours": ""}).status_code == 422
    assert founder.post(address, {**asked, "partition": "cellar"}).status_code == 404
    assert founder.get(address).content.count(b'value="halle"') == 1
    assert founder.post(address, asked).status_code == 302
    shown = office.get(address).content.decode()
    assert "are worth as much as 2.5 node-h on werkbank" in shown
    answer = re.search(r"/changes/[^/]+/answer", shown)[0]
    given = {"approve": "yes", "hours": "0.5"}
    assert office.post(answer, given).status_code == 422  # what goes back is to be said
    for _ in "ab":
        assert office.post(answer, {**given, "back": "1"}).status_code == 302
    after = founder.get(f"/projects/{project.id}").content.decode()
    assert "On halle 0.5 of 0.5 GPU-h are left." in after


def test_programs_read_what_an_hour_is_there_and_ask_for_it(stage, monkeypatch):
    project, _, founder, office = stage
    show_a_hall(monkeypatch)
    monkeypatch.setattr(change_api, "load_access_rules", lambda: TWO)
    address = f"/api/v1/projects/{project.id}"
    (place,) = founder.get(f"{address}/places").json()
    assert (place["partition_id"], place["cents_per_hour"]) == ("halle", 500)
    assert place["sentence"].startswith("A GPU-h on halle is an hour of one GPU")
    body = {"partition_id": "halle", "seconds": 900, "back_seconds": 600, "reason": "GPUs."}
    asked = founder.post(f"{address}/changes", body, content_type="application/json")
    assert asked.status_code == 201
    assert (asked.json()["back_seconds"], len(asked.json()["comparison"])) == (600, 4)
    approve = f"/api/v1/changes/{asked.json()['id']}/approve"
    for _ in "ab":
        given = office.post(approve, {}, content_type="application/json")
        assert (given.status_code, given.json()["given_back_seconds"]) == (200, 600)
    budgets = founder.get(f"{address}/budget").json()
    assert {each["partition_id"] for each in budgets} == {"halle", "werkbank"}
