"""The page of what-if questions: who sees it, what it refuses, and every state of an answer."""

import json
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from allmende import wiring
from allmende.domain.trust.tokens import Scope
from allmende.services.studio import State, Studio
from allmende.storage import people as people_store
from allmende.web.wording import write_change, write_rough, write_short
from tests.web.api.conftest import a_token
from tests.web.world import STAFF, register

pytestmark = pytest.mark.django_db
SECONDS = 120  # the first question of a process loads the compiled kernel
ASKED = "/what-if?machine=hunter&days=2&guarantee=30"
MAY = {"operator", "programme_officer", "auditor"}


@pytest.fixture
def people():
    return {role.value: register(role.value, role) for role in STAFF}


def client_of(person, **options) -> Client:
    client = Client(**options)
    client.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return client


@pytest.fixture
def officer(people):
    return client_of(people["programme_officer"])


@pytest.fixture
def studio(monkeypatch):
    studio = Studio()
    monkeypatch.setattr(wiring, "studio", lambda: studio)
    yield studio
    studio.close()


@pytest.fixture
def slow_studio(monkeypatch):
    """Return a studio in which nothing ends, and what fails fails at once."""
    gate = threading.Event()

    def play(prepared, *, progress):
        if prepared.question.seed == 13:
            raise ZeroDivisionError
        while not gate.wait(0.01):
            progress(40)

    studio = Studio(play)
    monkeypatch.setattr(wiring, "studio", lambda: studio)
    yield studio
    gate.set()
    studio.close()


def open_whole(client: Client, path: str):
    """Follow to the complete address; return it and the page."""
    answer = client.get(path)
    assert answer.status_code == 302
    address = answer["Location"]
    return address, client.get(address)


def wait_for(client: Client, address: str, words: str) -> str:
    for _ in range(SECONDS * 20):
        text = client.get(address).content.decode()
        if words in text:
            return text
        threading.Event().wait(0.05)
    raise AssertionError(f"{words} never came: {text[-3000:]}")


def test_it_is_for_operators_officers_and_auditors(people, studio):
    seen = {name for name, p in people.items() if client_of(p).get("/what-if").status_code == 200}
    assert seen == MAY
    answer = Client().get(ASKED)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login/?next=%2Fwhat-if")
    for name, person in people.items():
        assert (b"/what-if" in client_of(person).get("/home").content) is (name in MAY)


def test_an_address_is_made_whole_so_that_it_always_asks_the_same(officer, studio):
    address, _ = open_whole(officer, ASKED)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["guarantee"] == "30"
    assert asked["today"] == "20"
    assert set(asked) >= {"seed", "load", "demand", "power", "failing_nodes", "others_weight"}
    assert officer.get(address).status_code == 200


def test_everybody_gets_the_same_figures_from_one_address(people, officer, studio):
    address, _ = open_whole(officer, ASKED)
    first = wait_for(officer, address, "The answer")
    assert "invented workload, seed 1" in first
    second = client_of(people["auditor"]).get(address).content.decode()
    assert table(first) == table(second)
    studio._runs.clear()  # as after a restart: it is played again
    assert table(wait_for(officer, address, "The answer")) == table(first)


def table(text: str) -> str:
    return text[text.index("<table") : text.index("</table>")]


def test_the_answer_can_be_taken_away(officer, studio):
    address, _ = open_whole(officer, ASKED)
    wait_for(officer, address, "The answer")
    query = urlsplit(address).query
    report = officer.get(f"/what-if/report?{query}")
    assert report["Content-Disposition"] == 'attachment; filename="what-if.html"'
    assert "What if: 30 % for SMEs" in report.content.decode()
    figures = json.loads(officer.get(f"/what-if/figures?{query}").content)
    assert figures["question"]["guarantee"] == "30"
    assert len(figures["scenarios"]) == 3
    for name in ("report", "figures"):
        other = officer.get(f"/what-if/{name}?{query}&seed=5")
        assert other["Location"].startswith("/what-if?")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("guarantee=81", "guarantee"),
        ("guarantee=many", "guarantee"),
        ("guarantee=70", "guarantee"),
        ("days=-1", "days"),
        ("machine=nowhere", "machine"),
        ("machine=blue-lion", "machine"),
        ("workload=dreamt", "workload"),
        ("workload=recorded", "workload"),
        ("machine=werkbank&workload=recorded", "days"),
        ("failing_nodes=99999999999999999999999", "failing_nodes"),
        ("until=" + "9" * 50, "until"),
    ],
)
def test_a_number_out_of_range_is_refused_beside_its_field(officer, studio, query, field):
    answer = officer.get(f"/what-if?{query}")
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert officer.get("/what-if/live?" + query).status_code in (200, 404)


