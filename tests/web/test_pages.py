"""Who sees which page; what foreign tenants do not see; what every answer carries."""

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende.services import runs
from allmende.web.security import POLICY
from tests.browser.pages import PAGES, address
from tests.web import factory
from tests.web.clusters import show_a_cluster, show_usage

# The mark tells pytest-django that this file needs the database.
pytestmark = pytest.mark.django_db

PEOPLE = ("mina", "rolf", "nina", "olga", "theo", "aishe", "ada")
PUBLIC_PAGES = [name for name, (_, who) in PAGES.items() if not who]
OWN_PAGES = [name for name, (_, who) in PAGES.items() if who]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[factory.World]:
    """Build the world once for this file, in a transaction that is rolled back at its end."""
    with django_db_blocker.unblock(), transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        built = factory.build_world(waiting_jobs=1)
        show_a_cluster(patch)
        built = show_usage(patch, built)
        yield built
        factory.stop_world(built)
        transaction.set_rollback(True)


@pytest.fixture
def ids(world: factory.World) -> dict[str, str]:
    return factory.ids_of(world)


def client_of(name: str) -> Client:
    client = Client()
    if name:
        client.force_login(User.objects.get(email=f"{name}@example.org"))
    return client


@pytest.mark.parametrize("name", PUBLIC_PAGES)
def test_everybody_sees_the_public_pages(world: factory.World, ids: dict[str, str], name: str):
    answer = client_of("").get(address(name, ids))
    assert answer.status_code == (422 if name.endswith("-mistakes") else 200)
    assert answer["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize("name", OWN_PAGES)
def test_whoever_owns_a_page_sees_it(world: factory.World, ids: dict[str, str], name: str):
    assert client_of(PAGES[name][1]).get(address(name, ids)).status_code == 200


@pytest.mark.parametrize("name", OWN_PAGES)
def test_the_public_is_asked_to_sign_in(world: factory.World, ids: dict[str, str], name: str):
    answer = client_of("").get(address(name, ids))
    # Public, with less to see.
    path = PAGES[name][0]
    public = path == "/sites" or path.startswith(("/promises", "/account", "/incidents", "/models"))
    if public and "new" not in name:
        return
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login/")


FOREIGN = [
    name
    for name, (path, who) in PAGES.items()
    if who == "mina" and any(part.isupper() for part in path.split("/"))
]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_tenant_finds_nothing(world: factory.World, ids: dict[str, str], name: str):
    assert client_of("rolf").get(address(name, ids)).status_code == 404


@pytest.mark.parametrize("who", ["mina", "rolf", "nina", "ada"])
def test_the_office_is_for_the_office(world: factory.World, ids: dict[str, str], who: str):
    client = client_of(who)
    for name in ("programme", "programme-assess", "audit"):
        assert client.get(address(name, ids)).status_code == 403


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("name", PAGES)
def test_no_page_breaks_for_anybody(world: factory.World, ids: dict[str, str], name: str, who: str):
    allowed = {422} if name.endswith("-mistakes") else {200, 302, 403, 404}
    assert client_of(who).get(address(name, ids)).status_code in allowed


def test_only_owners_download_logs_and_weights(world: factory.World, ids: dict[str, str]):
    log = f"/jobs/{ids['done_job']}/log/1"
    weights = f"/models/{ids['model_id']}/files/model.txt"
    assert b"step 80 of 100" in client_of("mina").get(log).getvalue()
    assert client_of("mina").get(weights).getvalue() == b"weights\n"
    for who in ("rolf", "olga"):
        assert client_of(who).get(log).status_code == 404
        assert client_of(who).get(weights).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/jobs/j-00000000", 404),
        ("/promises/none", 404),
        ("/theme/red", 404),
        ("/jobs/j%00", 400),
        ("/jobs?after=%00", 400),
    ],
)
def test_errors_are_pages_with_a_way_out(world: factory.World, path: str, status: int):
    answer = client_of("mina").get(path)
    assert answer.status_code == status
    assert 'href="/home"' in answer.content.decode()


