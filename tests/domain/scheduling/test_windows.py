"""Windows and closures: nobody is ever given what is kept for others, or a node about to close."""

import json
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling.kernel import (
    CapacityChange,
    PendingJob,
    Policy,
    WaitReason,
    plan,
)
from allmende.domain.scheduling.machine import Closure, Window
from allmende.domain.scheduling.plans import Snapshot
from allmende.domain.scheduling.recordings import (
    read_snapshot,
    record_plan,
    record_snapshot,
    replays,
)
from allmende.domain.scheduling.windows import rest_of
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_policy,
    a_running,
    a_snapshot,
    a_tree,
    random_policy,
    random_snapshot,
)

SEEDS = st.integers(0, 2**32)
FREE = a_tree(free=(0, 1))


def a_divided_snapshot(rng: Random) -> Snapshot:
    """Return a snapshot with windows and closures that fit beside what runs, as announced ones do.

    Running jobs that a closure would meet in its nodes end before it; windows fit into the rest.
    """
    snapshot = random_snapshot(rng)
    # What is announced was checked against what runs: nothing is reduced below it.
    machine = replace(snapshot.machine, capacity_changes=())
    running = list(snapshot.running)
    free = machine.nodes_in_service - sum(machine.count_in_service(j.node_indices) for j in running)
    windows = []
    for number in range(rng.randint(0, 2)):
        nodes = rng.randint(0, max(0, free))
        window = Window(id=f"w{number}", nodes=nodes, ends_at_seconds=NOW + rng.randint(1, 80))
        inside = [job for job in running if not job.window_id and rng.random() < 0.3]
        for job in inside:
            ends = min(job.ends_by_seconds, window.ends_at_seconds)
            moved = replace(job, window_id=window.id, ends_by_seconds=ends)
            running[running.index(job)] = moved
            nodes += machine.count_in_service(job.node_indices)
        free -= window.nodes
        if nodes:
            windows.append(replace(window, nodes=nodes))
    known = {window.id for window in windows}
    running = [j if j.window_id in known else replace(j, window_id="") for j in running]
    kept = sum(window.nodes for window in windows)
    closures = [
        Closure(
            nodes=frozenset({index}),
            starts_at_seconds=NOW + rng.randint(-5, 60),
            ends_at_seconds=NOW + rng.randint(61, 200),
        )
        for index in range(len(machine.nodes))
        if rng.random() < 0.2
    ]
    return replace(
        snapshot,
        machine=replace(
            machine,
            capacity_changes=(
                CapacityChange(at_seconds=NOW, nodes=machine.nodes_in_service - kept),
            )
            if kept
            else (),
        ),
        pending=tuple(
            replace(job, window_id=rng.choice(["", "", "w0", "w1", "w9"]))
            for job in snapshot.pending
        ),
        running=tuple(running),
        windows=tuple(windows),
        closures=tuple(closures),
    )


def check_nobody_takes_what_is_kept(snapshot: Snapshot, policy: Policy) -> None:
    answer = plan(snapshot, policy)
    jobs: dict[str, PendingJob] = {job.id: job for job in snapshot.pending}
    windows = {window.id: window for window in snapshot.windows}
    assert {s.job_id for s in answer.starts} | {w.job_id for w in answer.waits} == set(jobs)
    assert len(answer.starts) + len(answer.waits) == len(jobs)
    machine, now = snapshot.machine, snapshot.now_seconds
    busy = dict.fromkeys([*windows, ""], 0)
    for job in snapshot.running:
        busy[job.window_id] += machine.count_in_service(job.node_indices)
    taken = {index for job in snapshot.running for index in job.node_indices} | machine.drained
    was_busy = dict(busy)
    for start in answer.starts:
        job = jobs[start.job_id]
        assert len(set(start.node_indices)) == job.nodes
        assert taken.isdisjoint(start.node_indices)
        taken |= set(start.node_indices)
        busy[job.window_id] += job.nodes
        ends_by = now + job.time_limit_seconds
        if job.window_id:
            assert ends_by <= windows[job.window_id].ends_at_seconds
        for closure in snapshot.closures:
            if closure.nodes & set(start.node_indices):
                assert ends_by <= closure.starts_at_seconds
    for window in snapshot.windows:
        assert busy[window.id] <= max(window.nodes, was_busy[window.id])
    assert busy[""] <= max(machine.capacity_at(now), was_busy[""])
    outside = {job.path for job in rest_of(snapshot).running}
    outside |= {jobs[s.job_id].path for s in answer.starts if not jobs[s.job_id].window_id}
    assert set(answer.running_nodes) == outside
    assert sum(answer.running_nodes.values()) == sum(
        len(job.node_indices) for job in rest_of(snapshot).running
    ) + sum(jobs[s.job_id].nodes for s in answer.starts if not jobs[s.job_id].window_id)


