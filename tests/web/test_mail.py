"""Messages in the portal and the API: one's own, their language, and the queue of the office."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    PATIENCE,
    MessageState,
)
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.trust.tokens import Scope
from allmende.services import mail, people
from allmende.services.deeds import Deed
from allmende.services.mail import NotDelivered
from allmende.storage import people as people_store
from allmende.wiring import deed_of
from allmende.wiring.access_rules import load_access_rules
from tests.web.api.conftest import a_token
from tests.web.world import register

pytestmark = pytest.mark.django_db
SIGN_UP = {"name": "Mina", "email": "mina@example.org", "password1": "correct horse battery"}


def browser_of(person: Person) -> Client:
    browser = Client()
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


def write_to(reader: Person, count: int = 1) -> None:
    for number in range(count):
        kind = MessageKind.REVIEW_CALLED_OFF
        mail.announce(deed_of(DAEMON), kind, about=f"app-{number}", to=[reader.id])


def give_up() -> None:
    """Let the mail server refuse until the time of all messages is over."""

    def refuse(_parcel):
        raise NotDelivered(problem="550 <no such person>")

    later = wiring.now() + PATIENCE
    for instant in (wiring.now(), later):
        act = Deed(actor=DAEMON, now=instant, new_id=wiring.new_id)
        mail.deliver(lambda act=act: act, send=refuse, rules=load_access_rules())


def test_a_person_reads_what_was_written_to_them_and_nobody_else_does():
    mina, olga = register("mina", Role.APPLICANT), register("olga", Role.APPLICANT)
    write_to(mina)
    shown = browser_of(mina).get("/messages").content.decode()
    assert "Your review of application app-0 is no longer needed" in shown
    assert 'href="/reviews"' in shown
    assert "Nothing was written to you yet" in browser_of(olga).get("/messages").content.decode()
    assert Client().get("/messages")["Location"].startswith("/account/login/")


def test_what_was_written_to_a_person_has_pages():
    mina = register("mina", Role.APPLICANT)
    write_to(mina, 60)
    browser, seen, address = browser_of(mina), [], "/messages"
    while address:
        shown = browser.get(address).content.decode()
        seen += re.findall(r"application (app-\d+) is no longer", shown)
        older = re.search(r'href="(\?after=[^"]+)"', shown)
        address = f"/messages{older[1]}" if older else ""
    assert sorted(seen) == sorted(f"app-{number}" for number in range(60))


@pytest.mark.parametrize(("address", "reader"), [("/messages", 0), ("/mail?all=1", 1)])
def test_a_page_takes_as_many_questions_for_many_messages_as_for_few(address, reader):
    people_here = [register("mina", Role.APPLICANT), register("olga", Role.PROGRAMME_OFFICER)]
    browser = browser_of(people_here[reader])

    def count_questions():
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(address).status_code == 200
        return len(asked)

    write_to(people_here[0])
    one = count_questions()
    write_to(people_here[0], 30)
    assert count_questions() == one


def test_the_language_of_mails_comes_from_the_browser_at_sign_up_and_changes(client):
    client.post("/account/signup/", SIGN_UP, headers={"Accept-Language": "de-DE,de;q=0.9"})
    me = client.get("/api/v1/me").json()
    assert me["language"] == "de"
    assert (
        "Wir schreiben Ihnen auf Deutsch."
        in client.get("/messages", headers={"Accept-Language": "de"}).content.decode()
    )
    assert client.post("/settings/language", {"language": "en"}).status_code == 302
    assert client.get("/api/v1/me").json()["language"] == "en"
    client.get("/language/de?next=/home")  # the link in the head of every page
    assert client.get("/api/v1/me").json()["language"] == "de"
    assert client.post("/settings/language", {"language": "fr"}).status_code == 422
    assert client.get("/settings/language").status_code == 405


def test_the_language_link_still_serves_the_public(client):
    assert client.get("/language/de?next=/sites")["Location"] == "/sites"


def test_the_first_administrator_is_written_to_in_their_language(client):
    people.create_admin_link(deed_of(DAEMON), secret="s" * 43)
    new = {"name": "Ada", "email": "ada@example.org", "password": "correct horse battery"}
    address = f"/first-administrator/{'s' * 43}"
    assert client.post(address, new, headers={"Accept-Language": "de"}).status_code == 302
    assert people_store.find_person_by_email("ada@example.org").language == "de"


def test_the_office_sees_what_failed_and_tries_it_again():
    mina, olga = register("mina", Role.APPLICANT), register("olga", Role.PROGRAMME_OFFICER)
    auditor = register("aishe", Role.AUDITOR)
    write_to(mina)
    give_up()
    office = browser_of(olga)
    shown = office.get("/mail").content.decode()
    assert "550 &lt;no such person&gt;" in shown
    assert "mina" in shown
    (message,) = mail.list_own_messages(mina)
    address = f"/mail/{message.id}/retry"
    assert address in shown
    assert address not in browser_of(auditor).get("/mail").content.decode()
    assert browser_of(auditor).post(address).status_code == 403
    assert office.post(address).status_code == 302
    assert mail.list_own_messages(mina)[0].state is MessageState.QUEUED
    assert office.post(address).status_code == 302  # again, it changes nothing


@pytest.mark.parametrize("role", [Role.APPLICANT, Role.REVIEWER, Role.OPERATOR, Role.ADMINISTRATOR])
def test_the_queue_is_nobody_elses(role):
    assert browser_of(register("p", role)).get("/mail").status_code == 403


def test_programs_read_messages_and_the_queue():
    mina, olga = register("mina", Role.APPLICANT), register("olga", Role.PROGRAMME_OFFICER)
    write_to(mina, 3)
    mine = {"Authorization": f"Bearer {a_token(mina, Scope.READ)}"}
    first = Client().get("/api/v1/me/messages?limit=2", headers=mine).json()
    rest = Client().get(f"/api/v1/me/messages?limit=2&after={first['next']}", headers=mine).json()
    assert len({each["id"] for each in (*first["items"], *rest["items"])}) == 3
    german = Client().get("/api/v1/me/messages", headers={**mine, "Accept-Language": "de"}).json()
    assert "wird nicht mehr gebraucht" in german["items"][0]["subject"]
    refused = Client().patch(
        "/api/v1/me", {"language": "de"}, content_type="application/json", headers=mine
    )
    assert refused.json()["code"] == "TokenLacksScope"
    office = {"Authorization": f"Bearer {a_token(olga, Scope.MANAGE)}"}
    waiting = Client().get("/api/v1/mail?state=queued", headers=office).json()["items"]
    assert {each["recipient_id"] for each in waiting} == {mina.id}
    assert not any("subject" in each or "body" in each for each in waiting)
    assert Client().get("/api/v1/mail?state=sent", headers=office).json()["items"] == []


def test_a_message_of_yesterday_stands_below_one_of_today():
    mina = register("mina", Role.APPLICANT)
    for number, days in enumerate((0, 1)):
        act = Deed(actor=DAEMON, now=wiring.now() - timedelta(days=days), new_id=wiring.new_id)
        mail.announce(act, MessageKind.REVIEW_CALLED_OFF, about=f"app-{number}", to=[mina.id])
    shown = browser_of(mina).get("/messages").content.decode()
    assert shown.index("app-0") < shown.index("app-1")
