"""A job that names an image goes where containers run, and its data are shown where it says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende.domain.basics.sites import ContainerNetwork, Containers
from allmende.domain.scheduling.backends import Container
from allmende.domain.scheduling.brokering import NowhereToRun
from allmende.domain.training.job_files import parse_job_file
from allmende.services import jobs, launches, previews
from allmende.services.containers import NoContainersThere, NoContainerTool
from tests.domain.training.test_data_sets import HEARTS, ROADS
from tests.services.running import PARTITION, Running, a_running_factory
from tests.services.several_sites import BERLIN, GARCHING, give_time, put, spread

pytestmark = pytest.mark.django_db
KEY = "founder"
INSIDE = {"run": "true", "image": "python:3.12"}


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        running.workshop = replace(running.workshop, container_tools=frozenset({"podman"}))
        yield running


def say(running: Running, containers: Containers, **changes: object) -> None:
    """Let all sites run containers in one way."""
    old = running.workshop.factory
    changes |= {"containers": containers}
    put(running, replace(old, sites=tuple(replace(site, **changes) for site in old.sites)))


@pytest.mark.parametrize(
    ("containers", "refusal"),
    [
        (Containers.NONE, NoContainersThere),
        (Containers.APPTAINER, NoContainerTool),
        (Containers.PODMAN, None),
        (Containers.DETECTED, None),
    ],
)
def test_an_image_is_refused_where_no_container_runs(factory: Running, containers, refusal):
    say(factory, containers)
    if refusal is None:
        assert len(factory.submit(KEY, **INSIDE)) == 1
        return
    with pytest.raises(refusal):
        factory.submit(KEY, **INSIDE)
    with pytest.raises(refusal):
        previews.preview_job(
            factory.person(KEY),
            parse_job_file({"name": "a"} | INSIDE),
            project_id=factory.story.projects[KEY],
            now=factory.act(KEY).now,
            workshop=factory.workshop,
        )
    assert jobs.list_jobs(factory.person(KEY)) == []


def test_the_machine_of_an_agent_finds_out_itself(factory: Running):
    say(factory, Containers.APPTAINER, agent=True)
    assert len(factory.submit(KEY, **INSIDE)) == 1


def test_the_job_goes_to_a_site_that_runs_containers(factory: Running):
    spread(factory)
    give_time(factory, KEY, GARCHING, BERLIN)
    old = factory.workshop.factory
    sites = (
        each if each.id == f"at-{BERLIN}" else replace(each, containers=Containers.NONE)
        for each in old.sites
    )
    put(factory, replace(old, sites=tuple(sites)))
    (job,) = factory.submit(KEY, **INSIDE)
    assert job.partition_id == BERLIN
    say(factory, Containers.NONE)
    with pytest.raises(NowhereToRun, match="runs no containers"):
        factory.submit(KEY, **INSIDE, client_key="k2")


def test_data_are_shown_where_the_job_says_and_told_there(factory: Running):
    site_id = factory.workshop.factory.get_partition(PARTITION).site_id
    hearts = replace(HEARTS, data_class=ROADS.data_class, folders={site_id: "/srv/hearts"})
    catalogue = {"roads": replace(ROADS, folders={site_id: "/srv/roads"}), hearts.id: hearts}
    factory.workshop = replace(factory.workshop, data_sets=catalogue)
    say(factory, Containers.PODMAN, container_network=ContainerNetwork.NONE)
    data = [{"uri": "allmende:roads", "mount": "/data"}, {"uri": f"allmende:{hearts.id}"}]
    (job,) = factory.submit(KEY, **INSIDE, setup="pip install x", data=data)
    assert not any("names no image" in each for each in factory.sentences(job.id))
    factory.beat()
    (attempt,) = factory.attempts(job.id)
    launch = launches.build_launch(job, attempt, workshop=factory.workshop)
    assert launch.container == Container(
        image="python:3.12",
        mounts={"/data": "/srv/roads", "/srv/hearts": "/srv/hearts"},
        tool="podman",
        network="none",
    )
    assert launch.environment["ALLMENDE_DATA"] == "/data"
    assert launch.environment[hearts.variable] == "/srv/hearts"
    assert (launch.setup, len(launch.environment_id)) == ("pip install x", 16)
