"""The agent of a site is older than the centre: no part of a job file is left out in silence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende.domain.scheduling.brokering import NowhereToRun
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.trust.agents import Agent, AgentIsTooOld
from allmende.services import launches
from allmende.storage import agents as agent_store
from tests.services.running import PARTITION, Running, a_running_factory
from tests.services.several_sites import BERLIN, GARCHING, give_time, put, spread

pytestmark = pytest.mark.django_db
KEY = "founder"
NEW = [("setup", "pip install x"), ("image", "python:3.12"), ("workdir", f"sha256:{'0' * 64}")]


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        running.workshop = replace(running.workshop, container_tools=frozenset({"podman"}))
        yield running


def let_drive(running: Running, site_id: str, *, protocol: int) -> None:
    """Let an agent that speaks a protocol drive a site."""
    old = running.workshop.factory
    sites = (replace(each, agent=each.agent or each.id == site_id) for each in old.sites)
    put(running, replace(old, sites=tuple(sites)))
    agent = Agent(
        id="ag-1",
        site_id=site_id,
        public_key=b"k",
        enrolled_at=running.act(KEY).now,
        protocol=protocol,
    )
    agent_store.save_agent(agent)


@pytest.mark.parametrize(("key", "value"), NEW)
def test_what_an_old_agent_would_leave_out_is_refused(factory: Running, key: str, value: str):
    spec = parse_job_file({"name": "a", "run": "true", key: value})
    partition = factory.workshop.factory.get_partition(PARTITION)
    let_drive(factory, partition.site_id, protocol=2)
    with pytest.raises(AgentIsTooOld, match=key):
        launches.check_site(spec, partition, factory.workshop)
    let_drive(factory, partition.site_id, protocol=3)
    launches.check_site(spec, partition, factory.workshop)


def test_a_job_goes_where_all_of_it_is_understood(factory: Running):
    spread(factory)
    give_time(factory, KEY, GARCHING, BERLIN)
    let_drive(factory, f"at-{BERLIN}", protocol=2)
    asked = {"run": "true", "setup": "pip install x", "partition": BERLIN}
    with pytest.raises(NowhereToRun, match="leave out setup"):
        factory.submit(KEY, **asked)
    (job,) = factory.submit(KEY, run="true", partition=BERLIN)
    assert job.partition_id == BERLIN


def test_a_job_that_was_sent_before_waits_for_the_newer_agent(factory: Running):
    (job,) = factory.submit(KEY, run="true", setup="pip install x")
    factory.beat()
    (attempt,) = factory.attempts(job.id)
    site_id = factory.workshop.factory.get_partition(PARTITION).site_id
    let_drive(factory, site_id, protocol=2)
    with pytest.raises(AgentIsTooOld):
        launches.build_launch(job, attempt, workshop=factory.workshop)
