"""The cycle with a real kernel, a real ledger and real processes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.backends.local import LocalBackend
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotPermitted
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.scheduling.recordings import replays
from allmende.services import allocations, cycle, jobs, ledger, metering
from allmende.storage import cycles as cycle_store
from allmende.storage import jobs as job_store
from allmende.storage import queues as queue_store
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
    began_seconds = -(-(attempt.ended_at - attempt.started_at) // timedelta(seconds=1))
    assert attempt.used_seconds == began_seconds >= 2
    after = budget(factory, "founder")
    assert (after.held_seconds, after.consumed_seconds) == (0, attempt.used_seconds)
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
    factory.beat_until_alive(f"{job.id}.1")
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
        factory.beat_until(lambda key=f"{job.id}.{number}": factory.backend.fail_node(key))
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.NODE_FAIL
    assert len(factory.attempts(job.id)) == 2


def test_a_borrower_yields_when_an_sme_comes_and_then_goes_on(factory: Running, tmp_path: Path):
    # The industry has no guarantee and fills all six nodes, until somebody says stop.
    stop = tmp_path / "stop"
    wait = f"for i in $(seq 2000); do [ -e {stop} ] && exit 0; sleep 0.1; done"
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
    waiting = [j for j in queue_store.list_alive_jobs(PARTITION) if j.state is JobState.PENDING]
    assert len(waiting) == 1
    assert waiting[0].wait is not None
    words = str(waiting[0].wait)
    assert "node" in words
    assert "in the group Universities and public research" in words


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
    factory.configure(grace_seconds=100)  # a busy machine takes its time to begin a process
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
    factory.workshop = replace(roomy, backend_of=lambda _: full)
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
    factory.workshop = replace(factory.workshop, backend_of=lambda _: full)
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


def test_a_plan_is_written_down_with_as_many_statements_for_few_as_for_many(factory: Running):
    partition = factory.workshop.factory.get_partition(PARTITION)

    def wait_for_nodes(count: int, name: str) -> int:
        for number in range(count):
            factory.submit("researcher", client_key=f"{name}{number}", run="sleep 5")
        with CaptureQueriesContext(connection) as asked:
            decided = cycle.decide(factory.story.act(DAEMON), partition)
        assert decided.starts == ()
        return len(asked)

    for number in range(6):  # as many as there are nodes
        factory.submit("researcher", client_key=f"k{number}", run="sleep 5")
    factory.beat()
    assert wait_for_nodes(2, "few") == wait_for_nodes(25, "many")


def test_a_beat_without_news_records_no_cycle_and_writes_no_reason_again(factory: Running):
    for number in range(8):
        factory.submit("researcher", client_key=f"k{number}", run="sleep 5")
    factory.beat()
    recorded = len(list(cycle_store.list_cycles(partition_id=PARTITION)))
    partition = factory.workshop.factory.get_partition(PARTITION)
    deed = factory.story.act(DAEMON)  # one instant: a second later "within 34 s" is news
    cycle.decide(deed, partition)  # finds what the last beat started
    with CaptureQueriesContext(connection) as asked:
        cycle.decide(deed, partition)
    assert not [each for each in asked if 'UPDATE "job"' in each["sql"]]
    assert not [each for each in asked if "UPDATE job" in each["sql"]]
    assert len(list(cycle_store.list_cycles(partition_id=PARTITION))) == recorded + 1


def test_a_job_that_was_read_for_a_plan_is_not_saved_without_its_file(factory: Running):
    (job,) = factory.submit("founder", run="true")
    (read,) = queue_store.list_alive_jobs(PARTITION)
    assert replace(read, spec=job.spec) == factory.job(job.id)
    with pytest.raises(AssertionError, match="with its file"):
        job_store.save_job(read)