def test_a_disk_that_does_not_answer_is_no_mystery(
    world: factory.World, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(runs, "list_curves", fail)
    answer = client_of("mina").get(f"/jobs/{ids['done_job']}")
    assert answer.status_code == 503
    assert "The disk did not answer" in answer.content.decode()


def test_a_form_with_a_character_that_no_database_takes_is_refused(
    world: factory.World, ids: dict[str, str]
):
    answer = client_of("mina").post(f"/jobs/{ids['done_job']}/again", {"client_key": "a\0b"})
    assert answer.status_code == 400
    assert 'href="/home"' in answer.content.decode()


def test_a_forged_form_is_refused(world: factory.World, ids: dict[str, str]):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(email="mina@example.org"))
    assert client.post(f"/jobs/{ids['running_job']}/cancel").status_code == 403


def test_a_form_that_is_too_large_is_refused_with_the_limit(
    world: factory.World, ids: dict[str, str]
):
    address = f"/projects/{ids['project']}/jobs/new?with=file"
    answer = client_of("mina").post(address, {"text": "x" * 2_700_000})
    assert answer.status_code == 413
    assert "2621440 bytes" in answer.content.decode()


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/", "javascript:alert(1)"])
def test_language_and_theme_lead_back_to_this_portal_only(world: factory.World, path: str):
    assert client_of("").get("/language/de", {"next": path})["Location"] == "/"


def test_job_findings_stand_at_their_fields(world: factory.World, ids: dict[str, str]):
    answer = client_of("mina").post(
        f"/projects/{ids['project']}/jobs/new?blueprint=medicine",
        {"name": "x", "minutes": "1", "data_class": "public", "param_folds": "999"},
    )
    assert answer.status_code == 422
    assert "param_folds" in answer.context["form"].errors


@pytest.mark.parametrize(
    "text", ["{", "- a\n- b", "name: [", "nmae: x\nrun: y", "name: x\nrun: y\nrun: z"]
)
def test_a_job_file_that_does_not_fit_is_explained(
    world: factory.World, ids: dict[str, str], text: str
):
    address = f"/projects/{ids['project']}/jobs/new?with=file"
    answer = client_of("mina").post(address, {"text": text})
    assert answer.status_code == 422
    assert answer.context["form"].errors["text"]


def test_one_checks_a_job_first_and_submits_nothing(world: factory.World, ids: dict[str, str]):
    client, address = client_of("mina"), f"/projects/{ids['project']}/jobs/new?with=file"
    before = client.get("/jobs").context["jobs"]
    file = "name: asked\nrun: 'true'\nmax_duration: {}\n"
    answer = client.post(address, {"text": file.format("2m"), "check": "1"})
    assert (answer.status_code, answer.context["checked"]["found"].held_seconds) == (200, 125)
    # Script puts a part of the page in its place, mistakes as well; a whole page has its status.
    wrong = {"text": file.format("9h"), "check": "1"}
    assert client.post(address, wrong).status_code == 422
    assert client.post(address, wrong, headers={"HX-Request": "true"}).status_code == 200
    several = file.format("2m") + "resources: {cpus: 99}\nblueprint: medicin\n"
    errors = client.post(address, {"text": several, "check": "1"}).context["form"].errors["text"]
    assert errors[0].startswith("Line 2: run: a blueprint brings its own command.")
    unknown = {"text": "name: a\nblueprint: medicin\nresources: {cpus: 99}\n", "check": "1"}
    errors = client.post(address, unknown).context["form"].errors["text"]
    assert [error[:7] for error in errors] == ["Line 2:", "Line 3:"]
    assert client.get("/jobs").context["jobs"] == before


