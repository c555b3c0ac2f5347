"""The pages and the API of a round, from the last review to the texts that the applicant reads."""

import re

import pytest
from django.test import Client

from allmende.domain.basics.people import Person, Role
from allmende.domain.trust.tokens import Scope
from allmende.services import applications, expert_reviews, panels
from allmende.storage import people as people_store
from allmende.wiring import deed_of
from tests.web.api.conftest import a_token
from tests.web.rounds import build_stage, opinions
from tests.web.world import register

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


def test_a_no_is_appealed_and_answered_by_somebody_else(stage):
    office, applicant, _, found, address = stage
    office.post(f"{address}/close")
    page, own = f"/programme/{found.ranked_id}", f"/applications/{found.ranked_id}"
    office.post(f"{page}/refuse", {"why": "No time left."})
    reader = browser_of(applicant)
    assert b"Why is the decision wrong?" in reader.get(own).content
    assert reader.post(f"{own}/appeal", {"reason": ""}).status_code == 422
    assert reader.post(f"{own}/appeal", {"reason": "<b>Biased</b>"}).status_code == 302
    assert b"&lt;b&gt;Biased" in reader.get(own).content
    assert found.ranked_id.encode() in office.get("/appeals").content
    assert b"against your own decision" in office.get(page).content
    colleague = browser_of(register("otto", Role.PROGRAMME_OFFICER))
    appeal_id = re.search(r"/appeals/([^/]+)/answer", colleague.get(page).content.decode())[1]
    answer = {"upheld": "yes", "why": "So it is."}
    assert office.post(f"/appeals/{appeal_id}/answer", answer).status_code == 403
    assert colleague.post(f"/appeals/{appeal_id}/answer", answer).status_code == 302
    assert b"So it is." in reader.get(own).content
    assert b"No appeal waits" in office.get("/appeals").content
    assert appeal_id not in colleague.get(page).content.decode()
    recuse = re.search(r'"(/programme/[^"]+/recuse/[^"]+)"', colleague.get(page).content.decode())
    assert colleague.post(recuse[1]).status_code == 302
    assert b"with the experts" in reader.get(own).content


def test_the_applicant_answers_the_reviews_and_the_panel_reads_it(stage):
    office, applicant, experts, found, address = stage
    # One review less, one more today: the days to answer begin anew.
    officer = people_store.find_person_by_email("programme_officer@example.org")
    recused = deed_of(officer)
    expert_reviews.recuse_reviewer(recused, found.ranked_id, reviewer_id=experts[1].id)
    panels.invite_reviewer(deed_of(officer), found.ranked_id, reviewer_id=experts[2].id)
    expert_reviews.answer_invitation(deed_of(experts[2]), found.ranked_id, accepts=True)
    said = opinions(4, 4, 4)
    expert_reviews.submit_review(deed_of(experts[2]), found.ranked_id, opinions=said)
    assert b"may still answer their reviews" in office.get(address).content
    assert office.post(f"{address}/close").status_code == 409
    reader, own = browser_of(applicant), f"/applications/{found.ranked_id}"
    assert b"What the experts wrote" in reader.get(own).content
    answer = {"text": "The data is on the server."}
    assert reader.post(f"{own}/rebuttal", answer).status_code == 302
    assert b"Your answer to the reviews" in reader.get(own).content
    assert b"The data is on the server." in office.get(address).content
    assert b"The data is on the server." in office.get(f"/programme/{found.ranked_id}").content
    assert office.post(f"{address}/close").status_code == 302


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
