"""Jobs that wait for the end of another: as the trace says, as the textbook, and never for ever."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling import compiled
from allmende.services import twin
from allmende.twin import measures, schedules
from allmende.twin.dependencies import Dependencies, find_predecessors
from allmende.twin.findings import Findings
from tests.domain.scheduling.easy import easy
from tests.twin.test_replay import GUARANTEED, SEEDS, play, rows_of
from tests.twin.workshop import random_trace, swf_line, write_swf


def answer(path, **rest):
    return twin.answer(twin.Question(trace=path, **rest))


def spans(answered):
    """Return from when on each job could start, and when it did, by its number."""
    replayed = answered.replayed
    columns = (replayed.trace.numbers, replayed.eligible, replayed.starts)
    return {n: (e, s) for n, e, s in zip(*(c.tolist() for c in columns), strict=True)}


def test_a_job_may_start_from_its_think_time_after_the_end_of_its_predecessor(tmp_path):
    lines = [
        swf_line(1, submit=0, run=10),
        swf_line(2, submit=3, run=5, after=1, think=7),
        swf_line(3, submit=4, run=5, after=2),  # nothing said: no think time
        swf_line(4, submit=40, run=5, after=1, think=7),  # never before its own submission
        swf_line(5, submit=50, run=5, after=0, think=9),  # after nobody
    ]
    answered = answer(write_swf(tmp_path, lines))
    assert spans(answered) == {1: (0, 0), 2: (17, 17), 3: (22, 22), 4: (40, 40), 5: (50, 50)}
    assert answered.figures.wait_seconds_mean == 0
    assert answered.to_json()["following_jobs"] == 3
    assert answered.to_json()["findings"] == []


def test_waits_count_from_when_a_job_may_start(tmp_path):
    lines = [
        swf_line(1, submit=0, run=10, limit=10, nodes=8),
        swf_line(2, submit=1, run=30, limit=30, nodes=8),
        swf_line(3, submit=2, run=10, nodes=1, after=1, think=5),
    ]
    answered = answer(write_swf(tmp_path, lines))
    assert spans(answered)[3] == (15, 40)
    assert answered.figures.wait_seconds_mean == pytest.approx((0 + 9 + 25) / 3)
    schedules.write(answered.replayed, tmp_path / "schedule.csv")
    assert (tmp_path / "schedule.csv").read_text().splitlines()[3] == "3,2,40,50,1,everybody,15"


@pytest.mark.parametrize(
    ("kind", "after", "lines"),
    [
        ("predecessor_unknown", {3: 9}, [6]),
        ("predecessor_later", {2: 3}, [5]),
        ("predecessor_in_circle", {2: 2}, [5]),
        ("predecessor_in_circle", {1: 3, 2: 1, 3: 2}, [4, 5, 6]),
    ],
)
def test_a_predecessor_that_cannot_be_meant_is_named_by_its_line(tmp_path, kind, after, lines):
    path = write_swf(
        tmp_path, [swf_line(n, submit=n, after=after.get(n, -1), think=50) for n in (1, 2, 3)]
    )
    answered = answer(path)
    assert {row["kind"]: row["lines"] for row in answered.to_json()["findings"]} == {kind: lines}
    assert all(eligible == number for number, (eligible, _) in spans(answered).items())


def test_a_predecessor_that_is_left_out_or_is_two_jobs_holds_nobody_back(tmp_path):
    lines = [swf_line(1, run=0), swf_line(2), swf_line(2), swf_line(3, after=1)]
    answered = answer(write_swf(tmp_path, [*lines, swf_line(4, after=2)]))
    found = {row["kind"]: row["lines"] for row in answered.to_json()["findings"]}
    assert found == {
        "no_run_time": [4],
        "predecessor_unknown": [7],
        "predecessor_ambiguous": [8],
    }
    assert answered.figures.jobs == 4


def test_a_table_may_say_who_follows_whom(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text("at,took,n,id,dep,gap\n0,10,1,0,,\n1,5,1,7,0,20\n2,5,1,8,-1,3\n3,5,1,9,x,3\n")
    columns = "submit=at,run=took,nodes=n,number=id,after=dep,think=gap"
    answered = answer(path, columns=columns, nodes=2)
    assert spans(answered) == {0: (0, 0), 7: (30, 30), 8: (2, 2)}
    assert answered.findings.counts == {"missing_value": 1}


def with_followers(trace, seed):
    """Let half of the jobs follow an earlier one."""
    rng = Random(seed)
    count = trace.numbers.size
    after = [rng.randint(1, n) if n and rng.random() < 0.5 else -1 for n in range(count)]
    thinks = [rng.choice([-1, 0, 0, 3, 30]) for _ in range(count)]
    table = Dependencies(
        lines=np.arange(count),
        predecessors=np.array(after),
        think_seconds=np.maximum(0, np.array(thinks)),
    )
    return replace(trace, dependencies=table)


@given(seed=SEEDS)
@settings(max_examples=60)
def test_with_followers_easy_is_still_the_textbook(seed):
    trace = with_followers(random_trace(Random(seed), jobs=60), seed)
    table = trace.dependencies
    after = {
        place: (int(number) - 1, int(think))
        for place, (number, think) in enumerate(
            zip(table.predecessors, table.think_seconds, strict=True)
        )
        if number > 0
    }
    replayed = play(trace, "easy")
    assert replayed.starts.tolist() == easy(rows_of(trace), trace.machine_nodes, after)


@given(seed=SEEDS)
@settings(max_examples=30)
@pytest.mark.parametrize("policy", ["fcfs", "easy", "conservative", "allmende"])
def test_nobody_starts_early_and_everybody_starts(policy, seed):
    trace = with_followers(random_trace(Random(seed)), seed)
    replayed = play(trace, policy, GUARANTEED if policy == "allmende" else None)
    table, trace = replayed.trace.dependencies, replayed.trace
    starts = dict(zip(trace.numbers.tolist(), replayed.starts.tolist(), strict=True))
    ran = dict(zip(trace.numbers.tolist(), trace.seconds.tolist(), strict=True))
    ends = {number: start + ran[number] for number, start in starts.items()}
    assert -1 not in starts.values()
    assert (replayed.starts >= replayed.eligible).all()
    for place, (number, think) in enumerate(
        zip(table.predecessors.tolist(), table.think_seconds.tolist(), strict=True)
    ):
        first = ends[number] + think if number in ends else 0
        assert replayed.eligible[place] == max(first, trace.arrivals[place])


@given(seed=SEEDS)
@settings(max_examples=20)
def test_with_followers_the_bound_of_a_guarantee_holds_and_compiled_it_is_the_same(seed):
    trace = with_followers(random_trace(Random(seed)), seed)
    plain = play(trace, "allmende", GUARANTEED)
    lags = {g.path: g.worst_lag_node_seconds for g in measures.measure(plain).groups}
    assert lags == {path: lag / 10**6 for path, lag in plain.kernel_worst_lags.items()}
    before, compiled.COMPILE_FROM_JOBS = compiled.COMPILE_FROM_JOBS, 0
    try:
        fast = play(trace, "allmende", GUARANTEED)
    finally:
        compiled.COMPILE_FROM_JOBS = before
    assert fast.starts.tolist() == plain.starts.tolist()
    assert all(
        g.worst_lag_node_seconds <= g.lag_bound_node_seconds for g in measures.measure(fast).groups
    )


@given(after=st.lists(st.integers(-1, 9), min_size=1, max_size=8))
def test_every_predecessor_that_is_left_stands_before_its_job(after):
    count, findings = len(after), Findings()
    table = Dependencies(
        lines=np.arange(count), predecessors=np.array(after), think_seconds=np.zeros(count, int)
    )
    places = find_predecessors(table, np.arange(count), findings)
    assert (places < np.arange(count)).all()
    asked = sum(number >= 0 for number in after)
    assert sum(findings.counts.values()) + int((places >= 0).sum()) == asked
