"""Where reservations meet what jobs wait for: siblings, other jobs, better hours, their project."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from allmende.domain.scheduling.jobs import JobState
from allmende.domain.scheduling.reservations import JobsStillRun
from allmende.domain.training.job_files import InvalidJobFile
from allmende.services import projects, reservations
from tests.services.running import Running, a_running_factory
from tests.services.test_reservations import announce

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def a_window(factory: Running, **of):
    project_id = factory.story.projects["founder"]
    return announce(factory, **{"lasts": 120, "nodes": 2, "project_id": project_id, **of})


def test_an_array_keeps_its_throttle_inside_a_window(factory: Running, tmp_path: Path):
    go, window = tmp_path / "go", a_window(factory)
    script = f"for i in $(seq 250); do [ -e {go} ] && exit 0; sleep 0.1; done"
    tasks = factory.submit("founder", run=script, array="1-3%1", reservation=window.id)
    for _ in range(3):
        factory.beat()
    states = [factory.job(task.id).state for task in tasks]
    assert states.count(JobState.RUNNING) == 1
    go.touch()
    factory.run_to_end(*(task.id for task in tasks))
    assert {factory.job(task.id).state for task in tasks} == {JobState.COMPLETED}


def test_whoever_needs_a_job_of_a_cancelled_window_is_cancelled_too(factory: Running):
    window = a_window(factory, begins=60)
    (first,) = factory.submit("founder", "first", run="true", reservation=window.id)
    (second,) = factory.submit("founder", "second", run="true", after_ok=[first.id])
    reservations.cancel(factory.act("operator"), window.id)
    factory.run_to_end(first.id, second.id)
    ended = factory.job(second.id)
    assert (ended.state, ended.held_seconds) == (JobState.CANCELLED, 0)
    assert f"Job {first.id} had to complete before" in str(ended.end)


def test_in_a_window_a_job_waits_for_its_suspended_project(factory: Running):
    window, project_id = a_window(factory), factory.story.projects["founder"]
    (job,) = factory.submit("founder", run="true", reservation=window.id)
    projects.suspend_project(factory.act("operator"), project_id, why="A question is open.")
    factory.beat()
    waiting = factory.job(job.id)
    assert waiting.state is JobState.PENDING
    assert "suspended" in str(waiting.wait)
    projects.resume_project(factory.act("operator"), project_id)
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED


def test_what_waits_for_better_hours_has_no_place_in_a_window(factory: Running):
    window = a_window(factory)
    with pytest.raises(InvalidJobFile, match="Keep one of the two"):
        factory.submit("founder", run="true", reservation=window.id, when={"flexible_until": "12h"})


def test_a_window_that_opens_on_a_full_machine_stops_nobody(factory: Running, tmp_path: Path):
    go = tmp_path / "go"
    script = f"for i in $(seq 250); do [ -e {go} ] && exit 0; sleep 0.1; done"
    busy = [factory.submit("researcher", f"b{n}", run=script)[0].id for n in range(6)]
    factory.beat_until(lambda: all(factory.job(j).started_at for j in busy))
    with pytest.raises(JobsStillRun):
        a_window(factory)
    go.touch()
    factory.run_to_end(*busy)
    assert {factory.job(j).state for j in busy} == {JobState.COMPLETED}
