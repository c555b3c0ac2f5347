"""A job that takes longer than a partition lets one attempt run goes on from its checkpoint."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import JobState
from allmende.services import allocations, jobs, ledger
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db

LIMIT_SECONDS = 2
# Counts to five, a second each, and begins where its last checkpoint says.
COUNTING = """
trap 'exit 143' TERM
at=$(ls $ALLMENDE_CHECKPOINTS | wc -l)
while [ $at -lt 5 ]; do sleep 1 & wait $!; at=$((at + 1)); touch $ALLMENDE_CHECKPOINTS/$at; done
"""


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        there = running.workshop.factory
        sites = tuple(
            replace(
                site,
                partitions=tuple(
                    replace(each, max_time_limit_seconds=LIMIT_SECONDS)
                    if each.id == PARTITION
                    else each
                    for each in site.partitions
                ),
            )
            for site in there.sites
        )
        running.workshop = replace(running.workshop, factory=replace(there, sites=sites))
        yield running


def long_job(factory: Running, seconds: int, **file: object):
    checkpoint = {"checkpoint": {"every": "1s"}}
    (job,) = factory.submit("founder", max_duration=f"{seconds}s", **checkpoint, **file)
    return job


def test_it_completes_in_as_many_attempts_as_it_takes(factory: Running):
    job = long_job(factory, 30, run=COUNTING)
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
    seconds = [each.used_seconds for each in factory.attempts(job.id)]
    assert len(seconds) == 3
    assert all(LIMIT_SECONDS <= each <= LIMIT_SECONDS + 2 for each in seconds[:2])


def test_code_that_does_not_say_that_it_saves_is_refused(factory: Running):
    with pytest.raises(jobs.LimitTooLong, match=r"checkpoint\.every"):
        factory.submit("founder", run="sleep 25", max_duration="5s")


def test_a_command_that_failed_is_tried_again_where_the_file_says_so(
    factory: Running, tmp_path: Path
):
    mark = tmp_path / "second"
    run = f"if [ -e {mark} ]; then exit 0; fi; touch {mark}; exit 3"
    (job,) = factory.submit("founder", run=run, max_duration="2s", retry={"on": ["failed"]},
                            preemptible=False)  # fmt: skip
    (other,) = factory.submit("founder", client_key="other", run="exit 3", max_duration="2s")
    factory.run_to_end(job.id, other.id)
    assert [a.reason for a in factory.attempts(job.id)] == [EndReason.FAILED, EndReason.COMPLETED]
    assert [a.refunded_seconds for a in factory.attempts(job.id)] == [0, 0]
    assert [a.reason for a in factory.attempts(other.id)] == [EndReason.FAILED]
