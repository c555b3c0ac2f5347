"""The twin decides as the live kernel does, and as the textbook says."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling import compiled
from allmende.services import twin
from allmende.twin import measures, shares
from allmende.twin.findings import Findings
from allmende.twin.replay import replay
from allmende.twin.stagings import Staging, keep_common
from tests.domain.scheduling.easy import easy
from tests.domain.scheduling.simulation import Simulation, Work
from tests.domain.scheduling.worlds import a_machine
from tests.twin.workshop import random_trace

SEEDS = st.integers(min_value=0, max_value=2**32)
HALF_LIFE = 50
GUARANTEED = [
    {"name": "sme", "guarantee": 0.25, "users": [1], "widest_job_nodes": 2},
    {"name": "science", "guarantee": 0.2, "users": [2], "weight": 3, "widest_job_nodes": 2},
    {"name": "others", "weight": 2},
]
CAPPED = [
    {"name": "sme", "guarantee": 0.25, "users": [1], "widest_job_nodes": 2, "ceiling": 0.6},
    {"name": "others", "ceiling": 0.5},
]


def play(trace, policy, rows=None, changes=()):
    staging = Staging(
        trace=trace,
        grouping=shares.group_jobs(rows, trace) if rows else shares.everybody(trace),
        is_obeyed=policy == "allmende",
        findings=Findings(),
        read_seconds=0,
    )
    keep_common([staging])
    return replay(
        staging.trace,
        policy=policy,
        grouping=staging.grouping,
        findings=staging.findings,
        half_life_seconds=HALF_LIFE,
        changes=changes,
    )


def simulate(replayed):
    """Play the jobs of a replay through `plan`, one snapshot at each event."""
    trace, tree = replayed.trace, replayed.tree
    obeyed = replayed.policy == "allmende"
    works = [
        Work(
            id=f"w{number:05}",
            path=path_of(replayed, place) if obeyed else ("everybody", "p", "u"),
            arrives=int(trace.arrivals[place]),
            nodes=int(trace.nodes[place]),
            limit=int(trace.limits[place]),
            seconds=int(trace.seconds[place]),
        )
        for place, number in enumerate(trace.numbers.tolist())
    ]
    simulation = Simulation(
        machine=a_machine(trace.machine_nodes), tree=tree, policy=replayed.limits, works=works
    ).run()
    starts = [simulation.started.get(work.id, -1) for work in works]
    return starts, simulation.state.worst_lags


def path_of(replayed, place):
    group = replayed.tree.groups[int(replayed.grouping.group_of_job[place])].path
    trace = replayed.trace
    return (*group, f"g{trace.unix_groups[place]}", f"u{trace.users[place]}")


@given(seed=SEEDS)
@settings(max_examples=60)
@pytest.mark.parametrize("rows", [GUARANTEED, CAPPED], ids=["guarantees", "ceilings"])
def test_a_replay_equals_live_planning_event_by_event(rows, seed):
    replayed = play(random_trace(Random(seed)), "allmende", rows)
    starts, worst_lags = simulate(replayed)
    assert replayed.starts.tolist() == starts
    kernel = {path: lag for path, lag in replayed.kernel_worst_lags.items() if lag}
    assert kernel == {path: lag for path, lag in worst_lags.items() if lag}


@given(seed=SEEDS)
@settings(max_examples=25)
@pytest.mark.parametrize("policy", ["fcfs", "easy", "conservative"])
def test_plain_policies_equal_live_planning_too(policy, seed):
    replayed = play(random_trace(Random(seed)), policy)
    assert replayed.starts.tolist() == simulate(replayed)[0]


@given(seed=SEEDS)
@settings(max_examples=60)
def test_easy_equals_the_textbook(seed):
    replayed = play(random_trace(Random(seed), jobs=80), "easy")
    assert replayed.starts.tolist() == easy(rows_of(replayed.trace), replayed.trace.machine_nodes)


def rows_of(trace):
    columns = (trace.arrivals, trace.seconds, trace.limits, trace.nodes)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(seed=SEEDS)
@settings(max_examples=20)
def test_compiled_it_is_the_same_replay(seed):
    trace = random_trace(Random(seed))
    plain = [play(trace, policy, GUARANTEED) for policy in ("easy", "allmende")]
    before, compiled.COMPILE_FROM_JOBS = compiled.COMPILE_FROM_JOBS, 0
    try:
        fast = [play(trace, policy, GUARANTEED) for policy in ("easy", "allmende")]
    finally:
        compiled.COMPILE_FROM_JOBS = before
    assert [r.starts.tolist() for r in fast] == [r.starts.tolist() for r in plain]
    assert [r.kernel_worst_lags for r in fast] == [r.kernel_worst_lags for r in plain]


@given(seed=SEEDS)
@settings(max_examples=40)
def test_lags_read_from_the_schedule_alone_agree_with_the_kernel(seed):
    replayed = play(random_trace(Random(seed)), "allmende", GUARANTEED)
    figures = measures.measure(replayed)
    lags = {group.path: group.worst_lag_node_seconds for group in figures.groups}
    assert lags == {path: lag / 10**6 for path, lag in replayed.kernel_worst_lags.items()}
    assert all(
        group.worst_lag_node_seconds <= group.lag_bound_node_seconds for group in figures.groups
    )


@given(seed=SEEDS)
@settings(max_examples=40)
def test_no_instant_has_more_nodes_running_than_there_are(seed):
    replayed = play(random_trace(Random(seed), jobs=120), "allmende", GUARANTEED)
    trace, starts = replayed.trace, replayed.starts
    assert (starts >= trace.arrivals).all()
    instants = np.unique(starts)
    ends = starts + trace.seconds
    busy = [int(trace.nodes[(starts <= at) & (at < ends)].sum()) for at in instants]
    assert max(busy) <= trace.machine_nodes


def test_capacity_that_shrinks_keeps_jobs_out_and_lets_running_ones_finish():
    trace = random_trace(Random(3), jobs=30)
    replayed, less = play(trace, "easy"), play(trace, "easy", changes=[(20, 2), (300, 8)])
    started = less.starts
    assert (started >= 0).all()
    assert started.tolist() != replayed.starts.tolist()
    reduced = (started > 20) & (started < 300)
    assert trace.nodes[reduced].max(initial=0) <= 2


def test_a_failure_is_foreseen_by_nobody():
    rows = [(0, 10, 7_200, 1), (5, 10, 7_200, 1)]
    columns = dict(zip(("arrivals", "seconds", "limits", "nodes"), np.array(rows).T, strict=True))
    trace = replace(random_trace(Random(1), nodes=4, jobs=2), **columns)
    down = play(trace, "easy", changes=[(3_600, 0), (7_200, 4)])
    assert down.starts.tolist() == [0, 5]


def test_nodes_can_be_added_and_the_later_of_two_changes_at_one_instant_counts():
    trace = random_trace(Random(3), nodes=4, jobs=60)
    grown = play(trace, "easy", changes=[(0, 2), (0, 60)])
    late = trace.arrivals > 0
    assert (grown.starts == trace.arrivals)[late].all()


def test_who_is_wider_than_what_is_left_waits_for_ever_and_keeps_nobody_else_waiting():
    trace = random_trace(Random(3), jobs=30)
    left = play(trace, "easy", changes=[(20, 2)])
    too_wide = (trace.nodes > 2) & (trace.arrivals > 20)
    assert (left.starts[too_wide] == -1).all()
    assert (left.starts[~too_wide & (trace.arrivals > 20)] >= 0).all()


@given(seed=SEEDS)
@settings(max_examples=40)
def test_when_nodes_fail_the_schedule_and_the_kernel_agree_on_every_lag(seed):
    rng = Random(seed)
    changes = [(rng.randint(0, 60), rng.randint(4, 7)), (rng.randint(61, 200), 8)]
    replayed = play(random_trace(rng), "allmende", GUARANTEED, changes)
    lags = {g.path: g.worst_lag_node_seconds for g in measures.measure(replayed).groups}
    assert lags == {path: lag / 10**6 for path, lag in replayed.kernel_worst_lags.items()}


TRACES = [
    ("KTH-SP2-1996-2.1-cln", None),
    ("NASA-iPSC-1993-3.1-cln", None),
    ("UniLu-Gaia-2014-2", 2004),
    ("HPC2N-2002-2.1-cln", None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "nodes"), TRACES)
def test_recorded_traces_are_scheduled_as_the_textbook_says(shared_data, name, nodes):
    path = shared_data / "traces" / f"{name}.swf.gz"
    answered = twin.answer(twin.Question(trace=path, nodes=nodes))
    trace = answered.replayed.trace
    assert answered.replayed.starts.tolist() == easy(rows_of(trace), trace.machine_nodes)


@pytest.mark.slow
def test_a_guarantee_keeps_its_bound_on_a_recorded_trace(shared_data, tmp_path):
    path = shared_data / "traces" / "KTH-SP2-1996-2.1-cln.swf.gz"
    groups = tmp_path / "shares.toml"
    groups.write_text(
        '[[groups]]\nname = "sme"\nguarantee = 0.22\ndemand = 0.15\n\n[[groups]]\nname = "others"\n'
    )
    answers = {
        policy: twin.answer(twin.Question(trace=path, policy=policy, shares=groups)).figures
        for policy in ("easy", "allmende")
    }
    sme, alone = answers["allmende"].groups[0], answers["easy"].groups[0]
    assert sme.worst_lag_node_seconds <= sme.lag_bound_node_seconds
    assert sme.wait_seconds_mean < alone.wait_seconds_mean / 2
