"""The page of the data sets, and the same from the API."""

from dataclasses import replace

import pytest
from django.test import Client

from allmende import wiring
from allmende.domain.basics.data_classes import DataClass
from allmende.storage import people as people_store
from tests.domain.training.test_data_sets import HEARTS, ROADS
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser(world: World) -> Client:
    client = Client()
    person = world.people["applicant"]
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


def test_the_form_of_a_job_offers_the_catalogue_and_chooses_what_its_blueprint_reads(
    browser, world, monkeypatch
):
    hearts = replace(HEARTS, folders={"werkstatt": "/srv/hearts"})
    tracks = replace(hearts, id="race-tracks", data_class=DataClass.INTERNAL, personal_data=False)
    known = wiring.workshop()
    address = f"/projects/{world.ids['project_id']}/jobs/new"
    form = browser.get(address).context["form"]
    assert (form.blueprint.id, "data" in form.fields) == ("medicine", False)
    assert "does not have them yet" in browser.get(f"{address}?blueprint=racing").content.decode()
    catalogue = {each.id: each for each in (hearts, tracks)}
    monkeypatch.setattr(wiring, "workshop", lambda: replace(known, data_sets=catalogue))
    form = browser.get(f"{address}?blueprint=racing").context["form"]
    assert form["data"].initial == ["race-tracks"]
    assert form["data_class"].initial == "internal"
    assert form["minutes"].initial == 2  # four times half a minute
    sent = {"name": "x", "minutes": "1", "data_class": "internal", "check": "1"}
    answer = browser.post(f"{address}?blueprint=racing", sent | {"data": ["heart-beats"]})
    assert "Write data_class: health" in answer.content.decode()
    browser.cookies["django_language"] = "de"
    german = browser.get(f"{address}?blueprint=racing").content.decode()
    assert "Rennstrecken-Datenbank der TUM" in german
    browser.cookies["django_language"] = "en"
    answer = browser.post(f"{address}?blueprint=racing", sent)
    assert "with uri: allmende:race-tracks" in answer.context["form"].errors["data"][0]
