"""The pages and the API of a round, from the last review to the texts that the applicant reads."""

import pytest
from django.test import Client

from allmende.domain.basics.people import Person
from allmende.domain.trust.tokens import Scope
from allmende.services import applications
from allmende.storage import people as people_store
from allmende.wiring import deed_of
from tests.web.api.conftest import a_token
from tests.web.rounds import build_stage

pytestmark = pytest.mark.django_db


def browser_of(person: Person) -> Client:
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


@pytest.fixture
def stage():
    """Return the office's browser, the applicant, the experts, the round and its address."""
    world, applicant, experts, found = build_stage()
    for application_id in (found.invited_id, found.writing_id):
        applications.withdraw_application(deed_of(applicant), application_id)
    office = browser_of(world.people["programme_officer"])
    return office, applicant, experts, found, f"/rounds/{found.round_call}/{found.cut_off}"


def test_the_panel_closes_and_the_award_shows_its_proposal(stage):
    office, applicant, experts, found, address = stage
    page = f"/programme/{found.ranked_id}"
    assert office.post(f"{page}/award", {"hours": "20"}).status_code == 409
    assert b"Close the panel" in office.get(address).content
    assert office.post(f"{address}/close").status_code == 302
    assert b"The panel has it at rank 1" in office.get(page).content
    reader = browser_of(applicant)
    own = f"/applications/{found.ranked_id}"
    assert b"What the experts wrote" not in reader.get(own).content
    assert office.post(f"{page}/award", {"hours": "20"}).status_code == 302
    shown = reader.get(own).content.decode()
    assert "What the experts wrote" in shown
    assert all(each.name not in shown and each.id not in shown for each in experts)


def test_looking_for_conflicts_sends_an_application_back(stage):
    office, applicant, experts, _, address = stage
    people_store.add_member(experts[0].id, next(iter(applicant.organisation_ids)))
    assert office.post(f"{address}/close").status_code == 409
    assert office.post(f"{address}/conflicts").status_code == 302
    shown = office.get(address).content
    assert b"2 applications are not before the panel yet" in shown
    assert b"Harsh and lenient" not in shown


def test_what_no_round_has_is_refused(stage):
    office, _, experts, found, address = stage
    assert office.get(f"/rounds/{found.round_call}/yesterday").status_code == 404
    assert office.post(f"{address}/call-off", {"pair": "one"}).status_code == 422
    assert browser_of(experts[0]).post("/reviews/profile", {"keywords": ""}).status_code == 422
    saved = browser_of(experts[0]).post(
        "/reviews/profile", {"keywords": "Wolken\nEis", "load_limit": "2"}
    )
    assert saved.status_code == 302


def test_a_program_closes_the_panel_and_reads_the_steps(stage):
    _, applicant, _, found, _ = stage
    officer = people_store.find_person_by_email("programme_officer@example.org")
    headers = {"Authorization": f"Bearer {a_token(officer, Scope.MANAGE)}"}
    rounds = Client().get("/api/v1/rounds", headers=headers).json()
    instant = rounds[0]["cut_off_at"]
    address = f"/api/v1/rounds/{found.round_call}"
    panel = Client().get(address, {"cut_off_at": instant}, headers=headers).json()
    assert [each["rank"] for each in panel["standings"]] == [1, 2]
    closed = Client().post(
        f"{address}/close",
        {"cut_off_at": instant},
        content_type="application/json",
        headers=headers,
    )
    assert closed.json()[0] == found.ranked_id
    own = {"Authorization": f"Bearer {a_token(applicant, Scope.READ)}"}
    steps = Client().get(f"/api/v1/applications/{found.ranked_id}/steps", headers=own).json()
    assert [each["status"] for each in steps] == ["done", "done", "done", "current"]
    without_zone = {"cut_off_at": "2026-12-11T09:00:00"}
    assert Client().get(address, without_zone, headers=headers).status_code == 422