def test_an_unknown_blueprint_in_a_job_file_is_a_mistake_at_its_line(
    world: factory.World, ids: dict[str, str]
):
    address = f"/projects/{ids['project']}/jobs/new?with=file"
    answer = client_of("mina").post(address, {"text": "name: a\nblueprint: medicin\n"})
    assert (answer.status_code, answer.context["form"].errors["text"]) == (
        422, ["Line 2: There is no blueprint medicin here. Did you mean medicine?"],
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/promises", "/sites", "/jobs", "/programme", "/home"])
def test_lists_ask_the_database_a_bounded_number_of_questions(world: factory.World, path: str):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client_of("olga").get(path)
    assert len(queries) < 40


def test_the_front_page_shows_the_group_at_work_but_not_whose_job_it_is(world: factory.World):
    text = client_of("").get("/").content.decode()
    assert "parcel taken sme" in text
    assert world.project.name not in text
    assert world.company.name not in text


def test_an_award_and_a_refusal_by_the_office(world: factory.World, ids: dict[str, str]):
    office = client_of("olga")
    nothing = office.post(f"/programme/{ids['assessed_id']}/award", {"hours": "a lot"})
    assert nothing.status_code in {409, 422}
    unexplained = office.post(f"/programme/{ids['assessed_id']}/refuse", {"why": " "})
    assert unexplained.status_code == 422
    office.post(f"/programme/{ids['assessed_id']}/award", {"hours": "3,5"})
    shown = office.get(f"/programme/{ids['assessed_id']}").content.decode()
    assert "3.5" in shown


def test_a_project_says_until_when_its_jobs_have_priority_and_what_it_may_lose(
    world: factory.World, ids: dict[str, str]
):
    with CaptureQueriesContext(connection) as asked:
        text = client_of("mina").get(f"/projects/{ids['project']}").content.decode()
    assert "when the project ends." in text
    assert "Hours against the calendar" in text
    assert "The project has only just begun" in text
    assert f"allmende project burn-down {ids['project']}" in text
    assert len(asked) < 68


def test_of_a_job_only_what_is_new_comes_and_only_to_its_own_people(ids: dict[str, str]):
    mina, path = client_of("mina"), f"/jobs/{ids['running_job']}/output"
    first = mina.get(path)
    said = first.json()
    assert (said["attempt"], said["goes_on"]) == (1, False)
    known = f"{path}?attempt=1&offset={said['next_offset']}"
    assert mina.get(known, headers={"If-None-Match": first["ETag"]}).status_code == 304
    more = mina.get(f"{path}?attempt=1&offset={said['next_offset'] - 5}").json()
    assert (more["text"], more["goes_on"]) == (said["text"][-5:], True)
    for nonsense in ("offset=x&attempt=-1", "offset=9999999999999999999", "attempt=7&offset=3"):
        assert mina.get(f"{path}?{nonsense}").json()["text"] == said["text"]
    for other, status in (("rolf", 404), ("aishe", 404), ("", 302)):
        assert client_of(other).get(path).status_code == status


def test_the_live_part_of_a_job_comes_only_when_it_changed(ids: dict[str, str]):
    path = f"/jobs/{ids['done_job']}/live"
    first = client_of("mina").get(path)
    assert first["Job-Over"] == "1"
    assert len(first.content) < 60_000
    again = client_of("mina").get(path, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_log_is_searched_and_handed_out_in_pieces(ids: dict[str, str]):
    mina, job_id = client_of("mina"), ids["done_job"]
    log = mina.get(f"/jobs/{job_id}/log/1")
    assert log.streaming
    text = log.getvalue().decode()
    first = text.splitlines()[0]
    page = mina.get(f"/jobs/{job_id}", {"find": first.upper()}).content.decode()
    assert f'href="/models/{ids["model_id"]}">To its model' in page  # what the owner wants now
    assert "have these words" in page or "has these words" in page
    page = mina.get(f"/jobs/{job_id}", {"find": "<b>nowhere"}).content.decode()
    assert "No line of the log has these words." in page
    assert "<b>nowhere" not in page
