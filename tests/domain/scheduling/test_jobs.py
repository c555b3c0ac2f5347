"""The life of a job: what follows the end of an attempt, and what it is charged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.scheduling import jobs
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import Attempt, Job, JobState, ResourceRequest, StopRequest

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_job(**changes: object) -> Job:
    job = Job(
        id="j-1",
        name="sweep",
        project_id="p-1",
        organisation_id="o-1",
        person_id="ada",
        partition_id="werkbank",
        access_share="union",
        group_id="sme",
        request=ResourceRequest(nodes=1, time_limit_seconds=60, memory_bytes_per_node=10**9),
        submitted_at=NOON,
        client_key="k",
    )
    return replace(job, **changes)


@pytest.mark.parametrize(
    ("reason", "changes", "expected"),
    [
        (EndReason.COMPLETED, {}, JobState.COMPLETED),
        (EndReason.FAILED, {}, JobState.FAILED),
        (EndReason.TIMEOUT, {}, JobState.TIMEOUT),
        (EndReason.OUT_OF_MEMORY, {}, JobState.OUT_OF_MEMORY),
        (EndReason.CANCELLED, {}, JobState.CANCELLED),
        (EndReason.PREEMPTED, {}, JobState.PENDING),
        (EndReason.PREEMPTED, {"attempts": 99}, JobState.PENDING),
        (EndReason.NODE_FAIL, {"failures": 2}, JobState.PENDING),
        (EndReason.NODE_FAIL, {"failures": 3}, JobState.NODE_FAIL),
        (EndReason.FAILED, {"retries_failed": True, "failures": 2}, JobState.PENDING),
        (EndReason.FAILED, {"retries_failed": True, "failures": 3}, JobState.FAILED),
        (EndReason.PREEMPTED, {"stop_request": StopRequest.AT_ONCE}, JobState.CANCELLED),
        (EndReason.NODE_FAIL, {"stop_request": StopRequest.AT_CHECKPOINT}, JobState.CANCELLED),
        (EndReason.COMPLETED, {"stop_request": StopRequest.AT_ONCE}, JobState.COMPLETED),
    ],
)
def test_what_follows_the_end_of_an_attempt(
    reason: EndReason, changes: dict[str, object], expected: JobState
):
    job = a_job(state=JobState.RUNNING, **changes)
    assert jobs.next_state(job, reason) is expected
    jobs.LIFECYCLE.check_move(job.state, expected)


def test_each_failure_doubles_the_pause_up_to_ten_minutes_and_nothing_else_makes_it_wait():
    pauses = []
    for failures in range(1, 9):
        retry = jobs.find_retry(a_job(failures=failures), EndReason.FAILED, now=NOON)
        pauses.append((retry - NOON).total_seconds())
    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]
    for reason in (EndReason.PREEMPTED, EndReason.NODE_FAIL, EndReason.TIMEOUT):
        assert jobs.find_retry(a_job(failures=9), reason, now=NOON) is None


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.CANCELLED])
def test_a_job_that_waits_no_longer_pauses_no_longer(state: JobState):
    assert jobs.move(a_job(retry_at=NOON), state, now=NOON).retry_at is None


def test_no_job_starts_before_its_submission_nor_ends_before_its_start():
    moment = timedelta(milliseconds=300)
    running = jobs.move(a_job(), JobState.RUNNING, now=NOON - moment)
    assert running.started_at == NOON
    assert jobs.move(a_job(), JobState.CANCELLED, now=NOON - moment).ended_at == NOON
    later = jobs.move(a_job(), JobState.RUNNING, now=NOON + moment)
    assert jobs.move(later, JobState.COMPLETED, now=NOON).ended_at == NOON + moment


def of_length(seconds: int, *, further: int) -> ResourceRequest:
    return ResourceRequest(
        nodes=1, time_limit_seconds=seconds, memory_bytes_per_node=1, further_seconds=further
    )


def test_a_job_goes_on_after_the_limit_of_an_attempt_until_its_time_is_over():
    request, limits = of_length(300, further=700), []
    while True:
        limits.append(request.time_limit_seconds)
        state = jobs.next_state(a_job(state=JobState.RUNNING, request=request), EndReason.TIMEOUT)
        if state is JobState.TIMEOUT:
            break
        request = request.go_on()
    assert limits == [300, 300, 300, 100]


def test_a_job_that_shall_stop_does_not_go_on():
    job = a_job(
        state=JobState.RUNNING,
        request=of_length(300, further=700),
        stop_request=StopRequest.AT_CHECKPOINT,
    )
    assert jobs.next_state(job, EndReason.TIMEOUT) is JobState.CANCELLED


def test_a_job_remembers_its_first_start_and_its_final_end():
    first = jobs.move(a_job(), JobState.RUNNING, now=NOON)
    waiting = jobs.move(first, JobState.PENDING, now=NOON + timedelta(seconds=5))
    second = jobs.move(waiting, JobState.RUNNING, now=NOON + timedelta(seconds=9))
    done = jobs.move(second, JobState.COMPLETED, now=NOON + timedelta(seconds=20))
    assert (waiting.ended_at, done.started_at) == (None, NOON)
    assert done.ended_at == NOON + timedelta(seconds=20)


def test_a_finished_job_moves_nowhere():
    with pytest.raises(ForbiddenMove):
        jobs.move(a_job(state=JobState.COMPLETED), JobState.RUNNING, now=NOON)


def test_every_commenced_second_of_every_node_is_charged():
    end = NOON + timedelta(seconds=2, microseconds=1)
    assert jobs.charged_seconds(NOON, end, nodes=2, charge_factor=4) == 3 * 2 * 4


def test_an_attempt_that_never_started_is_charged_nothing():
    assert jobs.charged_seconds(None, NOON, nodes=2, charge_factor=4) == 0


@given(st.integers(min_value=-10, max_value=10**9))
def test_the_charge_is_never_negative_and_never_a_second_too_much(microseconds: int):
    end = NOON + timedelta(microseconds=microseconds)
    charged = jobs.charged_seconds(NOON, end, nodes=1, charge_factor=1)
    assert charged >= 0
    assert charged * 1_000_000 - max(0, microseconds) in range(1_000_000)


def test_a_job_may_move_until_an_attempt_has_begun_or_it_shall_stop():
    assert a_job().may_move
    for changes in (
        {"state": JobState.RUNNING},
        {"attempts": 1},
        {"stop_request": StopRequest.AT_CHECKPOINT},
    ):
        assert not a_job(**changes).may_move


def test_an_attempt_is_settled_once_it_has_an_instant_of_settlement():
    attempt = Attempt(
        key="j-1.1",
        job_id="j-1",
        number=1,
        nodes=("n1",),
        decided_at=NOON,
        cycle_number=1,
        hold_id="h",
        held_seconds=60,
    )
    assert not attempt.is_settled
    assert replace(attempt, settled_at=NOON).is_settled
