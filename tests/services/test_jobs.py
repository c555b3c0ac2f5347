"""Submitting jobs: what is refused, what is held, and who sees what."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allmende.domain.accounting.ledger import NotEnoughTime
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotFound, NotPermitted, Refusal
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.training.code_archives import CodeNotBrought
from allmende.domain.training.job_files import InvalidJobFile, parse_job_file
from allmende.domain.trust.residency import DataWouldLeave
from allmende.services import (
    allocations,
    client_keys,
    cycle,
    job_limits,
    jobs,
    leases,
    models,
    projects,
    runs,
    submissions,
)
from allmende.services.job_limits import ConstraintNeedsSlurm
from allmende.wiring.machines import EnvironmentMissing
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def held(factory: Running, key: str) -> int:
    return allocations.get_budget(factory.person(key), factory.story.projects[key]).held_seconds


@pytest.mark.parametrize(
    ("file", "refusal", "says"),
    [
        ({"run": "true", "max_duration": "6m"}, job_limits.LimitTooLong, "allows 300 s"),
        ({"run": "true", "num_nodes": 2}, job_limits.TooManyNodes, "at most 1"),
        ({"run": "true", "resources": {"memory": "2G"}}, job_limits.TooMuchMemory, "has 1000 MB"),
        ({"run": "true", "resources": {"constraint": "a100"}}, ConstraintNeedsSlurm, "on Slurm"),
        ({"run": "true", "workdir": "code"}, CodeNotBrought, "code"),
        ({"run": "true", "max_duraton": "1m"}, InvalidJobFile, "max_duration"),
        ({"run": "true", "max_duration": "-1m"}, InvalidJobFile, "max_duration"),
        ({"run": "true", "max_duration": "1 fortnight"}, InvalidJobFile, "max_duration"),
        ({"blueprint": "medicin"}, NotFound, "medicin"),
        ({"blueprint": "medicine", "params": {"step": 3}}, Refusal, "steps"),
        ({"blueprint": "medicine", "num_nodes": 2}, Refusal, "1"),
    ],
)
def test_a_job_that_cannot_run_is_refused_and_holds_nothing(
    factory: Running, file: dict[str, object], refusal: type[Refusal], says: str
):
    with pytest.raises(refusal) as caught:
        factory.submit("founder", **file)
    assert says in str(caught.value)
    assert caught.value.status in (404, 422)
    assert held(factory, "founder") == 0
    assert jobs.list_jobs(factory.person("founder")) == []


def test_submitting_twice_with_one_key_is_submitting_once(factory: Running):
    first = factory.submit("founder", client_key="mine", run="true")
    again = factory.submit("founder", client_key="mine", run="true")
    assert [job.id for job in again] == [job.id for job in first]
    assert held(factory, "founder") == 35
    with pytest.raises(client_keys.DifferentJob):
        factory.submit("founder", client_key="mine", run="false")


def test_a_sweep_is_as_many_jobs_as_it_has_combinations_and_safe_to_repeat(factory: Running):
    sweep = {"blueprint": "medicine", "sweep": {"hidden_units": [2, 4], "seed": [1, 2, 3]}}
    first = factory.submit("founder", client_key="sweep", **sweep)
    again = factory.submit("founder", client_key="sweep", **sweep)
    assert len(first) == 6
    assert [job.id for job in again] == [job.id for job in first]
    assert len({job.sweep_id for job in first}) == 1
    assert first[0].spec["params"] == {"hidden_units": 2, "seed": 1}


def test_a_job_above_the_budget_is_refused_with_what_is_left(factory: Running):
    # Four node-hours were awarded; each job holds 305 s.
    for number in range(14_400 // 305):
        factory.submit("founder", client_key=f"k{number}", run="true", max_duration="5m")
    with pytest.raises(NotEnoughTime):
        factory.submit("founder", client_key="too much", run="true", max_duration="5m")


def test_a_suspended_project_runs_nothing_until_it_is_resumed(factory: Running):
    project_id = factory.story.projects["founder"]
    projects.suspend_project(factory.act("operator"), project_id, why="A question is open.")
    with pytest.raises(Refusal, match="suspended"):
        factory.submit("founder", run="true")
    projects.resume_project(factory.act("operator"), project_id)
    assert len(factory.submit("founder", run="true")) == 1


def test_health_data_stays_in_the_factory_s_countries(factory: Running):
    abroad = replace(factory.workshop.factory, countries=frozenset({"FR"}))
    factory.workshop = replace(factory.workshop, factory=abroad)
    with pytest.raises(DataWouldLeave):
        factory.submit("founder", run="true", data_class="health")
    assert held(factory, "founder") == 0


def test_a_blueprint_without_its_environment_says_how_to_build_it(factory: Running):
    def missing(blueprint_id: str) -> str:
        raise EnvironmentMissing(blueprint=blueprint_id)

    factory.workshop = replace(factory.workshop, environment_python=missing)
    with pytest.raises(EnvironmentMissing, match="allmende blueprint prepare medicine"):
        factory.submit("founder", blueprint="medicine")


def test_a_described_machine_takes_no_jobs_from_here(factory: Running):
    werkbank = factory.workshop.factory.get_partition("werkbank")
    described = replace(werkbank, status="described")
    sites = tuple(
        replace(site, partitions=(described,)) if site.id == "werkstatt" else site
        for site in factory.workshop.factory.sites
    )
    changed = replace(factory.workshop.factory, sites=sites)
    factory.workshop = replace(factory.workshop, factory=changed)
    with pytest.raises(jobs.PartitionTakesNoJobs):
        factory.submit("founder", run="true")


def test_a_foreign_tenant_s_job_does_not_exist(factory: Running):
    (job,) = factory.submit("founder", run="true")
    stranger = factory.person("startup")
    for look in (jobs.get_job, jobs.list_job_events):
        with pytest.raises(NotFound):
            look(stranger, job.id)
    for deed in (jobs.cancel_job, jobs.stop_job):
        with pytest.raises(NotFound):
            deed(factory.act("startup"), job.id)
    with pytest.raises(NotFound):
        submissions.run_job_again(
            factory.act("startup"), job.id, client_key="x", workshop=factory.workshop
        )
    assert jobs.list_jobs(stranger) == []
    assert [j.id for j in jobs.list_jobs(factory.person("operator"))] == [job.id]


def test_a_member_from_another_organisation_works_in_the_project_as_its_own_people_do(
    factory: Running,
):
    project_id = factory.story.projects["founder"]
    guest = factory.person("startup")
    projects.add_member(factory.act("founder"), project_id, person_id=guest.id)
    (job,) = jobs.submit_job(
        factory.act("startup"),
        parse_job_file({"name": "try", "run": "echo hello; echo '{}' > $ALLMENDE_OUT/x.json"}),
        project_id=project_id,
        client_key="guest",
        workshop=factory.workshop,
    )
    factory.run_to_end(job.id)
    assert jobs.get_job(guest, job.id).job.state is JobState.COMPLETED
    assert [each.id for each in jobs.list_jobs(guest)] == [job.id]
    assert runs.read_job_log(guest, job.id, backend_of=factory.backend_of).text == "hello\n"
    assert [model.job_id for model in models.list_models(guest)] == [job.id]
    assert jobs.get_job(factory.person("founder"), job.id).job.id == job.id


def test_an_auditor_sees_every_job_and_stops_none(factory: Running):
    (job,) = factory.submit("founder", run="true")
    assert jobs.get_job(factory.person("auditor"), job.id).job.id == job.id
    with pytest.raises(NotPermitted):
        jobs.cancel_job(factory.act("auditor"), job.id)


def test_a_cancelled_waiting_job_gives_its_hours_back_and_stays_cancelled(factory: Running):
    (job,) = factory.submit("founder", run="true")
    assert jobs.cancel_job(factory.act("founder"), job.id).state is JobState.CANCELLED
    assert jobs.cancel_job(factory.act("founder"), job.id).state is JobState.CANCELLED
    assert held(factory, "founder") == 0
    assert factory.sentences(job.id).count("Lena Sommer cancelled the job.") == 1


def test_a_finished_job_cannot_be_stopped_but_run_again(factory: Running):
    (job,) = factory.submit("founder", run="true")
    factory.run_to_end(job.id)
    with pytest.raises(jobs.JobHasEnded):
        jobs.stop_job(factory.act("founder"), job.id)
    again = submissions.run_job_again(
        factory.act("founder"), job.id, client_key="again", workshop=factory.workshop
    )
    assert again.id != job.id
    assert again.spec == job.spec


def test_jobs_are_paged_by_key_newest_first(factory: Running):
    submitted = [factory.submit("founder", client_key=f"k{n}", run="true")[0].id for n in range(5)]
    first = jobs.list_jobs(factory.person("founder"), limit=2)
    rest = jobs.list_jobs(factory.person("founder"), after=first[-1].id, limit=10)
    assert [job.id for job in first + rest] == submitted[::-1]


def test_only_one_daemon_leads_and_the_next_takes_over(factory: Running):
    system = factory.story.act(DAEMON)
    assert leases.take_lead(system, holder="one")
    assert not leases.take_lead(system, holder="two")
    assert leases.take_lead(system, holder="one")
    leases.give_lead_back(system, holder="two")
    assert not leases.take_lead(system, holder="two")
    leases.give_lead_back(system, holder="one")
    assert leases.take_lead(system, holder="two")


def test_a_lease_from_a_clock_that_was_set_back_does_not_keep_everybody_away(factory: Running):
    system = factory.story.act(DAEMON)
    tomorrow = replace(system, now=system.now + timedelta(days=1))
    assert leases.take_lead(tomorrow, holder="one")
    assert leases.take_lead(system, holder="two")
    assert not leases.take_lead(system, holder="one")


def test_a_daemon_that_slept_through_the_loss_of_its_lead_decides_nothing(factory: Running):
    (job,) = factory.submit("founder", run="true")
    before = factory.story.act(DAEMON)
    after = replace(before, now=before.now + timedelta(seconds=leases.LEASE_SECONDS))
    assert leases.take_lead(before, holder="sleeper")
    assert leases.take_lead(after, holder="standby")
    with pytest.raises(leases.LeadIsLost):
        cycle.run_cycle(before, PARTITION, workshop=factory.workshop, holder="sleeper")
    assert factory.attempts(job.id) == ()
    cycle.run_cycle(after, PARTITION, workshop=factory.workshop, holder="standby")
    assert len(factory.attempts(job.id)) == 1


@pytest.mark.parametrize("key", ["", "a#1", "k" * 81, "nul\x00"])
def test_a_key_that_cannot_be_kept_is_refused(factory: Running, key: str):
    with pytest.raises(client_keys.KeyIsUnusable):
        factory.submit("founder", client_key=key, run="true")


def test_a_list_takes_two_questions_however_long_it_is(factory: Running, django_assert_num_queries):
    for number in range(12):
        factory.submit("founder", client_key=f"k{number}", run="true")
    with django_assert_num_queries(2):
        assert len(jobs.list_jobs(factory.person("founder"), limit=12)) == 12


def test_a_page_after_a_foreign_job_tells_nothing_of_it(factory: Running):
    (mine,) = factory.submit("founder", run="true")
    (foreign,) = factory.submit("startup", run="true")
    for after in (foreign.id, "j-nobody"):
        assert jobs.list_jobs(factory.person("founder"), after=after) == [mine]


def test_texts_that_no_database_holds_are_refused(factory: Running):
    for text in ("nul \x00", "half a character \ud800"):
        with pytest.raises(InvalidJobFile):
            factory.submit("founder", run=text)
