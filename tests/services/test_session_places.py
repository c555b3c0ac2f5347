"""A session goes where the gate reaches it, and a check of its job file says what it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende import wiring
from allmende.domain.scheduling.brokering import NowhereToRun
from allmende.domain.training.sessions import NoSessionsThere, SeveralSessions
from allmende.services import check_sheets, job_checks, models
from allmende.services.job_checks import JobCheck
from tests.services.running import Running, a_running_factory
from tests.services.several_sites import GARCHING, STUTTGART, give_time, put, spread

pytestmark = pytest.mark.django_db
KEY = "founder"
SESSION = {"blueprint": "notebook", "preemptible": False}


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path, python="/bin/true") as running:
        yield running


def let_agents_drive_all_but(running: Running, *site_ids: str) -> None:
    old = running.workshop.factory
    sites = (replace(each, agent=each.id not in site_ids) for each in old.sites)
    put(running, replace(old, sites=tuple(sites)))


def check(factory: Running, **file: object) -> JobCheck:
    return job_checks.check_job(
        factory.person(KEY),
        {"name": "asked"} | file,
        project_id=factory.story.projects[KEY],
        now=wiring.now(),
        workshop=factory.workshop,
    )


def test_a_session_goes_where_the_gate_reaches_it(factory: Running):
    spread(factory)
    give_time(factory, KEY, GARCHING, STUTTGART)
    let_agents_drive_all_but(factory, f"at-{STUTTGART}")
    (job,) = factory.submit(KEY, **SESSION)
    assert job.partition_id == STUTTGART
    with pytest.raises(NowhereToRun, match="behind an agent"):
        factory.submit(KEY, "k2", **SESSION, partition=GARCHING)


def test_a_check_says_it_before_a_submission_refuses_it(factory: Running):
    let_agents_drive_all_but(factory)
    found = check(factory, **SESSION)
    assert [finding.key for finding in found.problems] == ["blueprint"]
    with pytest.raises(NoSessionsThere):
        factory.submit(KEY, **SESSION)


def test_a_check_tells_what_a_session_is(factory: Running):
    found = check(factory, blueprint="notebook", halving={"metric": "loss", "first": 9})
    assert found.outlook is not None
    told = check_sheets.tell(found.outlook, factory.workshop)
    assert told["checkpoints"].english().endswith("with what was saved in it.")
    warned = [
        each.english() for each in check_sheets.list_warnings(found.outlook, factory.workshop)
    ]
    assert [words.split()[0] for words in warned] == ["halving", "It"]
    assert warned[1].endswith("set preemptible: false.")


def test_a_check_claims_nothing_about_environments_far_away(factory: Running):
    def tell() -> str:
        found = check(factory, blueprint="medicine")
        assert found.outlook is not None
        return check_sheets.tell(found.outlook, factory.workshop)["environment"].english()

    assert tell().endswith("is ready.")
    let_agents_drive_all_but(factory)
    assert tell().endswith("the job waits until it has.")


def test_nobody_reads_what_a_session_left(factory: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "read_outputs", lambda *_: pytest.fail("it may be large"))
    (job,) = factory.submit(KEY, **SESSION)
    factory.run_to_end(job.id)
    assert factory.job(job.id).outputs_read_at is not None


def test_a_sweep_of_sessions_is_refused_and_the_check_says_it(factory: Running):
    several = SESSION | {"sweep": {"idle_minutes": [5, 10]}}
    found = check(factory, **several)
    assert [finding.key for finding in found.problems] == ["sweep"]
    with pytest.raises(SeveralSessions, match="makes 2 sessions"):
        factory.submit(KEY, **several)
    assert check(factory, **SESSION, sweep={"idle_minutes": [5]}).outlook is not None
