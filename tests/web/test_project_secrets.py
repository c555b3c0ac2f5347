"""Secrets in the portal and the API: written, listed by name, never shown."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende.storage import people as people_store
from allmende.storage import project_secrets as store
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db
VALUE = " hush-hush-4711 "


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser(world) -> Client:
    client = Client()
    person = world.people["applicant"]
    client.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return client


def test_a_secret_is_set_and_removed_and_its_value_never_shown(browser, world):
    project_id = world.ids["project_id"]
    page = f"/projects/{project_id}/secrets"
    assert "No secrets yet" in browser.get(page).content.decode()
    assert browser.post(page, {"name": "TOKEN", "value": VALUE}).status_code == 302
    assert store.read_sealed(project_id, ["TOKEN"])["TOKEN"]
    shown = browser.get(page).content.decode()
    assert "TOKEN" in shown
    assert VALUE.strip() not in shown
    wrong = browser.post(page, {"name": "A-B", "value": VALUE})
    assert wrong.status_code == 422
    assert "A-B cannot be the name" in wrong.content.decode()
    assert VALUE.strip() not in wrong.content.decode()
    assert "Passwords and tokens" in browser.get(f"/projects/{project_id}").content.decode()
    assert browser.post(f"{page}/TOKEN/remove").status_code == 302
    assert browser.post(f"{page}/TOKEN/remove").status_code == 404


def test_the_list_takes_as_many_questions_for_many_as_for_one(
    browser, world, django_assert_num_queries
):
    page = f"/projects/{world.ids['project_id']}/secrets"
    browser.post(page, {"name": "A", "value": "1"})
    with CaptureQueriesContext(connection) as asked:
        browser.get(page)
    count = len(asked)  # the next request forgets them
    for name in "BCDE":
        browser.post(page, {"name": name, "value": "1"})
    with django_assert_num_queries(count):
        browser.get(page)


def test_the_api_does_the_same(browser, world):
    address = f"/api/v1/projects/{world.ids['project_id']}/secrets"
    wrong = browser.put(f"{address}/TOKEN", {"value": [VALUE]}, content_type="application/json")
    assert (wrong.status_code, VALUE in wrong.content.decode()) == (422, False)
    assert browser.get(address).json() == []
    right = browser.put(f"{address}/TOKEN", {"value": VALUE}, content_type="application/json")
    assert (right.status_code, right.json()["name"]) == (200, "TOKEN")
    assert VALUE.strip() not in right.content.decode() + browser.get(address).content.decode()
    assert browser.delete(f"{address}/TOKEN").status_code == 204
