"""What keeps a job from being eligible, as rules over values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.scheduling.eligibility import (
    find_broken,
    find_choice,
    find_dependency,
    find_pause,
    find_throttled,
)
from allmende.domain.scheduling.jobs import LIFECYCLE, LONGEST_PAUSE, Job, JobState, ResourceRequest

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
JOB = Job(
    id="j",
    name="j",
    project_id="p",
    organisation_id="o",
    person_id="u",
    partition_id="w",
    access_share="union",
    group_id="sme",
    request=ResourceRequest(nodes=1, time_limit_seconds=60, memory_bytes_per_node=1),
    submitted_at=NOON,
    client_key="k",
)
STATES = st.sampled_from(list(JobState))


@given(after=st.lists(STATES, max_size=3), after_ok=st.lists(STATES, max_size=3))
def test_a_job_may_start_exactly_when_all_ended_and_the_needed_ones_completed(after, after_ok):
    states = {f"a{n}": state for n, state in enumerate(after)}
    states |= {f"b{n}": state for n, state in enumerate(after_ok)}
    job = replace(
        JOB,
        after=tuple(name for name in states if name[0] == "a"),
        after_ok=tuple(name for name in states if name[0] == "b"),
    )
    has_ended = all(LIFECYCLE.is_final(state) for state in states.values())
    completed = all(state is JobState.COMPLETED for state in after_ok)
    assert (find_dependency(job, states) is None) == (has_ended and completed)
    failed = any(LIFECYCLE.is_final(s) and s is not JobState.COMPLETED for s in after_ok)
    assert (find_broken(job, states) is not None) == failed


def test_the_reason_names_the_first_job_and_how_many_more():
    states = dict.fromkeys("abc", JobState.PENDING)
    one = find_dependency(replace(JOB, after=("a",), after_ok=("a",)), states)
    assert str(one) == "It waits for job a to end."
    three = find_dependency(replace(JOB, after=("b",), after_ok=("a", "c")), states)
    assert str(three) == "It waits for job b to end, and for 2 more."


def test_a_job_that_broke_says_which_other_one_and_how():
    states = {"a": JobState.COMPLETED, "b": JobState.TIMEOUT}
    broken = find_dependency(replace(JOB, after_ok=("a", "b")), states)
    assert str(broken).startswith("Job b had to complete before, and ended as timeout.")


def test_a_choice_holds_until_its_instant_and_no_longer():
    job = replace(JOB, chosen_start_at=NOON, latest_start_at=NOON + timedelta(hours=1))
    assert find_choice(JOB, now=NOON) is None
    assert find_choice(job, now=NOON) is None
    waits = find_choice(job, now=NOON - timedelta(seconds=1))
    assert waits.facts == {"chosen": NOON, "latest": NOON + timedelta(hours=1)}


def test_a_pause_holds_until_its_instant_and_no_longer():
    job = replace(JOB, retry_at=NOON)
    assert find_pause(JOB, now=NOON) is None
    assert find_pause(job, now=NOON) is None
    waits = find_pause(job, now=NOON - timedelta(seconds=1))
    assert waits.facts == {"retry": NOON}
    assert find_pause(job, now=NOON - LONGEST_PAUSE) is not None
    set_back = NOON - LONGEST_PAUSE - timedelta(seconds=1)
    assert find_pause(job, now=set_back) is None


def test_a_job_arrives_when_it_was_submitted_or_when_it_chose():
    assert JOB.arrives_at == NOON
    for hours, arrives in ((-1, 0), (2, 2)):
        chosen = replace(JOB, chosen_start_at=NOON + timedelta(hours=hours))
        assert chosen.arrives_at == NOON + timedelta(hours=arrives)


ALIVE = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2", "s3"]),
        st.sampled_from([JobState.PENDING, JobState.RUNNING]),
        st.booleans(),  # whether it has an attempt: a waiting one may be in a cluster's queue
        st.booleans(),
    ),
    max_size=20,
)


@given(alive=ALIVE)
def test_no_more_run_or_may_start_than_asked_for_and_no_place_is_left_empty(alive):
    most = {"s1": 0, "s2": 2, "s3": 3}
    jobs = [
        replace(
            JOB,
            id=f"j{n}",
            sweep_id=sweep,
            state=state,
            sweep_index=n,
            max_parallel=most[sweep],
            attempts=1,
            hold_id=f"j{n}.{1 if state is JobState.RUNNING or is_queued else 2}",
        )
        for n, (sweep, state, is_queued, _) in enumerate(alive)
    ]
    barred = {
        job.id
        for job, (*_, is_barred) in zip(jobs, alive, strict=True)
        if is_barred and not job.has_open_attempt
    }
    throttled = find_throttled(jobs, barred=barred)
    assert not barred & throttled.keys()
    for sweep, limit in most.items():
        own = [job for job in jobs if job.sweep_id == sweep]
        running = sum(job.has_open_attempt for job in own)
        waiting = [job for job in own if not job.has_open_attempt and job.id not in barred]
        free = [job for job in waiting if job.id not in throttled]
        places = max(0, limit - running) if limit else len(waiting)
        assert free == waiting[:places]  # by index


def test_the_reason_says_how_many_go_first():
    jobs = [replace(JOB, id=f"j{n}", sweep_id="s", sweep_index=n, max_parallel=1) for n in (1, 2)]
    throttled = find_throttled(jobs, barred=())
    assert list(throttled) == ["j2"]
    assert str(throttled["j2"]) == (
        "As many jobs of the same submission as it wants at once, 1, run or go first."
    )
