"""The page of the data sets, and the same from the API."""

from dataclasses import replace

import pytest
from django.test import Client

from allmende import wiring
from allmende.storage import people as people_store
from tests.domain.training.test_data_sets import HEARTS, ROADS
from tests.web.world import build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    client = Client()
    person = build_world().people["applicant"]
    client.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return client


def test_an_empty_catalogue_says_who_fills_it(browser):
    assert "No data sets yet" in browser.get("/data").content.decode()
    assert browser.get("/api/v1/data").json() == []


def test_the_catalogue_says_what_may_be_named_and_where_it_lies(browser, monkeypatch):
    catalogue = {
        each.id: replace(each, folders={"werkstatt": "/srv/secret/place"})
        for each in (ROADS, HEARTS)
    }
    known = replace(wiring.workshop(), data_sets=catalogue)
    monkeypatch.setattr(wiring, "workshop", lambda: known)
    page = browser.get("/data").content.decode()
    for words in ("allmende:heart-beats@2", "Werkstatt", "health data", "about persons", "Roads"):
        assert words in page
    listed = browser.get("/api/v1/data")
    assert [row["uri"] for row in listed.json()] == ["allmende:roads@2", "allmende:heart-beats@2"]
    assert listed.json()[0]["title"] == {"en": "Roads", "de": "Straßen"}
    assert listed.json()[1]["sites"] == ["werkstatt"]
    assert "secret" not in page + listed.content.decode()  # where it lies is for jobs alone
    assert "Data sets that lie there" in browser.get("/sites").content.decode()


def test_nobody_sees_it_without_signing_in():
    assert Client().get("/api/v1/data").status_code == 401
    assert "/data" not in Client().get("/sites").content.decode()
