"""Jobs after others, a few at a time: decided by real processes on a running factory."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.services import allocations, client_keys, cycle, jobs, submissions, sweeps
from allmende.services.dependencies import (
    NothingToWaitFor,
    TooManyDependencies,
    WaitsForItself,
    WouldNeverStart,
)
from allmende.storage import jobs as job_store
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def held(factory: Running) -> int:
    person = factory.person("founder")
    return allocations.get_budget(person, factory.story.projects["founder"]).held_seconds


def test_a_chain_runs_in_order_whatever_became_of_the_one_before(factory: Running, tmp_path: Path):
    notes = tmp_path / "notes"
    (first,) = factory.submit("founder", "one", run=f"sleep 0.5; echo one >> {notes}; false")
    (second,) = factory.submit("founder", "two", run=f"echo two >> {notes}", after=["one"])
    (third,) = factory.submit("founder", "three", run=f"echo three >> {notes}", after=[second.id])
    factory.beat()
    waits = [str(factory.job(job.id).wait) for job in (second, third)]
    assert waits == [f"It waits for job {job.id} to end." for job in (first, second)]
    factory.run_to_end(first.id, second.id, third.id)
    assert notes.read_text().split() == ["one", "two", "three"]
    ended = [factory.job(job.id) for job in (first, second, third)]
    assert [job.state.value for job in ended] == ["failed", "completed", "completed"]
    for before, after in pairwise(ended):
        assert before.ended_at <= after.started_at


def test_who_needs_a_job_that_failed_is_cancelled_with_its_hours_given_back(factory: Running):
    (first,) = factory.submit("founder", "one", run="false")
    (second,) = factory.submit("founder", "two", run="true", after_ok=["one"])
    (third,) = factory.submit("founder", "three", run="true", after_ok=["two"])
    (anyway,) = factory.submit("founder", "four", run="true", after=["three"])
    factory.run_to_end(first.id, second.id, third.id, anyway.id)
    for job, needed, state in ((second, first, "failed"), (third, second, "cancelled")):
        ended = factory.job(job.id)
        assert (ended.state, ended.attempts, ended.hold_id) == (JobState.CANCELLED, 0, "")
        said = f"Job {needed.id} had to complete before, and ended as {state}."
        assert str(ended.end).startswith(said)
        assert any(line.startswith(said) for line in factory.sentences(job.id))
    assert factory.job(anyway.id).state is JobState.COMPLETED
    assert held(factory) == 0


def test_who_needs_a_job_that_completed_starts_after_it(factory: Running):
    (first,) = factory.submit("founder", "one", run="true")
    (second,) = factory.submit("founder", "two", run="true", after_ok=["one"])
    factory.run_to_end(second.id)
    assert factory.job(second.id).state is JobState.COMPLETED
    assert factory.job(second.id).started_at >= factory.job(first.id).ended_at


def test_nothing_starts_for_a_job_that_is_called_off_between_two_looks(factory: Running):
    (first,) = factory.submit("founder", "one", run="true")
    (second,) = factory.submit("founder", "two", run="true", after_ok=["one"])
    # As if it happened just after the queue was tended: the plan itself must not start it.
    jobs.cancel_job(factory.act("founder"), first.id)
    partition = factory.workshop.factory.get_partition(PARTITION)
    decided = cycle.decide(factory.story.act(DAEMON), partition)
    assert decided.starts == ()
    factory.beat()
    assert factory.job(second.id).state is JobState.CANCELLED


def test_what_a_job_waits_for_may_be_over_already(factory: Running):
    (good,) = factory.submit("founder", "good", run="true")
    (bad,) = factory.submit("founder", "bad", run="false")
    factory.run_to_end(good.id, bad.id)
    (fine,) = factory.submit("founder", "fine", run="true", after=["bad"], after_ok=["good"])
    factory.run_to_end(fine.id)
    assert factory.job(fine.id).state is JobState.COMPLETED
    with pytest.raises(WouldNeverStart, match=f"Job {bad.id} ended as failed"):
        factory.submit("founder", "never", run="true", after_ok=["bad"])
    assert held(factory) == 0


@pytest.mark.parametrize("key", ["after", "after_ok"])
def test_only_jobs_of_the_same_project_exist(factory: Running, key: str):
    (foreign,) = factory.submit("startup", "theirs", run="true")
    for name in (foreign.id, "theirs", "nobody"):
        with pytest.raises(NothingToWaitFor, match=f"There is no job {name} in this project"):
            factory.submit("founder", run="true", **{key: [name]})
    assert held(factory) == 0


@pytest.mark.parametrize("name", ["self", "self#1"])
def test_a_submission_does_not_wait_for_itself(factory: Running, name: str):
    with pytest.raises(WaitsForItself, match="the key of this very submission"):
        factory.submit("founder", "self", run="true", after=[name], array="1-2")
    assert held(factory) == 0


def test_the_key_or_the_id_of_a_sweep_means_all_of_its_jobs(factory: Running):
    three = factory.submit("founder", "three", run="true", array="1-3")
    ids = tuple(job.id for job in three)
    for name, meant in (
        ("three", ids),
        (three[0].sweep_id, ids),
        (three[0].id, ids[:1]),
        ("three#2", ids[2:]),
    ):
        (after,) = factory.submit("founder", f"after {name}".replace("#", "-"), run="true",
                                  after=[name])  # fmt: skip
        assert after.after == meant
    factory.beat()


def test_a_job_waits_for_so_many_others_and_no_more(factory: Running):
    for number in range(5):
        factory.submit("founder", f"k{number}", run="true", array="1-60", max_duration="1s")
    with pytest.raises(TooManyDependencies, match="wait for 300 jobs; the most is 256"):
        factory.submit("founder", run="true", after=[f"k{number}" for number in range(5)])


def test_an_array_of_four_never_runs_more_than_two_at_once(factory: Running, tmp_path: Path):
    log = tmp_path / "log"
    # The first waits until it is not alone, lest it be over before the second begins.
    script = (
        f"echo + $ALLMENDE_ARRAY_INDEX/$ALLMENDE_ARRAY_COUNT >> {log}; "
        f"until [ $(grep -c + {log}) -ge 2 ]; do sleep 0.1; done; sleep 0.2; echo - >> {log}"
    )
    tasks = factory.submit("founder", run=script, array="1-4%2")
    assert [job.name for job in tasks] == ["try-1", "try-2", "try-3", "try-4"]
    assert [job.sweep_index for job in tasks] == [1, 2, 3, 4]
    factory.beat()
    states = [factory.job(job.id) for job in tasks]
    assert [job.state.value for job in states] == ["running", "running", "pending", "pending"]
    assert str(states[2].wait) == (
        "As many jobs of the same submission as it wants at once, 2, run or go first."
    )
    factory.run_to_end(*(job.id for job in tasks))
    lines = log.read_text().splitlines()
    beginnings = sorted(line for line in lines if line.startswith("+"))
    assert beginnings == ["+ 1/4", "+ 2/4", "+ 3/4", "+ 4/4"]
    at_once, most = 0, 0
    for line in lines:
        at_once += 1 if line.startswith("+") else -1
        most = max(most, at_once)
    assert most == 2


def test_a_task_of_an_array_is_run_again_with_its_own_index(factory: Running):
    tasks = factory.submit("founder", run="echo $ALLMENDE_ARRAY_INDEX", array="8-10")
    factory.run_to_end(*(job.id for job in tasks))
    again = submissions.run_job_again(
        factory.act("founder"), tasks[1].id, client_key="again", workshop=factory.workshop
    )
    assert (again.spec["array"], again.sweep_index, again.sweep_id) == ("9/3", 9, "")


def test_an_array_is_submitted_once_for_one_key(factory: Running):
    first = factory.submit("founder", "a", run="true", array="1-3%2")
    again = factory.submit("founder", "a", run="true", array="1-3", max_parallel=2)
    assert [job.id for job in again] == [job.id for job in first]
    with pytest.raises(client_keys.DifferentJob):
        factory.submit("founder", "a", run="true", array="1-3%1")
    with pytest.raises(client_keys.DifferentJob):
        factory.submit("founder", "a", run="true", array="1-4%2")


def test_a_whole_array_is_cancelled_with_one_deed_and_safely_twice(factory: Running):
    tasks = factory.submit("founder", run="sleep 20", array="1-4%1")
    factory.beat()
    sweep_id = tasks[0].sweep_id
    with pytest.raises(NotFound, match=f"There is no sweep {sweep_id}"):
        sweeps.cancel_sweep(factory.act("startup"), sweep_id)
    for nothing in ("", "s-none"):
        with pytest.raises(NotFound):
            sweeps.cancel_sweep(factory.act("founder"), nothing)
    for _ in range(2):
        cancelled = sweeps.cancel_sweep(factory.act("founder"), sweep_id)
        assert [job.sweep_index for job in cancelled] == [1, 2, 3, 4]
        assert {job.state for job in cancelled[1:]} == {JobState.CANCELLED}
    factory.run_to_end(tasks[0].id)
    assert {factory.job(job.id).state for job in tasks} == {JobState.CANCELLED}
    assert held(factory) == 0
    assert factory.sentences(tasks[3].id).count("Lena Sommer cancelled the job.") == 1
    operator = sweeps.cancel_sweep(factory.act("operator"), sweep_id)
    assert [job.id for job in operator] == [job.id for job in tasks]


def chain(job: Job, *, length: int) -> list[str]:
    """Lay further jobs behind one, each waiting for the one before to complete."""
    for number in range(length):
        job = replace(job, id=f"j-{number:05d}", client_key=f"c{number}", after_ok=(job.id,))
        job_store.save_job(job)
    return [f"j-{number:05d}" for number in range(length)]


def count_beat(factory: Running) -> int:
    with CaptureQueriesContext(connection) as asked:
        factory.beat()
    return len(asked)


def test_a_chain_of_a_thousand_jobs_takes_no_more_questions_than_a_short_one(
    factory: Running,
):
    # It runs until all is counted, also on a busy machine: its end would take questions, too.
    (first,) = factory.submit("founder", run="sleep 240", max_duration="5m")
    factory.beat()
    chain(replace(first, hold_id="none", state=JobState.PENDING), length=10)
    factory.beat()  # says to each for whom it waits, once
    short = count_beat(factory)
    chain(replace(first, hold_id="none", state=JobState.PENDING), length=1000)
    factory.beat()
    assert count_beat(factory) == short


def test_a_long_chain_that_breaks_is_cancelled_in_a_few_heartbeats(factory: Running):
    (first,) = factory.submit("founder", run="false")
    ids = chain(replace(first, hold_id="", state=JobState.PENDING), length=150)
    factory.run_to_end(first.id)
    for _ in range(2):
        factory.beat()
    ended = [factory.job(job_id) for job_id in ids]
    assert {(job.state, job.attempts) for job in ended} == {(JobState.CANCELLED, 0)}
