"""A job file that names no limit gets what its blueprint takes, whichever way it comes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from allmende import wiring
from allmende.services import job_checks, submissions
from allmende.services.job_files import read_job_file
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path, python="/bin/true") as running:
        yield running


def limit_of(factory: Running, **file: object) -> int:
    project = factory.story.projects["founder"]
    spec = read_job_file({"name": "a", **file}, project_id=project, workshop=factory.workshop)
    return spec.max_duration_seconds


def test_it_is_four_times_what_the_blueprint_takes(factory: Running):
    assert limit_of(factory, blueprint="medicine") == 60  # 10 s, in whole minutes
    assert limit_of(factory, blueprint="dialect") == 600  # 150 s; in two attempts here
    wide = {"hidden_units": 512}  # 16 times as much to compute as with the usual 32
    assert limit_of(factory, blueprint="medicine@1", params=wide) == 660
    assert limit_of(factory, blueprint="medicine", sweep={"hidden_units": [2, 512]}) == 660
    assert limit_of(factory, blueprint="medicine", params={"hidden_units": 2}) == 60
    at_once = factory.workshop.factory.get_partition(PARTITION).max_time_limit_seconds
    assert limit_of(factory, blueprint="notebook") == min(3600, at_once)


def test_what_is_said_is_kept_and_what_does_not_fit_is_refused_elsewhere(factory: Running):
    assert limit_of(factory, run="true") == 240
    assert limit_of(factory, blueprint="dialect", max_duration="7s") == 7
    assert limit_of(factory, blueprint="dialect", max_duration=None) == 600
    assert limit_of(factory, blueprint="nobody") == 240
    assert limit_of(factory, blueprint="medicine", params={"hidden_units": 10**9}) == 60


def test_the_check_says_it_and_the_job_keeps_it_when_it_runs_again(factory: Running):
    file, project = {"name": "a", "blueprint": "robot"}, factory.story.projects["founder"]
    shared = {"project_id": project, "workshop": factory.workshop}
    found = job_checks.check_job(factory.person("founder"), file, now=wiring.now(), **shared)
    assert found.outlook is not None
    assert found.outlook.spec.max_duration_seconds == 480
    (job,) = submissions.submit_job(
        factory.act("founder"), read_job_file(file, **shared), client_key="k", **shared
    )
    again = submissions.run_job_again(
        factory.act("founder"), job.id, client_key="k2", workshop=factory.workshop
    )
    assert (job.spec["max_duration"], again.spec["max_duration"]) == ("8m", "8m")
