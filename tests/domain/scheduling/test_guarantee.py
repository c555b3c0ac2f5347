from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling.kernel import (
    Share,
    ShareTree,
    WaitReason,
    lag_bound,
    measure_groups,
    plan,
)
from allmende.domain.scheduling.shares import MICRONODES, check_admission
from tests.domain.scheduling.simulation import Simulation, Work
from tests.domain.scheduling.timeline import Timeline
from tests.domain.scheduling.worlds import (
    a_machine,
    a_policy,
    random_path,
    random_policy,
    random_snapshot,
    random_tree,
)

SEEDS = st.integers(min_value=0, max_value=2**32)
HEARTBEAT = 5


def guaranteed_tree(rng, nodes):
    while True:
        tree = random_tree(rng, nodes)
        groups = [replace(share, ceiling_ppm=MICRONODES) for share in tree.groups]
        if any(share.guarantee_ppm for share in groups):
            tree = ShareTree(shares=tuple(groups))
            check_admission(tree, capacity_nodes=nodes)
            return tree


def random_work(rng, tree, number, policy):
    path = random_path(rng, tree)
    longest = policy.max_time_limit_seconds
    preemptible = policy.preemption and rng.random() < 0.7
    if policy.preemption and not preemptible:
        longest = policy.unpreemptible_limit_seconds
    limit = longest if rng.random() < 0.6 else rng.randint(1, longest)
    arrives = rng.randint(0, rng.choice([5, 200]))
    return Work(
        id=f"w{number}",
        path=path,
        arrives=arrives,
        nodes=rng.randint(1, tree.get_group(path).widest_job_nodes),
        limit=limit,
        seconds=limit if rng.random() < 0.6 else rng.randint(1, limit),
        preemptible=preemptible,
        grace=rng.randint(0, 5),
        cancelled_at=arrives + rng.randint(1, 100) if rng.random() < 0.1 else None,
    )


def random_demotions(rng, works):
    """Return, month by month as it were, which projects are over their quota."""
    projects = sorted({work.path[:2] for work in works})
    return [
        (at, frozenset(path for path in projects if rng.random() < 0.4))
        for at in range(0, 300, rng.choice([20, 100]))
    ]


def random_simulation(rng, *, preemption, drains=0):
    nodes = rng.randint(4, 10)
    tree = guaranteed_tree(rng, nodes)
    policy = a_policy(
        max_time_limit_seconds=rng.choice([20, 50]),
        usage_half_life_seconds=50,
        preemption=preemption,
        response_target_seconds=rng.choice([0, 5]),
        max_grace_seconds=5,
        max_unpreemptible_limit_seconds=rng.choice([5, 10]),
    )
    works = [random_work(rng, tree, number, policy) for number in range(rng.randint(10, 50))]
    instants = sorted(rng.sample(range(1, 200), drains))
    out = [frozenset(rng.sample(range(nodes), rng.choice([0, 1]))) for _ in instants]
    return Simulation(
        machine=a_machine(nodes),
        tree=tree,
        policy=policy,
        works=works,
        drains=list(zip(instants, out, strict=True)),
        demotions=random_demotions(rng, works),
        heartbeat=HEARTBEAT if preemption else None,
    ).run()


def bounds(simulation, extra_seconds=0):
    capacity = len(simulation.machine.nodes)
    return {
        group.path: lag_bound(group, capacity_nodes=capacity, policy=simulation.policy)
        + group.claim_micronodes(capacity) * extra_seconds
        for group in simulation.tree.groups
        if group.guarantee_ppm
    }


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=12, deadline=None)
def test_no_lag_passes_the_bound(seed):
    simulation = random_simulation(Random(seed), preemption=False)
    worst = simulation.state.worst_lags
    assert {p: b for p, b in bounds(simulation).items() if worst.get(p, 0) > b} == {}


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=12, deadline=None)
def test_with_preemption_no_lag_passes_the_tighter_bound(seed):
    # A claim may become pressing just after a plan: the next one comes a heartbeat later.
    simulation = random_simulation(Random(seed), preemption=True)
    worst = simulation.state.worst_lags
    limits = bounds(simulation, extra_seconds=HEARTBEAT)
    assert {p: b for p, b in limits.items() if worst.get(p, 0) > b} == {}


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_each_drained_node_adds_at_most_one_horizon_to_the_bound(seed):
    simulation = random_simulation(Random(seed), preemption=False, drains=4)
    drained = sum(len(nodes) for _, nodes in simulation.drains)
    worst = simulation.state.worst_lags
    room = drained * MICRONODES * simulation.policy.horizon_seconds
    assert {p: b for p, b in bounds(simulation).items() if worst.get(p, 0) > b + room} == {}


