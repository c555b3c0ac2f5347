"""The cycle when something changes under it: projects, configuration, a disk, another daemon."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende.backends.local import LocalBackend
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import JobState, StopRequest
from allmende.services import allocations, attempts, cycle, jobs, ledger, projects
from tests.services.access import RULES
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def budget(factory: Running, key: str):
    return allocations.get_budget(factory.person(key), factory.story.projects[key])


def test_nothing_of_a_suspended_project_starts_until_it_is_resumed(factory: Running):
    (job,) = factory.submit("founder", run="true")
    project_id = factory.story.projects["founder"]
    projects.suspend_project(factory.act("operator"), project_id, why="A question is open.")
    factory.beat()
    waiting = factory.job(job.id)
    assert waiting.state is JobState.PENDING
    assert "A question is open." in str(waiting.wait)
    assert budget(factory, "founder").held_seconds == waiting.held_seconds > 0
    projects.resume_project(factory.act("operator"), project_id)
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED


def test_after_the_end_of_a_project_nothing_of_it_waits_and_no_hour_is_left_over(
    factory: Running, tmp_path: Path
):
    go = tmp_path / "go"
    script = f"for i in $(seq 250); do [ -e {go} ] && exit 0; sleep 0.1; done"
    (running,) = factory.submit("founder", client_key="running", run=script)
    factory.beat_until(lambda: factory.job(running.id).state is JobState.RUNNING)
    (waiting,) = factory.submit("founder", client_key="waiting", run="true")
    projects.end_project(factory.act("officer"), factory.story.projects["founder"], rules=RULES)
    factory.beat()
    assert factory.job(waiting.id).state is JobState.CANCELLED
    assert factory.sentences(waiting.id)[-1] == "Its project ended while it waited."
    go.touch()
    factory.run_to_end(running.id)
    assert factory.job(running.id).state is JobState.COMPLETED
    after = budget(factory, "founder")
    assert (after.available_seconds, after.held_seconds) == (0, 0)
    assert after.consumed_seconds + after.expired_seconds == after.awarded_seconds
    assert ledger.check(factory.person("auditor")).is_clean


def test_a_node_taken_out_of_the_configuration_finishes_what_it_runs(
    factory: Running, tmp_path: Path
):
    go = tmp_path / "go"
    script = f"for i in $(seq 250); do [ -e {go} ] && exit 0; sleep 0.1; done"
    long = [factory.submit("researcher", client_key=f"k{n}", run=script)[0].id for n in range(6)]
    factory.beat_until(lambda: all(factory.job(j).state is JobState.RUNNING for j in long))
    factory.configure(nodes=3)
    (late,) = factory.submit("founder", run="true")
    go.touch()
    factory.run_to_end(*long, late.id)
    assert {factory.job(j).state for j in (*long, late.id)} == {JobState.COMPLETED}


def test_jobs_of_a_group_that_is_no_longer_configured_still_run(factory: Running):
    (job,) = factory.submit("corporation", run="true")
    groups = factory.workshop.factory.get_partition(PARTITION).groups
    factory.configure(groups=tuple(group for group in groups if group.id != job.group_id))
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED


def test_a_job_whose_blueprint_is_gone_ends_and_keeps_no_node(factory: Running):
    (job,) = factory.submit("founder", blueprint="medicine")
    factory.workshop = replace(factory.workshop, blueprints={})
    factory.run_to_end(job.id)
    ended = factory.job(job.id)
    assert ended.state is JobState.FAILED
    assert "medicine" in str(ended.end)
    after = budget(factory, "founder")
    assert (after.held_seconds, after.consumed_seconds) == (0, 0)


def test_a_job_cancelled_while_the_machine_refuses_to_start_it_stays_cancelled(
    factory: Running, tmp_path: Path
):
    (job,) = factory.submit("founder", run="true")

    class Interrupted(LocalBackend):
        def start(self, launch):
            jobs.cancel_job(factory.act("founder"), job.id)  # at just this instant
            super().start(launch)

    full = Interrupted(tmp_path / "work", minimum_free_bytes=2**60)
    factory.workshop = replace(factory.workshop, backend_of=lambda _: full)
    factory.beat()
    assert factory.job(job.id).stop_request is StopRequest.AT_ONCE
    factory.beat()
    assert factory.job(job.id).state is JobState.CANCELLED


def test_what_kept_a_job_from_starting_is_not_said_of_it_once_it_runs(
    factory: Running, tmp_path: Path
):
    go = tmp_path / "go"
    script = f"for i in $(seq 250); do [ -e {go} ] && exit 0; sleep 0.1; done"
    (job,) = factory.submit("founder", run=script)
    roomy = factory.workshop
    full = LocalBackend(tmp_path / "work", minimum_free_bytes=2**60)
    factory.workshop = replace(roomy, backend_of=lambda _: full)
    factory.beat()
    factory.workshop = roomy
    factory.beat()
    factory.beat()
    assert factory.job(job.id).wait is None
    go.touch()
    factory.run_to_end(job.id)


def test_one_attempt_that_cannot_be_settled_holds_up_no_other(factory: Running):
    first, second = (
        factory.submit("founder", client_key=f"k{n}", run="true")[0].id for n in range(2)
    )
    factory.beat()
    allocations.void_hold(factory.act("founder"), hold_id=f"{first}.1", reason=Sentence("a trial"))
    factory.run_to_end(second)
    assert factory.job(second).state is JobState.COMPLETED
    assert len(factory.beat().troubles) == 1


def test_a_daemon_that_lost_the_lead_starts_nothing_that_was_settled(factory: Running):
    (job,) = factory.submit("founder", run="true")
    partition = factory.workshop.factory.get_partition(PARTITION)
    cycle.decide(factory.story.act(DAEMON), partition)

    class Paused(LocalBackend):
        def observe(self, keys):
            seen = super().observe(keys)
            if not awake:  # meanwhile the owner cancels, and the other daemon carries it out
                awake.append(True)
                jobs.cancel_job(factory.act("founder"), job.id)
                factory.beat()
            return seen

    awake: list[bool] = []
    paused = Paused(factory.backend.folders.root, minimum_free_bytes=0)
    attempts.carry_out(
        factory.story.act(DAEMON),
        partition,
        workshop=replace(factory.workshop, backend_of=lambda _: paused),
    )
    assert factory.job(job.id).state is JobState.CANCELLED
    assert factory.backend.read_log(f"{job.id}.1", offset=0, limit=10) == b""
    assert not (factory.backend.folders.root / job.id / "attempts/1/started.json").exists()


def test_output_that_no_database_holds_stops_nobody(factory: Running):
    script = r"""cd $ALLMENDE_OUT
        long=1$(printf '0%.0s' $(seq 99))
        printf '{"text": "%s", "big": 1e999, "long": %s}' '\ud800 \u0000' $long > metrics.json
        cp metrics.json facts.json
        printf x > "$(printf 'bad\377name')"
    """
    (job,) = factory.submit("founder", run=script)
    factory.run_to_end(job.id)
    assert factory.job(job.id).outputs_read_at is not None
    assert "registered" in factory.sentences(job.id)[-1]


def test_a_heartbeat_asks_the_database_no_more_for_each_job_that_waits(
    factory: Running, django_assert_max_num_queries
):
    waiting_jobs = 20
    for number in range(6 + waiting_jobs):
        factory.submit("researcher", client_key=f"k{number}", run="sleep 20")
    factory.beat()
    factory.beat()
    assert factory.beat().waiting == waiting_jobs
    with django_assert_max_num_queries(31):
        factory.beat()