@given(seed=SEEDS)
@settings(max_examples=300, deadline=None)
def test_inside_and_outside_windows_nobody_takes_what_is_kept_for_others(seed: int):
    rng = Random(seed)
    check_nobody_takes_what_is_kept(a_divided_snapshot(rng), random_policy(rng))


@given(seed=SEEDS)
@settings(max_examples=100, deadline=None)
def test_a_divided_cycle_replays_from_paper(seed: int):
    rng = Random(seed)
    snapshot, policy = a_divided_snapshot(rng), random_policy(rng)
    paper = json.loads(json.dumps(record_snapshot(snapshot, policy)))
    assert read_snapshot(paper) == (snapshot, policy)
    written = json.loads(json.dumps(record_plan(plan(snapshot, policy))))
    assert replays(paper, written)


@given(seed=SEEDS)
@settings(max_examples=200, deadline=None)
def test_a_window_or_closure_that_touches_nothing_changes_nothing(seed: int):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    closed = Closure(nodes=frozenset(), starts_at_seconds=NOW, ends_at_seconds=NOW + 1)
    assert plan(replace(snapshot, closures=(closed,)), policy) == plan(snapshot, policy)


def test_a_cycle_recorded_before_there_were_windows_can_still_be_read():
    snapshot = a_snapshot(a_machine(2), FREE, [a_pending("j")], [a_running("r")])
    paper = record_snapshot(snapshot, a_policy())
    for name in ("windows", "closures"):
        del paper[name]
    for job in (*paper["pending"], *paper["running"]):
        del job["window_id"]
    assert read_snapshot(paper) == (snapshot, a_policy())


def test_jobs_inside_a_window_are_nobodys_share_and_may_be_as_wide_as_it():
    tree = a_tree(sme=(250_000, 1), free=(0, 1))
    window = Window(id="w", nodes=3, ends_at_seconds=NOW + 40)
    machine = a_machine(6, capacity_changes=(CapacityChange(at_seconds=NOW, nodes=3),))
    jobs = [
        a_pending("wide", "sme", nodes=3, limit=40, window_id="w"),
        a_pending("late", "sme", limit=41, submitted=1, window_id="w"),
        *[a_pending(f"o{n}", "free", submitted=2) for n in range(5)],
    ]
    snapshot = replace(a_snapshot(machine, tree, jobs), windows=(window,))
    answer = plan(snapshot, a_policy())
    assert [start.job_id for start in answer.starts] == ["wide", "o0", "o1", "o2"]
    assert answer.running_nodes == {("free", "project", "person"): 3}
    reasons = {wait.job_id: wait.reason for wait in answer.waits}
    assert reasons["late"] is WaitReason.OUT_OF_SERVICE
    assert [wait.job_id for wait in answer.waits] == ["late", "o3", "o4"]


def test_a_job_that_would_outlive_the_last_open_node_waits_for_capacity():
    closing = {"starts_at_seconds": NOW + 30, "ends_at_seconds": NOW + 90}
    closure = Closure(nodes=frozenset({1}), **closing)
    machine = a_machine(
        2,
        capacity_changes=(
            CapacityChange(at_seconds=NOW + 30, nodes=1),
            CapacityChange(at_seconds=NOW + 90, nodes=2),
        ),
    )
    running = [a_running("r", nodes=(0,), ends=NOW + 20)]
    jobs = [a_pending("long", limit=50), a_pending("short", limit=30, submitted=1)]
    snapshot = replace(a_snapshot(machine, FREE, jobs, running), closures=(closure,))
    answer = plan(snapshot, a_policy())
    assert [(start.job_id, start.node_indices) for start in answer.starts] == [("short", (1,))]
    (wait,) = answer.waits
    assert wait.reason is WaitReason.CAPACITY
    assert (wait.figures["left"], wait.figures["reduction_seconds"]) == (1, 30)
    assert "only 1 node can be used by everybody" in wait.sentence.english()


def test_a_window_gives_no_node_that_a_late_job_still_holds():
    window = Window(id="w", nodes=2, ends_at_seconds=NOW + 40)
    machine = a_machine(2, capacity_changes=(CapacityChange(at_seconds=NOW, nodes=0),))
    jobs = [a_pending("in", nodes=2, limit=20, window_id="w")]
    late = [a_running("late", nodes=(0,), ends=NOW - 3)]
    snapshot = replace(a_snapshot(machine, FREE, jobs, late), windows=(window,))
    assert plan(snapshot, a_policy()).starts == ()


def test_a_head_that_waits_for_a_reduction_to_pass_is_told_so():
    machine = a_machine(
        2,
        capacity_changes=(
            CapacityChange(at_seconds=NOW + 30, nodes=0),
            CapacityChange(at_seconds=NOW + 60, nodes=2),
        ),
    )
    answer = plan(a_snapshot(machine, FREE, [a_pending("j", limit=40)]), a_policy())
    (wait,) = answer.waits
    assert (wait.reason, wait.starts_by) == (WaitReason.HEAD, NOW + 60)
    assert "only 0 nodes can be used by everybody in 30 s" in wait.sentence.english()