@pytest.mark.slow
@given(seed=SEEDS)
@settings(max_examples=12, deadline=None)
def test_every_job_that_is_not_cancelled_starts(seed):
    simulation = random_simulation(Random(seed), preemption=seed % 2 == 0)
    certain = {work.id for work in simulation.works if work.cancelled_at is None}
    assert certain - simulation.started.keys() == set()


# Short jobs of two nodes against long ones of a single node. Reserving for the head alone, a freed
# node is lent out for long each time, because the head may as well have what its own group
# frees in a moment: the group never grows to its claim of 4 nodes.
def lending_trap(kind=Simulation):
    tree = ShareTree(
        shares=(
            Share(path=("owed",), guarantee_ppm=500_000, widest_job_nodes=2),
            Share(path=("borrower",)),
        )
    )
    borrowed = [
        Work(
            id=f"b{number:03}",
            path=("borrower", "p", "u"),
            arrives=0,
            nodes=1,
            limit=100,
            seconds={0: 4, 1: 4}.get(number, 16 * number - 12) if number < 8 else 100,
        )
        for number in range(70)
    ]
    short = [
        Work(id=f"s{number:03}", path=("owed", "p", "u"), arrives=1, nodes=2, limit=10, seconds=10)
        for number in range(80)
    ]
    policy = a_policy(max_time_limit_seconds=100)
    return kind(machine=a_machine(8), tree=tree, policy=policy, works=borrowed + short).run()


class HeadsOnly(Simulation):
    """The same kernel with a state that never calls a claim pressing."""

    def decide(self, now):
        self.state = replace(self.state, pressing_since={})
        super().decide(now)


def test_reserving_for_heads_alone_would_break_the_bound():
    simulation = lending_trap(HeadsOnly)
    assert simulation.state.worst_lags["owed",] > 2 * bounds(simulation)["owed",]


def test_a_pressing_claim_keeps_the_bound_where_heads_alone_would_not():
    simulation = lending_trap()
    assert simulation.state.worst_lags["owed",] <= bounds(simulation)["owed",]
    reasons = {wait.reason for answer in simulation.plans for wait in answer.waits}
    assert WaitReason.KEPT in reasons


