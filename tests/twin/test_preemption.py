"""Replays with preemption: as live planning decides, within the bound, and what it costs."""

from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling import compiled
from allmende.domain.scheduling.fairness import advance
from allmende.twin import measures, shares
from allmende.twin.dependencies import Dependencies, find_predecessors
from allmende.twin.findings import Findings
from allmende.twin.power import Power
from allmende.twin.preemptions import Preemption, PreemptionUnusable
from allmende.twin.replay import replay
from allmende.twin.stagings import Staging, keep_common
from tests.domain.scheduling.simulation import Simulation, Work
from tests.domain.scheduling.worlds import a_machine
from tests.twin.workshop import random_trace

SEEDS = st.integers(min_value=0, max_value=2**32)
HALF_LIFE = 50
ONE = [
    {"name": "sme", "guarantee": 0.8, "users": [1, 2], "widest_job_nodes": 1},
    {"name": "others"},
]
TWO = [
    {"name": "sme", "guarantee": 0.25, "users": [1], "widest_job_nodes": 2},
    {"name": "science", "guarantee": 0.25, "users": [2], "widest_job_nodes": 2},
    {"name": "others", "weight": 2},
]
CAPPED = [
    {"name": "sme", "guarantee": 0.25, "users": [1], "widest_job_nodes": 2, "ceiling": 0.6},
    {"name": "others", "ceiling": 0.9},
]


def crowded_trace(rng):
    """Return a trace in which long jobs hold the nodes when those come who are owed some."""
    trace = random_trace(rng, jobs=rng.randint(10, 60))
    longer = np.array([rng.choice([1, 1, 5, 20]) for _ in range(trace.arrivals.size)])
    return replace(
        trace,
        arrivals=trace.arrivals // rng.choice([1, 4]),
        seconds=trace.seconds * longer,
        limits=trace.limits * longer,
        nodes=np.where(trace.users <= 2, 1, trace.nodes),
    )


def random_preemption(rng):
    return Preemption(
        response_target_seconds=rng.choice([0, 3, 20]),
        grace_seconds=rng.choice([0, 1, 4]),
        checkpoint_every_seconds=rng.choice([1, 3, 10, 1000]),
        spared_limit_seconds=rng.choice([0, 0, 5, 10]),
    )


def play(trace, rows, preemption, **rest):
    staging = Staging(
        trace=trace,
        grouping=shares.group_jobs(rows, trace),
        is_obeyed=True,
        findings=Findings(),
        read_seconds=0,
    )
    keep_common([staging])
    return replay(
        staging.trace,
        policy="allmende",
        grouping=staging.grouping,
        findings=staging.findings,
        half_life_seconds=HALF_LIFE,
        preemption=preemption,
        **rest,
    )


@dataclass
class Stopping(Simulation):
    """The rules of the twin around `plan`, one snapshot at each event."""

    every: int = 1

    def run(self):
        self.runs, self.done = [], {}
        return super().run()

    def next_instant(self, now):
        """Return the next end or arrival, or the second before it at which a claim presses."""
        event, last = super().next_instant(now), self.plans[-1]
        if event is None or not self.busy:
            return event
        for second in range(now + 1, event):
            later = advance(
                self.state,
                until=second,
                groups=last.group_states,
                running=last.running_nodes,
                policy=self.policy,
            )
            if later.pressing_since.keys() - self.state.pressing_since.keys():
                return second
        return event

    def decide(self, now):
        for job, running in self.busy.items():
            saved = now - (now - running.started_at_seconds) % self.every
            self.busy[job] = replace(running, checkpoint_at_seconds=saved)
        super().decide(now)

    def rest(self, job):
        return self.by_id[job].seconds - self.done.get(job, 0)

    def stop(self, job, now):
        running = self.busy[job]
        assert running.preemptible
        gone = now + max(1, running.grace_seconds)
        self.busy[job] = replace(running, is_stopping=True, ends_by_seconds=gone)
        self.ends[job] = min(self.ends[job], gone)

    def end(self, job, now):
        running = self.busy.pop(job)
        del self.ends[job]
        began = running.started_at_seconds
        self.runs.append((job, began, now))
        if now - began < self.rest(job):
            self.done[job] = self.done.get(job, 0) + (now - began) // self.every * self.every
            self.waiting.append(job)