def test_while_it_is_computed_one_sees_how_far_it_is_and_may_cancel(officer, slow_studio):
    address, _ = open_whole(officer, ASKED)
    query = urlsplit(address).query
    text = wait_for(officer, f"/what-if/live?{query}", "40 %")
    assert "hx-get" in text
    assert officer.post("/what-if/cancel", data(address))["Location"] == address
    cancelled = officer.get(address).content.decode()
    assert "Compute it after all" in cancelled
    assert "hx-get" not in cancelled
    assert officer.post("/what-if/again", data(address))["Location"] == address
    assert "hx-get" in officer.get(address).content.decode()


def data(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_one_person_cancels_and_the_other_goes_on_waiting(people, officer, slow_studio):
    address, _ = open_whole(officer, ASKED)
    auditor = client_of(people["auditor"])
    assert "hx-get" in auditor.get(address).content.decode()
    officer.post("/what-if/cancel", data(address))
    assert "Compute it after all" in officer.get(address).content.decode()
    assert "hx-get" in auditor.get(address).content.decode()


def test_a_failure_is_a_sentence(officer, slow_studio):
    address, _ = open_whole(officer, f"{ASKED}&seed=13")
    assert "broke off on our side" in wait_for(officer, address, "could not be computed")


def test_what_was_forgotten_can_be_asked_again(officer, slow_studio):
    text = officer.get("/what-if/live?machine=hunter").content.decode()
    assert "Compute it after all" in text
    assert officer.get("/what-if/live").status_code == 404


def test_a_forged_form_is_refused(people, studio):
    client = client_of(people["operator"], enforce_csrf_checks=True)
    for name in ("cancel", "again"):
        assert client.post(f"/what-if/{name}", {"machine": "hunter"}).status_code == 403


def test_programs_ask_the_same(people, studio):
    token = {"Authorization": f"Bearer {a_token(people['operator'], Scope.READ)}"}
    path = "/api/v1/what-if?machine=hunter&days=2&guarantee=30"
    for _ in range(SECONDS * 20):
        answer = Client().get(path, headers=token).json()
        if answer["state"] == State.DONE:
            break
        threading.Event().wait(0.05)
    page = client_of(people["auditor"])
    address, _ = open_whole(page, ASKED)
    figures = page.get(f"/what-if/figures?{urlsplit(address).query}")
    assert answer["result"] == json.loads(figures.content)
    refused = Client().get(f"{path}&failing_nodes=999", headers=token)
    assert refused.status_code == 422
    cancelled = Client().post(f"{path.replace('?', '/cancel?')}&seed=4", headers=token).json()
    assert cancelled["state"] == State.CANCELLED


@pytest.mark.parametrize(
    ("seconds", "rough", "change"),
    [
        (0, "0 s", "0 s"),
        (90, "90 s", "+90 s"),
        (300, "5.0 min", "+5.0 min"),
        (-36_000, "", "−10 h"),
        (400_000, "4.6 d", "+4.6 d"),
    ],
)
def test_times_are_written_in_one_unit(seconds, rough, change):
    assert write_change(seconds).replace("\u202f", " ") == change
    if rough:
        assert write_rough(seconds).replace("\u202f", " ") == rough


def test_numbers_are_written_short():
    assert [write_short(x).replace("\u202f", " ") for x in (0.1234, 1234, 12_345, 2_500_000)] == [
        "0.123",
        "1,230",
        "12.3 k",
        "2.5 M",
    ]
