"""The form and the pages of jobs that wait for others, come in numbers, or wait by choice."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.services import jobs
from tests.services.running import Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path, db):
    with a_running_factory(tmp_path) as running:
        yield running


@pytest.fixture
def founder(factory: Running, client: Client) -> Client:
    client.login(username="founder@demo.example", password="allmende-demo")
    return client


def fill(factory: Running, founder: Client, **changes: str):
    address = f"/projects/{factory.story.projects['founder']}/jobs/new?blueprint=medicine"
    form = {"name": "x", "minutes": "1", "data_class": "public", "client_key": "form"}
    return founder.post(address, form | changes)


def test_the_form_says_after_whom_how_many_at_once_and_until_when(
    factory: Running, founder: Client
):
    (first,) = factory.submit("founder", "mine", run="sleep 20")
    changes = {
        "after": f"mine, {first.id}",
        "after_ok": "mine",
        "max_parallel": "1",
        "flexible_until": "12h",
        "param_hidden_units": "2; 4",
    }
    answer = fill(factory, founder, **changes)
    two = jobs.list_jobs(factory.person("founder"))[:2]
    assert answer["Location"] == f"/jobs?sweep={two[0].sweep_id}"
    for job in two:
        assert (job.after, job.after_ok, job.max_parallel) == ((first.id,), (first.id,), 1)
        assert job.latest_start_at is not None
    page = founder.get(f"/jobs/{two[0].id}").content.decode()
    assert f'href="/jobs/{first.id}"' in page
    assert f'href="/jobs?sweep={two[0].sweep_id}"' in page
    together = founder.get(answer["Location"])
    assert [row["job"].sweep_index for row in together.context["rows"]] == [1, 2]
    for words in ("hidden_units: 2", "hidden_units: 4", "In the order of the submission"):
        assert words in together.content.decode()
    assert "Cancel now" in page
    assert "Stop after the next checkpoint" not in page  # it has not begun


@pytest.mark.parametrize(
    ("field", "value"), [("flexible_until", "soon"), ("max_parallel", "0"), ("max_parallel", "2")]
)
def test_a_mistake_about_the_start_stands_at_its_field(
    factory: Running, founder: Client, field: str, value: str
):
    answer = fill(factory, founder, **{field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "<details open>" in answer.content.decode()


def test_the_form_says_that_there_is_no_such_job(factory: Running, founder: Client):
    factory.submit("startup", "theirs", run="true")
    answer = fill(factory, founder, after="theirs")
    assert answer.status_code == 422
    assert "There is no job theirs in this project" in answer.content.decode()


def test_a_whole_array_is_cancelled_with_one_button(factory: Running, founder: Client):
    tasks = factory.submit("founder", run="sleep 20", array="1-3")
    address = f"/jobs?sweep={tasks[0].sweep_id}"
    button = f'action="/jobs/sweeps/{tasks[0].sweep_id}/cancel"'
    assert button in founder.get(address).content.decode()
    assert "/cancel" not in founder.get("/jobs").content.decode()
    for _ in range(2):
        answer = founder.post(f"/jobs/sweeps/{tasks[0].sweep_id}/cancel")
        assert answer["Location"] == address
    assert {factory.job(job.id).state.value for job in tasks} == {"cancelled"}
    assert button not in founder.get(address).content.decode()


def test_nobody_sees_or_cancels_the_array_of_others(factory: Running, client: Client):
    tasks = factory.submit("founder", run="sleep 20", array="1-3")
    client.login(username="startup@demo.example", password="allmende-demo")
    assert client.get(f"/jobs?sweep={tasks[0].sweep_id}").status_code == 404
    assert client.post(f"/jobs/sweeps/{tasks[0].sweep_id}/cancel").status_code == 404
    assert {factory.job(job.id).state.value for job in tasks} == {"pending"}


def test_lists_ask_the_database_as_often_for_many_jobs_as_for_few(
    factory: Running, founder: Client
):
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert founder.get(path).status_code == 200
        return len(queries)

    few = factory.submit("founder", "few", run="true", array="1-2")
    listed = count("/jobs")
    many = factory.submit("founder", "many", run="true", array="1-12")
    assert count("/jobs") == listed
    assert len({count(f"/jobs?sweep={each[0].sweep_id}") for each in (few, many)}) == 1


def test_the_list_shows_how_far_a_job_is_that_runs(factory: Running, founder: Client, monkeypatch):
    line = '{"t": 1, "step": 3, "total": 12}'
    run = f"echo '{line}' >> $ALLMENDE_PROGRESS; sleep 110"  # seen while it runs
    factory.submit("founder", run=run, max_duration="120s")
    monkeypatch.setattr(wiring, "workshop", lambda: factory.workshop)

    def shown() -> str:
        return founder.get("/jobs").content.decode()

    assert "<progress" not in shown()
    factory.beat_until(lambda: "<progress" in shown(), seconds=100)
    assert "25 %" in shown()