def simulate(replayed):
    trace, rules = replayed.trace, replayed.preemption
    works = [
        Work(
            id=f"w{place:05}",
            path=(
                *replayed.tree.groups[int(replayed.grouping.group_of_job[place])].path,
                f"g{trace.unix_groups[place]}",
                f"u{trace.users[place]}",
            ),
            arrives=int(trace.arrivals[place]),
            nodes=int(trace.nodes[place]),
            limit=int(trace.limits[place]),
            seconds=int(trace.seconds[place]),
            preemptible=int(trace.limits[place]) > rules.spared_limit_seconds,
            grace=rules.grace_seconds,
        )
        for place in range(trace.arrivals.size)
    ]
    return Stopping(
        machine=a_machine(trace.machine_nodes),
        tree=replayed.tree,
        policy=replayed.limits,
        works=works,
        every=rules.checkpoint_every_seconds,
    ).run()


def runs_of(replayed):
    return list(zip(*(column.tolist() for column in replayed.runs), strict=True))


@given(seed=SEEDS)
@settings(max_examples=60)
@pytest.mark.parametrize("rows", [ONE, TWO, CAPPED], ids=["one", "two", "ceilings"])
def test_a_replay_with_preemption_equals_live_planning_event_by_event(rows, seed):
    rng = Random(seed)
    replayed = play(crowded_trace(rng), rows, random_preemption(rng))
    simulation = simulate(replayed)
    assert runs_of(replayed) == sorted((int(job[1:]), *when) for job, *when in simulation.runs)
    kernel = {path: lag for path, lag in replayed.kernel_worst_lags.items() if lag}
    assert kernel == {path: lag for path, lag in simulation.state.worst_lags.items() if lag}


@given(seed=SEEDS)
@settings(max_examples=20)
def test_compiled_and_stopped_again_and_again_it_is_the_same_replay(seed):
    rng = Random(seed)
    trace, preemption = crowded_trace(rng), random_preemption(rng)
    plain = play(trace, TWO, preemption)
    before, compiled.COMPILE_FROM_JOBS = compiled.COMPILE_FROM_JOBS, 0
    try:
        fast = play(trace, TWO, preemption, decisions_at_once=3)
    finally:
        compiled.COMPILE_FROM_JOBS = before
    assert runs_of(fast) == runs_of(plain)
    assert fast.cut.tolist() == plain.cut.tolist()
    assert fast.kernel_worst_lags == plain.kernel_worst_lags


def test_there_is_room_for_any_number_of_attempts(monkeypatch):
    # Every ten seconds comes somebody who is owed, and stops one of the others once more.
    others = [(0, 5_000, 9_000, 4, 3), (0, 5_000, 9_000, 4, 4)]
    trace = a_trace(others + [(10 * n, 4, 9, 1, 1) for n in range(1, 60)])
    preemption = Preemption(response_target_seconds=0, grace_seconds=1)
    whole = play(trace, ONE, preemption)
    assert len(whole.cut) == 59
    monkeypatch.setattr("allmende.twin.replay.CUTS_AT_ONCE", 0)
    assert runs_of(play(trace, ONE, preemption)) == runs_of(whole)


@given(seed=SEEDS)
@settings(max_examples=60)
@pytest.mark.parametrize("rows", [ONE, TWO], ids=["one", "two"])
def test_no_lag_passes_the_bound_that_the_horizon_gives(rows, seed):
    rng = Random(seed)
    replayed = play(crowded_trace(rng), rows, random_preemption(rng))
    for group in measures.measure(replayed).groups[: len(rows) - 1]:
        assert group.worst_lag_node_seconds == replayed.kernel_worst_lags[group.path] / 10**6
        assert group.worst_lag_node_seconds <= group.lag_bound_node_seconds


@given(seed=SEEDS)
@settings(max_examples=60)
def test_all_work_is_done_once_and_what_was_lost_is_counted(seed):
    rng = Random(seed)
    preemption = random_preemption(rng)
    replayed = play(crowded_trace(rng), TWO, preemption)
    trace, figures = replayed.trace, measures.measure(replayed)
    places, begins, ends = replayed.runs
    assert set(places.tolist()) == set(range(trace.arrivals.size))
    for at in np.unique(begins):
        assert trace.nodes[places[(begins <= at) & (at < ends)]].sum() <= trace.machine_nodes
    ran = int(((ends - begins) * trace.nodes[places]).sum())
    assert ran - figures.lost_node_seconds == int((trace.nodes * trace.seconds).sum())
    assert figures.lost_node_seconds == sum(group.lost_node_seconds for group in figures.groups)
    assert figures.preemptions == sum(group.preemptions for group in figures.groups)
    assert (replayed.lost_seconds < preemption.checkpoint_every_seconds).all()
    lags = {group.path: group.worst_lag_node_seconds for group in figures.groups}
    assert lags == {path: lag / 10**6 for path, lag in replayed.kernel_worst_lags.items()}


