"""A job that asked for a range of nodes takes the number with which it starts soonest."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende import wiring
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import PartitionStatus
from allmende.domain.scheduling.backends import StartEstimate
from allmende.domain.training.job_files import parse_job_file
from allmende.services import check_sheets, job_checks, jobs, node_counts, runs
from allmende.services.brokering import Question
from allmende.services.client_keys import DifferentJob
from allmende.storage import projects as project_store
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db
ASKED = {"run": "true", "num_nodes": "1..4"}


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        change(running, max_nodes_per_job=4)
        yield running


def change(running: Running, **changes: object) -> None:
    """Let the partition be another one, and every group be as wide as it is."""
    old = running.workshop.factory.get_partition(PARTITION)
    groups = tuple(replace(group, widest_job_nodes=4) for group in old.groups)
    running.configure(**{"groups": groups, **changes})


def test_with_everything_free_it_takes_the_most_and_says_so(factory: Running):
    (job,) = factory.submit("founder", run="echo I have $ALLMENDE_NODES nodes", num_nodes="1..4")
    assert (job.request.nodes, job.spec["num_nodes"]) == (4, 4)
    assert "Of 1 to 4 nodes it takes 4" in factory.sentences(job.id)[1]
    factory.run_to_end(job.id)
    log = runs.read_job_log(factory.person("founder"), job.id, backend_of=factory.backend_of)
    assert log.text.count("I have 4 nodes") == 4


def test_it_takes_as_many_as_start_as_soon_as_fewer_would(factory: Running):
    change(factory, max_nodes_per_job=4, max_time_limit_seconds=3 * 3600)
    for key in ("founder", "startup", "researcher"):  # three of six nodes
        factory.submit(key, f"busy {key}", run="sleep 30", max_duration="3h")
    factory.beat()
    (job,) = factory.submit("founder", **ASKED)
    assert job.request.nodes == 3  # a fourth is free in half an hour at best


def test_the_budget_and_the_group_bound_it(factory: Running):
    # 15 × 3 × 305 s of 14,400 s
    submitted = factory.submit("founder", **ASKED, array="1-15", max_duration="300s")
    assert {job.request.nodes for job in submitted} == {3}
    change(factory, max_nodes_per_job=2)
    (job,) = factory.submit("researcher", **ASKED)
    assert job.request.nodes == 2


def test_the_same_key_is_the_same_job_whatever_is_free_by_then(factory: Running):
    (job,) = factory.submit("founder", **ASKED)
    change(factory, max_nodes_per_job=2)
    assert [job.id] == [each.id for each in factory.submit("founder", **ASKED)]
    with pytest.raises(DifferentJob):
        factory.submit("founder", run="true", num_nodes="1..3")


def test_a_check_says_how_many_and_why(factory: Running):
    found = job_checks.check_job(
        factory.person("founder"),
        {"name": "a", "max_duration": "30s", **ASKED},
        project_id=factory.story.projects["founder"],
        now=wiring.now(),
        workshop=factory.workshop,
    )
    facts = check_sheets.as_facts(found, factory.workshop)
    assert (facts["nodes"], facts["held_seconds"]) == (4, 4 * 35)
    assert facts["told"]["nodes"].english().startswith("Of 1 to 4 nodes it takes 4")


@pytest.mark.parametrize("is_known", [True, False])
def test_a_cluster_is_asked_for_each_number(factory: Running, is_known: bool):
    change(factory, max_nodes_per_job=4, status=PartitionStatus.SLURM)
    now = wiring.now()

    def predict(_partition, launch):
        at = now.replace(year=now.year + launch.num_nodes // 3) if is_known else None
        return StartEstimate(at=at, sentence=Sentence("Slurm's own."))

    factory.workshop = replace(factory.workshop, predict_start=predict)
    question = Question(
        spec=parse_job_file({"name": "a", **ASKED}),
        project=project_store.get_project(factory.story.projects["founder"]),
        person_id=factory.person("founder").id,
        now=now,
        workshop=factory.workshop,
    )
    settled = node_counts.settle(question)
    assert settled.question.spec.num_nodes == (2 if is_known else 1)
    assert ("cannot be said" in settled.why.english()) is not is_known


@given(st.integers(1, 50), st.integers(0, 50))
def test_both_ends_are_tried_and_never_more_than_four(least: int, more: int):
    tried = node_counts.spread(least, least + more)
    assert (tried[0], tried[-1]) == (least, least + more)
    assert tried == sorted(set(tried))
    assert len(tried) <= 4


@pytest.mark.parametrize(
    ("memory", "gigabytes"), [("512M", 0.536870912), ("512M+", 1.0), (None, 1.0)]
)
def test_of_a_range_of_memory_a_job_gets_what_the_node_has(factory: Running, memory, gigabytes):
    spec = parse_job_file({"name": "a", "run": "true", "resources": {"memory": memory}})
    partition = factory.workshop.factory.get_partition(PARTITION)
    assert jobs.build_request(spec, partition).memory_bytes_per_node == gigabytes * 10**9
