"""The office's pages of State aid and ceilings, and the letter."""

import io
from dataclasses import replace

import pypdf
import pytest
from django.contrib.auth.models import User
from django.test import Client

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.services import (
    aid,
    applications,
    awards,
    calls,
    ceilings,
    organisations,
    reviews,
)
from allmende.storage import people as people_store
from tests.services.access import CALL_ID, RULES, assessed, drafted, founder, open_playground
from tests.web.world import Role, register

pytestmark = pytest.mark.django_db

BRIDGE = replace(
    RULES.get_call(CALL_ID), id="bridge", mode_id="national-bridge", access_share="national"
)
NATIONAL = replace(RULES, calls=(BRIDGE,))


@pytest.fixture
def office():
    return register("office", Role.PROGRAMME_OFFICER)


@pytest.fixture
def waiting(office):
    """Return an assessed application for free time of the national share."""
    calls.open_call(wiring.deed_of(DAEMON), "bridge", rules=NATIONAL)
    ada, firm = founder()
    draft = drafted(ada, firm, call_id="bridge", aid_received_cents="100000")
    applications.submit_application(wiring.deed_of(ada), draft.id, rules=NATIONAL)
    return reviews.record_technical_assessment(wiring.deed_of(office), draft.id, is_feasible=True)


def browser_of(person):
    browser = Client()
    row = people_store.PersonRow.objects.get(id=person.id)
    row.login = row.login or User.objects.create_user(username=person.id)
    row.save()
    browser.force_login(row.login)
    return browser


def test_the_office_sees_the_arithmetic_before_it_decides(office, waiting):
    page = browser_of(office).get(f"/programme/{waiting.id}").content.decode()
    for amount in ("8.00", "1,000.00", "1,008.00", "300,000.00"):
        assert amount in page, amount


def test_the_office_registers_aid_on_its_page(office, waiting):
    award = awards.award_application(wiring.deed_of(office), waiting.id, rules=NATIONAL)
    browser = browser_of(office)
    page = browser.get("/aid").content.decode()
    assert "One grant has to be registered." in page
    assert award.id in page
    done = browser.post(f"/aid/aid-{award.id}/register", {"reference": "DE-7"})
    assert (done.status_code, done["Location"]) == (302, "/aid")
    assert "DE-7" in browser.get("/aid").content.decode()
    assert aid.get_entry(office, f"aid-{award.id}").registered_by == office.id
    sheet = browser.get("/aid.csv")
    assert sheet["Content-Type"] == "text/csv; charset=utf-8"
    assert f"aid-{award.id},{award.id},Herzschlag GmbH,DE,8.00," in sheet.content.decode()


def test_everybody_reads_what_is_left_under_each_ceiling():
    page = Client().get("/sites").content.decode()
    told = Client().get("/api/v1/ceilings").json()
    known = ceilings.list_contingents(DAEMON, rules=RULES, now=wiring.now())
    assert [each["left_seconds"] for each in told] == [each.left_seconds for each in known]
    assert "Playground and Fast Lane together" in page
    assert "2,628" in page


def test_the_letter_is_for_the_organisation_and_the_office(office, waiting):
    award = awards.award_application(wiring.deed_of(office), waiting.id, rules=NATIONAL)
    address = f"/awards/{award.id}/letter/de.pdf"
    applicant = people_store.get_person(waiting.applicant_id)
    eve, _ = founder("eve")
    operator, auditor = register("op", Role.OPERATOR), register("auditor", Role.AUDITOR)
    seen = {
        person.name: read_letter(person, award.id)
        for person in (applicant, office, eve, operator, auditor)
    }
    assert seen == {"ada": 200, "office": 200, "eve": 404, "op": 404, "auditor": 404}
    answer = browser_of(applicant).get(address)
    assert answer["Content-Type"] == "application/pdf"
    text = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert "De-minimis-Beihilfe" in text
    page = browser_of(applicant).get(f"/applications/{waiting.id}").content.decode()
    assert address in page
    told = browser_of(office).get(f"/api/v1/awards/{award.id}/letter?language=de")
    assert told.content == answer.content


def read_letter(person, award_id):
    return browser_of(person).get(f"/awards/{award_id}/letter/de.pdf").status_code


def test_a_condition_is_written_by_the_office_and_accepted_by_the_applicant(office):
    open_playground()
    ada, firm = founder()
    application = assessed(ada, firm)
    form = {"hours": "4", "condition": "Sign the agreement first."}
    assert browser_of(office).post(f"/programme/{application.id}/award", form).status_code == 302
    award = awards.find_award_of_application(ada, application.id)
    assert award.is_open
    browser, address = browser_of(ada), f"/applications/{application.id}"
    assert "Accept the condition" in browser.get(address).content.decode()
    shown = browser_of(office).get(f"/programme/{application.id}").content.decode()
    assert "not accepted yet" in shown
    assert browser.post(f"/awards/{award.id}/accept")["Location"] == address
    assert "Accept the condition" not in browser.get(address).content.decode()
    assert not awards.get_award(ada, award.id).is_open
    too_long = {"hours": "4", "condition": "x" * 2001}
    refused = browser_of(office).post(f"/programme/{application.id}/award", too_long)
    assert refused.status_code == 422


def test_an_owner_is_known_by_the_number_that_the_page_asks_for():
    ada, firm = founder(size=None)
    figures = {
        "headcount": "12", "turnover": "2", "balance": "1", "similar": "yes", "owner": "yes",
        "owner_share": "60", "owner_headcount": "30", "owner_turnover": "3", "owner_balance": "2",
    }  # fmt: skip
    browser, address = browser_of(ada), f"/organisations/{firm.id}/figures"
    assert "number in a commercial register" in browser.get(address).content.decode()
    assert browser.post(address, {**figures, "owner_number": " HRB 12 "}).status_code == 302
    _, owner = organisations.get_organisation(ada, firm.id).ownership.firms
    assert owner.register_number == "HRB 12"
    assert browser.post(address, figures).status_code == 302


def test_the_sector_is_asked_for_and_may_be_left_out():
    browser = browser_of(founder()[0])
    firm = {"name": "Greifer GmbH", "kind": "enterprise", "country": "DE"}
    wrong = browser.post("/organisations/new", {**firm, "nace_code": "software"})
    assert wrong.status_code == 422
    assert "such as 62.01." in wrong.content.decode()
    for code in ("62.01", ""):
        assert browser.post("/organisations/new", {**firm, "nace_code": code}).status_code == 302
