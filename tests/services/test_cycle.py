"""The cycle with a real kernel, a real ledger and real processes."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende.backends.local import LocalBackend
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotPermitted
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import JobState, StopRequest
from allmende.domain.scheduling.recordings import replays
from allmende.services import allocations, cycle, jobs, ledger, metering, projects
from allmende.storage import cycles as cycle_store
from allmende.storage import jobs as job_store
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def budget(factory: Running, key: str):
    return allocations.get_budget(factory.person(key), factory.story.projects[key])


def test_a_job_runs_to_its_end_and_is_charged_by_the_second(factory: Running):
    (job,) = factory.submit("founder", run="sleep 1.2; echo done")
    assert budget(factory, "founder").held_seconds == 30 + 5
    factory.run_to_end(job.id)
    (attempt,) = factory.attempts(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED
    assert attempt.used_seconds == 2
    after = budget(factory, "founder")
    assert (after.held_seconds, after.consumed_seconds) == (0, 2)
    assert attempt.energy_joules > 0
    assert (attempt.energy_method, attempt.energy_scope) in (
        ("estimated", "node"),
        ("measured", "cpu"),
    )


def test_a_project_whose_jobs_ended_has_every_second_somewhere(factory: Running):
    submitted = [
        factory.submit("startup", client_key=f"k{n}", run=f"exit {n}")[0] for n in range(3)
    ]
    factory.run_to_end(*(job.id for job in submitted))
    states = [factory.job(job.id).state for job in submitted]
    assert states == [JobState.COMPLETED, JobState.FAILED, JobState.FAILED]
    assert ledger.check(factory.person("auditor")).is_clean


def test_a_dead_node_costs_the_project_nothing_and_the_job_goes_on(
    factory: Running, tmp_path: Path
):
    mark = tmp_path / "second"
    # Bounded, so that a lost test leaves nothing behind.
    (job,) = factory.submit(
        "founder", run=f"if [ -e {mark} ]; then exit 0; fi; touch {mark}; sleep 25"
    )
    factory.beat_until(mark.exists)
    time.sleep(1.1)  # the node notes a sign of life every second
    assert factory.backend.fail_node(f"{job.id}.1")
    factory.run_to_end(job.id)
    first, second = factory.attempts(job.id)
    assert first.reason is EndReason.NODE_FAIL
    assert first.used_seconds == first.refunded_seconds > 0
    assert second.reason is EndReason.COMPLETED
    after = budget(factory, "founder")
    assert after.consumed_seconds - after.refunded_seconds == second.used_seconds
    assert ledger.check(factory.person("auditor")).is_clean


def test_a_job_whose_nodes_die_too_often_ends(factory: Running):
    (job,) = factory.submit("founder", run="sleep 25", retry={"max": 1})
    for number in (1, 2):
        factory.beat_until(
            lambda key=f"{job.id}.{number}": factory.backend.fail_node(key), seconds=20
        )
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.NODE_FAIL
    assert len(factory.attempts(job.id)) == 2


def test_a_borrower_yields_when_an_sme_comes_and_then_goes_on(factory: Running, tmp_path: Path):
    # The industry has no guarantee and fills all six nodes, until somebody says stop.
    stop = tmp_path / "stop"
    wait = f"for i in $(seq 200); do [ -e {stop} ] && exit 0; sleep 0.1; done"
    long = [
        factory.submit("corporation", client_key=f"c{n}", run=wait, max_duration="4m")[0]
        for n in range(6)
    ]
    factory.beat_until(lambda: all(factory.job(job.id).state is JobState.RUNNING for job in long))
    (claim,) = factory.submit("founder", run="true")
    factory.run_to_end(claim.id)
    assert factory.job(claim.id).state is JobState.COMPLETED
    stop.touch()
    factory.run_to_end(*(job.id for job in long))
    reasons = [a.reason for job in long for a in factory.attempts(job.id)]
    assert reasons.count(EndReason.PREEMPTED) == 1
    assert reasons.count(EndReason.COMPLETED) == 6


def test_killed_between_plan_and_start_the_next_beat_starts_it_once(
    factory: Running, tmp_path: Path
):
    log = tmp_path / "log"
    (job,) = factory.submit("founder", run=f"echo started >> {log}")
    partition = factory.workshop.factory.get_partition(PARTITION)
    cycle.decide(factory.story.act(DAEMON), partition)  # and here the daemon is killed
    assert factory.job(job.id).state is JobState.RUNNING
    factory.run_to_end(job.id)
    assert log.read_text() == "started\n"
    assert len(factory.attempts(job.id)) == 1


def test_settling_twice_is_settling_once(factory: Running):
    (job,) = factory.submit("founder", run="true")
    factory.run_to_end(job.id)
    (seen,) = factory.backend.observe([f"{job.id}.1"])
    before = budget(factory, "founder")
    again = metering.settle_attempt(
        factory.story.act(DAEMON),
        seen,
        partition=factory.workshop.factory.get_partition(PARTITION),
        reading=None,
    )
    assert again == factory.job(job.id)
    assert budget(factory, "founder") == before


def test_every_recorded_cycle_replays(factory: Running):
    submitted = [
        factory.submit("researcher", client_key=f"k{n}", run="sleep 0.3")[0] for n in range(9)
    ]
    factory.run_to_end(*(job.id for job in submitted))
    recorded = list(cycle_store.list_cycles(partition_id=PARTITION))
    assert sum(len(each.plan["starts"]) for each in recorded) == 9
    assert all(replays(each.snapshot, each.plan) for each in recorded)


def test_a_waiting_job_says_why(factory: Running):
    for number in range(7):
        factory.submit("researcher", client_key=f"k{number}", run="sleep 5")
    factory.beat()
    waiting = [j for j in job_store.list_alive_jobs(PARTITION) if j.state is JobState.PENDING]
    assert len(waiting) == 1
    assert waiting[0].wait is not None
    assert "node" in str(waiting[0].wait)


def test_a_cancelled_running_job_ends_and_pays_what_it_used(factory: Running):
    (job,) = factory.submit("founder", run="sleep 25")
    factory.beat_until(lambda: factory.job(job.id).state is JobState.RUNNING)
    jobs.cancel_job(factory.act("founder"), job.id)
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.CANCELLED
    after = budget(factory, "founder")
    assert after.held_seconds == 0
    assert after.consumed_seconds == factory.attempts(job.id)[0].used_seconds


def test_a_stopped_job_gets_its_grace_to_save(factory: Running, tmp_path: Path):
    saved, ready = tmp_path / "saved", tmp_path / "ready"
    script = f"trap 'sleep 0.3; touch {saved}; exit 0' TERM; touch {ready}; sleep 25 & wait"
    (job,) = factory.submit("founder", run=script)
    factory.beat_until(ready.exists)
    jobs.stop_job(factory.act("founder"), job.id)
    factory.run_to_end(job.id)
    assert saved.exists()
    assert factory.job(job.id).state is JobState.CANCELLED


def test_a_job_over_its_limit_ends_by_itself(factory: Running):
    (job,) = factory.submit("founder", run="sleep 25", max_duration="1s")
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.TIMEOUT


def test_a_full_disk_starts_nothing_and_loses_nothing(factory: Running, tmp_path: Path):
    (job,) = factory.submit("founder", run="true")
    roomy = factory.workshop
    full = LocalBackend(tmp_path / "work", minimum_free_bytes=2**60)
    factory.workshop = replace(roomy, backend=full)
    factory.beat()
    assert "MiB left" in factory.sentences(job.id)[-1]
    factory.beat()  # and it does not say so at every heartbeat
    assert sum("MiB left" in sentence for sentence in factory.sentences(job.id)) == 1
    factory.workshop = roomy
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED


def test_a_job_cancelled_while_the_disk_is_full_ends_and_costs_nothing(
    factory: Running, tmp_path: Path
):
    (job,) = factory.submit("founder", run="true")
    full = LocalBackend(tmp_path / "work", minimum_free_bytes=2**60)
    factory.workshop = replace(factory.workshop, backend=full)
    factory.beat()
    jobs.cancel_job(factory.act("founder"), job.id)
    factory.beat()
    assert factory.job(job.id).state is JobState.CANCELLED
    assert budget(factory, "founder").consumed_seconds == 0
    assert budget(factory, "founder").held_seconds == 0


def test_a_job_that_the_budget_no_longer_covers_waits_until_it_does(
    factory: Running, tmp_path: Path
):
    mark = tmp_path / "second"
    script = f"if [ -e {mark} ]; then exit 0; fi; touch {mark}; sleep 25"
    (job,) = factory.submit("founder", run=script)
    factory.beat_until(mark.exists)
    reason = Sentence("everything that is left")
    allocations.hold_for_job(
        factory.act("founder"),
        project_id=factory.story.projects["founder"],
        hold_id="everything",
        seconds=budget(factory, "founder").available_seconds,
        reason=reason,
    )
    factory.backend.stop(f"{job.id}.1", reason=EndReason.PREEMPTED, grace_seconds=0)
    factory.beat_until(lambda: factory.job(job.id).state is JobState.PENDING)
    factory.beat()
    waiting = factory.job(job.id)
    assert waiting.hold_id == ""
    assert "node-h" in str(waiting.wait) or "hours" in str(waiting.wait)
    allocations.void_hold(factory.act("founder"), hold_id="everything", reason=reason)
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED


def test_only_the_system_and_operators_run_the_cycle(factory: Running):
    with pytest.raises(NotPermitted):
        cycle.run_cycle(factory.act("founder"), PARTITION, workshop=factory.workshop)


def test_nothing_is_recorded_while_nothing_happens(factory: Running):
    for _ in range(3):
        factory.beat()
    assert list(cycle_store.list_cycles()) == []


def test_the_trained_model_is_registered_once(factory: Running):
    script = "mkdir -p $ALLMENDE_OUT; echo '{}' > $ALLMENDE_OUT/metrics.json"
    (job,) = factory.submit("founder", run=script)
    factory.run_to_end(job.id)
    factory.beat()
    factory.beat()
    told = [s for s in factory.sentences(job.id) if "model" in s]
    assert len(told) == 1
    assert factory.job(job.id).outputs_read_at is not None


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
    projects.end_project(factory.act("officer"), factory.story.projects["founder"])
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
    configure(factory, nodes=3)
    (late,) = factory.submit("founder", run="true")
    go.touch()
    factory.run_to_end(*long, late.id)
    assert {factory.job(j).state for j in (*long, late.id)} == {JobState.COMPLETED}


def test_jobs_of_a_group_that_is_no_longer_configured_still_run(factory: Running):
    (job,) = factory.submit("corporation", run="true")
    groups = factory.workshop.factory.get_partition(PARTITION).groups
    configure(factory, groups=tuple(group for group in groups if group.id != job.group_id))
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
    factory.workshop = replace(factory.workshop, backend=full)
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
    factory.workshop = replace(roomy, backend=full)
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
    cycle._carry_out(
        factory.story.act(DAEMON), partition, replace(factory.workshop, backend=paused)
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


@pytest.mark.parametrize("waiting_jobs", [20])
def test_a_heartbeat_asks_the_database_no_more_for_each_job_that_waits(
    factory: Running, waiting_jobs: int, django_assert_max_num_queries
):
    for number in range(6 + waiting_jobs):
        factory.submit("researcher", client_key=f"k{number}", run="sleep 20")
    factory.beat()
    factory.beat()
    assert factory.beat().waiting == waiting_jobs
    with django_assert_max_num_queries(25):
        factory.beat()


def configure(factory: Running, **changes: object) -> None:
    """Change the partition's configuration, as an operator does between two starts."""
    old = factory.workshop.factory
    sites = tuple(
        replace(
            site,
            partitions=tuple(
                replace(each, **changes) if each.id == PARTITION else each
                for each in site.partitions
            ),
        )
        for site in old.sites
    )
    factory.workshop = replace(factory.workshop, factory=replace(old, sites=sites))
