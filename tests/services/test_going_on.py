"""A job that takes longer than a partition lets one attempt run goes on from its checkpoint."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import FIRST_PAUSE, Job, JobState
from allmende.services import (
    allocations,
    cycle,
    forecasts,
    halvings,
    hand_overs,
    job_limits,
    ledger,
)
from allmende.storage import jobs as job_store
from tests.services.running import PARTITION, Running, a_running_factory, end_pauses

pytestmark = pytest.mark.django_db

LIMIT_SECONDS = 2
ROOMY_SECONDS = 120  # where no limit is meant to be reached
# Counts to five, from where its last checkpoint says: by two, then it runs into the limit.
COUNTING = """
trap 'exit 143' TERM
at=$(ls $ALLMENDE_CHECKPOINTS | wc -l)
for each in 1 2; do
    [ $at -lt 5 ] || exit 0
    at=$((at + 1)); touch $ALLMENDE_CHECKPOINTS/$at
done
sleep 60 & wait $!
"""


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        running.configure(max_time_limit_seconds=LIMIT_SECONDS)
        yield running


def long_job(factory: Running, seconds: int, **file: object):
    checkpoint = {"checkpoint": {"every": "1s"}}
    (job,) = factory.submit("founder", max_duration=f"{seconds}s", **checkpoint, **file)
    return job


def test_it_completes_in_as_many_attempts_as_it_takes(factory: Running):
    # Each of three attempts is enough; a busy machine may take more of them.
    job = long_job(factory, 60, run=COUNTING)
    assert job.held_seconds == LIMIT_SECONDS + job.request.grace_seconds
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.COMPLETED
    *limited, last = factory.attempts(job.id)
    assert {each.reason for each in limited} == {EndReason.TIMEOUT}
    assert len(limited) >= 2
    assert last.reason is EndReason.COMPLETED
    budget = allocations.get_budget(factory.person("founder"), factory.story.projects["founder"])
    used_seconds = sum(each.used_seconds for each in factory.attempts(job.id))
    assert (budget.held_seconds, budget.consumed_seconds) == (0, used_seconds)
    assert ledger.check(factory.person("auditor")).is_clean


def test_it_ends_when_its_own_time_is_over(factory: Running):
    job = long_job(factory, 5, run="sleep 25")
    factory.run_to_end(job.id)
    assert factory.job(job.id).state is JobState.TIMEOUT
    attempts = factory.attempts(job.id)
    assert [each.reason for each in attempts] == [EndReason.TIMEOUT] * 3
    assert all(LIMIT_SECONDS <= each.used_seconds < 25 for each in attempts[:2])


def test_code_that_does_not_say_that_it_saves_is_refused(factory: Running):
    with pytest.raises(job_limits.LimitTooLong, match=r"checkpoint\.every"):
        factory.submit("founder", run="sleep 25", max_duration="5s")


def test_a_command_that_failed_is_tried_again_where_the_file_says_so(
    factory: Running, tmp_path: Path
):
    factory.configure(max_time_limit_seconds=ROOMY_SECONDS)
    mark = tmp_path / "second"
    run = f"if [ -e {mark} ]; then exit 0; fi; touch {mark}; exit 3"
    (job,) = factory.submit("founder", run=run, retry={"on": ["failed"]}, preemptible=False)
    (other,) = factory.submit("founder", client_key="other", run="exit 3")
    factory.beat_until(lambda: factory.job(job.id).retry_at)
    end_pauses()
    factory.run_to_end(job.id, other.id)
    assert [a.reason for a in factory.attempts(job.id)] == [EndReason.FAILED, EndReason.COMPLETED]
    assert [a.refunded_seconds for a in factory.attempts(job.id)] == [0, 0]
    assert [a.reason for a in factory.attempts(other.id)] == [EndReason.FAILED]


def test_after_a_failure_it_pauses_and_says_until_when(
    factory: Running, monkeypatch: pytest.MonkeyPatch
):
    factory.configure(max_time_limit_seconds=ROOMY_SECONDS)
    (job,) = factory.submit("founder", run="exit 3", retry={"on": ["failed"]}, preemptible=False)
    factory.beat_until(lambda: factory.job(job.id).retry_at)
    factory.beat()
    waiting, (attempt,) = factory.job(job.id), factory.attempts(job.id)
    assert waiting.retry_at == attempt.settled_at + FIRST_PAUSE
    assert str(waiting.wait).endswith(f"it tries again at {waiting.retry_at}.")
    assert factory.sentences(job.id)[-1].endswith(f"by itself at {waiting.retry_at}.")
    partition, reader = factory.workshop.factory.get_partition(PARTITION), factory.person("founder")
    for ask in (forecasts.forecast_job, forecasts.recall_forecast):
        assert ask(reader, job.id, now=wiring.now(), workshop=factory.workshop) is None
    monkeypatch.setattr(forecasts, "LONG_QUEUE", 0)
    assert not forecasts.takes_long(reader, job.id, now=wiring.now())
    early, due = (
        replace(factory.story.act(DAEMON), now=waiting.retry_at + timedelta(seconds=seconds))
        for seconds in (-1, 0)
    )
    for choose in (cycle.decide, hand_overs.hand_over):  # to nodes of our own, and to a cluster
        decided = choose(early, partition)
        assert (decided.starts, decided.waits[0].sentence) == ((), waiting.wait)
    assert len(cycle.decide(due, partition).starts) == 1


def test_of_a_sweep_with_halving_only_the_best_go_on(factory: Running):
    # Each says at once how well it does at step 10, and goes on until it is asked to stop.
    run = """
    trap 'exit 0' TERM
    echo '{"t": 1, "step": 10, "total": 99, "metrics": {"loss": '$ALLMENDE_ARRAY_INDEX'}}' \
        >> $ALLMENDE_PROGRESS
    [ $ALLMENDE_ARRAY_INDEX = 1 ] && exit 0
    for i in $(seq 500); do sleep 0.2; done
    """
    factory.configure(max_time_limit_seconds=ROOMY_SECONDS)
    halving = {"metric": "loss", "first": 10, "keep": 3}
    sweep = factory.submit("founder", run=run, array="1-3", max_duration="2m", halving=halving)
    factory.beat_until(lambda: all(factory.backend.measure_progress(each.id) for each in sweep))
    assert {job.name for job in fall(factory)} == {"try-2", "try-3"}
    assert fall(factory) == []
    factory.run_to_end(*(job.id for job in sweep))
    states = [factory.job(job.id).state for job in sweep]
    assert states == [JobState.COMPLETED, JobState.CANCELLED, JobState.CANCELLED]
    assert any("place 3 of 3, and 1 go on" in text for text in factory.sentences(sweep[2].id))
    ends = [factory.job(job.id).end.english() for job in sweep]
    assert ends[0].startswith("It is complete")
    assert ends[2] == (
        "It fell behind: at step 10 its loss was 3.0, which was place 3 of 3, and 1 went on."
    )


def test_a_sweep_that_cannot_be_judged_is_left_out_and_stops_no_other(factory: Running):
    (job,) = factory.submit("founder", run="true", max_duration="2s")
    changes = {"state": JobState.RUNNING, "spec": {"name": "of a version that is gone"}}
    for name in ("a", "b"):
        job_store.save_job(
            replace(job, id=f"j-{name}", client_key=name, sweep_id=f"s-{name}", **changes)
        )
    deed = factory.story.act(DAEMON)
    stopped, mistakes = halvings.stop_fallen(deed, workshop=factory.workshop)
    assert (stopped, [each.job_id for each in mistakes]) == ([], ["j-a", "j-b"])


def fall(factory: Running) -> list[Job]:
    stopped, mistakes = halvings.stop_fallen(factory.story.act(DAEMON), workshop=factory.workshop)
    assert mistakes == []
    return stopped