def a_trace(rows):
    """Return a trace of (arrival, seconds, limit, nodes, user) on eight nodes."""
    names = ("arrivals", "seconds", "limits", "nodes", "users")
    columns = dict(zip(names, np.array(rows).T, strict=True))
    return replace(random_trace(Random(1), jobs=len(rows)), **columns)


def test_who_loses_least_yields_and_goes_on_where_it_saved_last():
    trace = a_trace(
        [
            (0, 500, 900, 4, 3),  # saved at 100, would lose 50 s
            (25, 500, 900, 4, 4),  # saved at 125, would lose 25 s
            (150, 40, 40, 1, 1),  # owed
        ]
    )
    rules = Preemption(response_target_seconds=0, grace_seconds=5, checkpoint_every_seconds=100)
    replayed = play(trace, ONE, rules)
    # The second stops at 155, with 100 of 500 s done, and waits until four nodes are free.
    assert runs_of(replayed) == [(0, 0, 500), (1, 25, 155), (1, 195, 595), (2, 155, 195)]
    figures = measures.measure(replayed)
    assert figures.preemptions == figures.groups[1].preemptions == 1
    assert figures.lost_node_seconds == 30 * 4
    assert figures.wait_seconds_mean == pytest.approx(5 / 3)  # until the first start
    assert figures.groups[1].bounded_slowdown_mean == pytest.approx((1 + 570 / 500) / 2)


def test_who_ends_within_its_grace_has_lost_nothing():
    trace = a_trace([(0, 103, 900, 8, 3), (100, 40, 40, 1, 1)])
    replayed = play(trace, ONE, Preemption(response_target_seconds=0, grace_seconds=5))
    assert runs_of(replayed) == [(0, 0, 103), (1, 103, 143)]
    assert measures.measure(replayed).preemptions == 0


def test_short_jobs_can_be_spared():
    trace = a_trace([(0, 90, 90, 8, 3), (10, 40, 40, 1, 1)])
    rules = Preemption(response_target_seconds=0, grace_seconds=5, spared_limit_seconds=90)
    assert runs_of(play(trace, ONE, rules)) == [(0, 0, 90), (1, 90, 130)]


def test_a_claim_that_becomes_pressing_between_two_events_is_not_left_waiting():
    # One node comes free in time for the head of six. The lag passes 61 node-seconds at 21 s.
    trace = a_trace([(0, 50, 50, 1, 3), (0, 900, 900, 7, 4)] + [(10, 500, 500, 1, 1)] * 6)
    replayed = play(trace, ONE, Preemption(response_target_seconds=60, grace_seconds=5))
    assert replayed.cut[0].tolist() == [1, 0, 26]


@pytest.mark.parametrize(
    "numbers",
    [
        {"grace_seconds": -1},
        {"checkpoint_every_seconds": 0},
        {"response_target_seconds": 10**10},
        {"spared_limit_seconds": 1.5},
        {"grace_seconds": True},
    ],
)
def test_numbers_that_make_no_sense_are_refused(numbers):
    with pytest.raises(PreemptionUnusable, match=f"{next(iter(numbers))} .* whole number"):
        Preemption(**numbers)


@given(seed=SEEDS)
@settings(max_examples=40)
def test_who_follows_a_stopped_job_waits_until_its_work_is_done(seed):
    rng = Random(seed)
    trace = crowded_trace(rng)
    count = trace.arrivals.size
    after = [rng.randint(1, n) if n and rng.random() < 0.4 else -1 for n in range(count)]
    table = Dependencies(
        lines=np.arange(count),
        predecessors=np.array(after),
        think_seconds=np.zeros(count, dtype=np.int64),
    )
    trace = replace(trace, dependencies=table)
    preemption = random_preemption(rng)
    replayed = play(trace, TWO, preemption)
    trace, done = replayed.trace, replayed.begun + replayed.rests
    places = find_predecessors(trace.dependencies, trace.numbers, Findings())
    follows = places >= 0
    expected = np.maximum(trace.arrivals, done[places])[follows]
    assert replayed.eligible[follows].tolist() == expected.tolist()
    assert (replayed.starts >= replayed.eligible).all()
    power = Power(watts_idle_per_node=0, watts_busy_per_node=3_600_000)
    figures = measures.measure(replayed, power)
    ran = sum((end - begin) * int(trace.nodes[place]) for place, begin, end in runs_of(replayed))
    assert figures.bill.energy_kilowatt_hours == pytest.approx(ran)
    lags = {group.path: group.worst_lag_node_seconds for group in figures.groups}
    assert lags == {path: lag / 10**6 for path, lag in replayed.kernel_worst_lags.items()}
