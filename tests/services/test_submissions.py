"""A job names needs; where it runs is chosen, kept and shown."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende import wiring
from allmende.domain.accounting.allocations import NoTimeOnPartition
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.brokering import NowhereToRun
from allmende.domain.training.models import Model, ModelFile
from allmende.services import allocations, brokering, jobs, submissions
from allmende.services.brokering import NobodySpecialised, NoSuchPartition
from allmende.storage import trained_models as model_store
from tests.services.running import PARTITION, Running, a_running_factory
from tests.services.several_sites import BERLIN, GARCHING, STUTTGART, give_time, spread

pytestmark = pytest.mark.django_db
KEY = "founder"


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        spread(running)
        yield running


def why(factory: Running, job_id: str) -> dict[str, str]:
    """Return by partition why it was taken or not, as the newest choice says."""
    newest = brokering.list_choices(factory.person(KEY), job_id)[-1]
    return {v.partition_id: str(v.sentence) for v in newest.choice.verdicts}


def held(factory: Running, partition_id: str) -> int:
    found = allocations.get_budget(
        factory.person(KEY), factory.story.projects[KEY], partition_id=partition_id
    )
    return found.held_seconds


def test_a_job_goes_to_nodes_made_for_what_it_is_about(factory: Running):
    give_time(factory, KEY, GARCHING, BERLIN)
    (job,) = factory.submit(KEY, run="true", resources={"specialisation": "robotics"})
    assert job.partition_id == BERLIN
    assert held(factory, BERLIN) == job.held_seconds > 0
    assert (held(factory, PARTITION), held(factory, GARCHING)) == (0, 0)
    assert why(factory, job.id) == {
        BERLIN: "It is the only partition with time for the project that fits.",
        GARCHING: "It asks for nodes for robotics; these are specialised in medicine.",
        PARTITION: "It asks for nodes for robotics; these are specialised in nothing.",
    }


def test_a_job_that_needs_nothing_special_goes_to_where_it_starts_first(factory: Running):
    spread(factory, werkbank={"nodes": 1})
    factory.submit(KEY, client_key="busy", run="sleep 30", max_duration="3h")
    factory.beat()
    give_time(factory, KEY, STUTTGART)
    (job,) = factory.submit(KEY, run="true", client_key="k2")
    assert job.partition_id == STUTTGART
    assert why(factory, job.id)[STUTTGART].startswith("Here it is expected to start first")
    assert "and on Stuttgart at" in why(factory, job.id)[PARTITION]


def test_health_data_stay_where_they_may_be(factory: Running):
    spread(factory, berlin={"country": "US"}, werkbank={"country": "US"})
    give_time(factory, KEY, BERLIN, GARCHING)
    (job,) = factory.submit(KEY, run="true", data_class="health")
    assert job.partition_id == GARCHING
    assert "may not be in US. Allowed here: DE, FR." in why(factory, job.id)[BERLIN]


def test_with_time_on_one_partition_nothing_is_chosen(factory: Running):
    (job,) = factory.submit(KEY, run="true")
    assert job.partition_id == PARTITION
    assert brokering.list_choices(factory.person(KEY), job.id) == []


def test_a_job_that_fits_nowhere_is_refused_with_every_reason_and_holds_nothing(factory: Running):
    give_time(factory, KEY, GARCHING, BERLIN)
    with pytest.raises(NowhereToRun) as refused:
        factory.submit(KEY, run="true", num_nodes=9)
    assert str(refused.value).count("It asks for 9 nodes") == 3
    assert held(factory, GARCHING) == held(factory, BERLIN) == 0


def test_a_partition_can_be_named(factory: Running):
    give_time(factory, KEY, GARCHING, BERLIN)
    (job,) = factory.submit(KEY, run="true", partition=BERLIN)
    assert job.partition_id == BERLIN
    assert list(why(factory, job.id)) == [BERLIN]
    with pytest.raises(NoTimeOnPartition):
        factory.submit(KEY, run="true", partition=STUTTGART, client_key="k2")
    with pytest.raises(NoSuchPartition, match="Did you mean berlin"):
        factory.submit(KEY, run="true", partition="berlim", client_key="k2")


def test_a_specialisation_that_nobody_has_is_refused_with_the_one_that_was_meant(factory: Running):
    with pytest.raises(NobodySpecialised, match="Did you mean robotics"):
        factory.submit(KEY, run="true", resources={"specialisation": "robotic"})
    factory.workshop = replace(
        factory.workshop, factory=replace(factory.workshop.factory, sites=())
    )
    with pytest.raises(NobodySpecialised, match=r"made for robotics\. There are none yet\."):
        factory.submit(KEY, run="true", resources={"specialisation": "robotics"})


def test_a_deadline_that_cannot_be_kept_is_refused_before_anything_is_held(factory: Running):
    with pytest.raises(NowhereToRun, match="after its deadline"):
        factory.submit(KEY, run="true", max_duration="2h", when={"deadline": "1h"})
    assert held(factory, PARTITION) == 0
    (job,) = factory.submit(KEY, run="true", max_duration="2h", when={"deadline": "3h"})
    assert job.partition_id == PARTITION


def test_submitting_twice_with_one_key_chooses_once(factory: Running):
    give_time(factory, KEY, BERLIN)
    (first,) = factory.submit(KEY, run="true")
    (second,) = factory.submit(KEY, run="true")
    assert first == second
    assert len(brokering.list_choices(factory.person(KEY), first.id)) == 1


def test_a_sweep_stays_together_and_its_hours_are_counted_together(factory: Running):
    give_time(factory, KEY, BERLIN, hours=1)
    together = factory.submit(KEY, run="true", array="1-4", max_duration="20m")
    assert {job.partition_id for job in together} == {PARTITION}
    assert "It would hold" in why(factory, together[-1].id)[BERLIN]


def test_what_earlier_jobs_left_weighs_where_it_lies(factory: Running):
    give_time(factory, KEY, BERLIN)
    (earlier,) = factory.submit(KEY, run="true", partition=PARTITION, client_key="first")
    leave_model(factory, earlier, gigabytes=3)
    (job,) = factory.submit(KEY, run="true", after=["first"])
    assert job.partition_id == PARTITION
    assert "3.0 GB would be moved there" in why(factory, job.id)[BERLIN]


def leave_model(factory: Running, job, *, gigabytes: int) -> None:
    model_store.add_model(
        Model(
            id=f"m-{job.id}",
            job_id=job.id,
            project_id=job.project_id,
            organisation_id=job.organisation_id,
            name="m",
            family=job.id,
            version=1,
            licence="",
            created_at=wiring.now(),
            files=(ModelFile(name="model", size_bytes=gigabytes * 10**9, sha256="0" * 64),),
            card="",
            record={},
        )
    )


def test_time_under_two_access_shares_of_a_partition_is_one_place(factory: Running):
    give_time(factory, KEY, BERLIN, share="national")
    give_time(factory, KEY, BERLIN, share="union")
    (job,) = factory.submit(KEY, run="true", partition=BERLIN)
    project = job.project_id
    assert job.access_share == "union"
    budget = allocations.get_budget(
        factory.person(KEY), project, partition_id=BERLIN, access_share="union"
    )
    assert budget.held_seconds == job.held_seconds


def test_a_partition_without_a_share_for_the_group_is_ruled_out(factory: Running):
    groups = factory.workshop.factory.get_partition(BERLIN).groups
    groups = tuple(group for group in groups if group.id != "sme")
    spread(factory, berlin={"groups": groups})
    give_time(factory, KEY, BERLIN)
    (job,) = factory.submit(KEY, run="true")
    assert job.partition_id == PARTITION
    assert "The group of the project has no share" in why(factory, job.id)[BERLIN]


def test_strangers_do_not_learn_where_a_job_might_have_run(factory: Running):
    give_time(factory, KEY, BERLIN)
    (job,) = factory.submit(KEY, run="true")
    with pytest.raises(NotFound):
        brokering.list_choices(factory.person("researcher"), job.id)


def test_a_job_is_run_again_where_it_fits_by_then(factory: Running):
    give_time(factory, KEY, BERLIN)
    (job,) = factory.submit(KEY, run="true", resources={"specialisation": "robotics"})
    again = submissions.run_job_again(
        factory.act(KEY), job.id, client_key="again", workshop=factory.workshop
    )
    assert (again.partition_id, again.id != job.id) == (BERLIN, True)
    assert jobs.get_job(factory.person(KEY), again.id).job.spec["resources"]["specialisation"]
