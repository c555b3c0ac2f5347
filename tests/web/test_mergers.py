"""The office records a merger on its page, and the members read it where they would apply."""

import pytest
from django.test import Client

from allmende.storage import mergers as store
from allmende.storage import people as people_store
from tests.web.world import build_world

pytestmark = pytest.mark.django_db


def browser_of(person) -> Client:
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


def test_recorded_by_the_office_and_read_by_the_members():
    world = build_world()
    founder = browser_of(world.people["applicant"])
    office = browser_of(world.people["programme_officer"])
    (of,) = world.people["applicant"].organisation_ids
    (into,) = world.people["foreign"].organisation_ids
    said = {"organisation": of, "into": into, "on": "2026-01-02", "why": "<i>HRB 1</i>"}
    assert b"No merger is recorded" in office.get("/mergers").content
    assert founder.get("/mergers").status_code == 403
    assert founder.post("/mergers", said).status_code == 403
    assert office.post("/mergers", {**said, "on": "yesterday"}).status_code == 422
    assert office.post("/mergers", {**said, "into": of}).status_code == 422
    assert store.list_mergers() == {}
    assert office.post("/mergers", said).status_code == 302
    assert office.post("/mergers", said).status_code == 302  # twice is once
    assert office.post("/mergers", {**said, "why": "HRB 2"}).status_code == 409
    assert list(store.list_mergers()) == [of]
    assert b"&lt;i&gt;HRB 1" in office.get("/mergers").content
    apply = founder.get("/apply").content
    assert b"merged into" in apply
    assert b'name="call"' not in apply
    assert b"merged into" in founder.get(f"/projects/{world.ids['project_id']}").content
    foreign = browser_of(world.people["foreign"]).get("/apply").content
    assert b"merged into" not in foreign
    assert b'name="organisation"' in foreign