@given(seed=SEEDS)
@example(seed=1889647)  # two that start now end in the second of the reservation
@settings(max_examples=120, deadline=None)
def test_never_idle_and_every_reservation_keeps_its_nodes(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    answer = plan(snapshot, policy)
    if any(state.is_pressing for state in measure_groups(snapshot, policy)):
        return  # what a pressing group keeps is the reference's to check
    whole = policy.backfill == "conservative"
    after = timeline_after(snapshot, answer, whole_seconds=whole)
    last_of_second = {event[0]: event for event in after.events()}.values()
    overbooked = [
        event
        for event in last_of_second
        if after.level(event) < 0 and any(start <= event < end for start, end, _ in after.kept)
    ]
    assert overbooked == []
    jobs = {job.id: job for job in snapshot.pending}
    barred = {"held", "too_wide", "too_long", "out_of_service", "ceiling", "no_backfill"}
    # Of what comes free in the very second of a reservation EASY lends only what it counted before
    # it: whoever would run beyond a second with several ends is not looked at.
    ends = Counter(second for second, _, _ in after.releases)
    ends.update(snapshot.now_seconds + jobs[s.job_id].time_limit_seconds for s in answer.starts)
    crowded = [r.starts_at_seconds for r in answer.reservations if ends[r.starts_at_seconds] > 1]
    until = min(crowded, default=float("inf"))
    could_start = [
        wait.job_id
        for wait in answer.waits
        if wait.reason not in barred
        and snapshot.now_seconds + jobs[wait.job_id].time_limit_seconds <= until
        and after.obstacle(after.now, jobs[wait.job_id].nodes, jobs[wait.job_id].time_limit_seconds)
        is None
    ]
    assert could_start == []


def timeline_after(snapshot, answer, *, whole_seconds):
    now, machine = snapshot.now_seconds, snapshot.machine
    ranks = {
        job.id: rank
        for rank, job in enumerate(
            sorted(
                [*snapshot.pending, *snapshot.running], key=lambda j: (j.submitted_at_seconds, j.id)
            )
        )
    }
    jobs = {job.id: job for job in snapshot.pending}
    stopped = {stop.job_id for stop in answer.preempts}
    releases, free = {}, machine.capacity_at(now)
    for job in snapshot.running:
        freed = machine.count_in_service(job.node_indices)
        second = max(job.ends_by_seconds, now + 1)
        if job.id in stopped:
            second = min(second, now + max(1, job.grace_seconds))
        releases[(second, freed, ranks[job.id])] = freed
        free -= freed
    changes, before = {}, machine.capacity_at(now)
    for second, capacity in machine.list_changes_after(now):
        changes[(second, 10**9, -1)] = capacity - before
        before = capacity
    timeline = Timeline(now, free, releases, changes, whole_seconds=whole_seconds)
    for start in answer.starts:
        job = jobs[start.job_id]
        end = (now + job.time_limit_seconds, -1, ranks[job.id])
        timeline.kept.append((timeline.now, end, job.nodes))
    for kept in answer.reservations:
        # At the second of a reservation nodes are counted release by release: find the first
        # at which it fits.
        first = next(
            event
            for event in timeline.events()
            if event[0] == kept.starts_at_seconds
            and timeline.obstacle(event, kept.nodes, kept.ends_at_seconds - event[0]) is None
        )
        end = (kept.ends_at_seconds, -1, ranks[kept.job_id])
        timeline.kept.append((first, end, kept.nodes))
    return timeline


@given(seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_renaming_groups_changes_nothing(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    names = {"a": "z", "b": "m", "c": "a", "d": "c"}

    def renamed(path):
        return (names[path[0]], *path[1:])

    fairness = snapshot.fairness
    tables = {
        name: {renamed(path): value for path, value in getattr(fairness, name).items()}
        for name in ("lags", "usages", "pressing_since")
    }
    other = replace(
        snapshot,
        tree=ShareTree(
            shares=tuple(replace(s, path=renamed(s.path)) for s in snapshot.tree.shares)
        ),
        pending=tuple(replace(job, path=renamed(job.path)) for job in snapshot.pending),
        running=tuple(replace(job, path=renamed(job.path)) for job in snapshot.running),
        fairness=replace(fairness, **tables),
        demoted=frozenset(renamed(path) for path in snapshot.demoted),
    )
    first, second = plan(snapshot, policy), plan(other, policy)
    assert (first.starts, first.preempts) == (second.starts, second.preempts)
    assert [(w.job_id, w.reason, w.starts_by) for w in first.waits] == [
        (w.job_id, w.reason, w.starts_by) for w in second.waits
    ]


@given(seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_snapshot_changes_nothing(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    groups = list(snapshot.tree.shares)
    rng.shuffle(groups)
    other = replace(
        snapshot,
        tree=ShareTree(shares=tuple(groups)),
        pending=tuple(reversed(snapshot.pending)),
        running=tuple(reversed(snapshot.running)),
    )
    first, second = plan(snapshot, policy), plan(other, policy)
    assert (first.starts, first.preempts) == (second.starts, second.preempts)
    assert {w.job_id: w for w in first.waits} == {w.job_id: w for w in second.waits}


@pytest.mark.parametrize("guarantee", [100_000, 200_000, 400_000])
def test_a_larger_guarantee_has_no_larger_bound_relative_to_its_claim(guarantee):
    # Of the bound this is true; of the lag itself it is not, see below.
    share = Share(path=("g",), guarantee_ppm=guarantee, widest_job_nodes=2)
    larger = replace(share, guarantee_ppm=2 * guarantee)
    policy = a_policy()
    smaller_bound = lag_bound(share, capacity_nodes=10, policy=policy) / guarantee
    assert lag_bound(larger, capacity_nodes=10, policy=policy) / (2 * guarantee) <= smaller_bound


def worst_lag_with(guarantee):
    """Two jobs of one node meet a machine of four, of which three are busy until second 10."""
    tree = ShareTree(
        shares=(
            Share(path=("g",), guarantee_ppm=guarantee, widest_job_nodes=1),
            Share(path=("borrower",)),
        )
    )
    works = [
        Work(id=name, path=(group, "p", "u"), arrives=at, nodes=nodes, limit=10, seconds=10)
        for name, group, at, nodes in [
            ("b", "borrower", 0, 3),
            ("g1", "g", 1, 1),
            ("g2", "g", 1, 1),
        ]
    ]
    policy = a_policy(max_time_limit_seconds=10)
    simulation = Simulation(machine=a_machine(4), tree=tree, policy=policy, works=works).run()
    return simulation.state.worst_lags.get(("g",), 0)


def test_a_larger_guarantee_can_have_a_larger_worst_lag_relative_to_its_claim():
    # One node is a quarter, and is free at once. Of a half the second one has to be waited for.
    assert worst_lag_with(250_000) == 0
    assert worst_lag_with(500_000) == 9 * MICRONODES
