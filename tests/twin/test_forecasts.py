"""Forecasts: what is certain is said exactly, what is not is a range that learns to hold."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from allmende.domain.scheduling import boards
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.policies import Backfill
from allmende.twin import clock
from allmende.twin.backtests import backtest, coverage
from allmende.twin.calibrations import Calibration, Outcome
from allmende.twin.forecasts import HORIZON_SECONDS, Forecast, Forward, copy_board, make_dice
from allmende.twin.pasts import Past, PastJob, Pools
from allmende.twin.preemptions import Preemption
from allmende.twin.replay import Play
from allmende.twin.shares import group_jobs
from allmende.twin.swf import parse_lines
from allmende.twin.traces import read_swf
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
from tests.twin.workshop import random_trace

FREE = a_tree(free=(0, 1))
PERSON = ("free", "project", "person")


def past_of(*rans, limit=100, path=PERSON, every=10):
    return Past(
        [
            PastJob(
                path=path,
                submitted_at_seconds=NOW - every * (len(rans) - place),
                nodes=1,
                time_limit_seconds=limit,
                ran_seconds=ran,
            )
            for place, ran in enumerate(rans)
        ]
    )


def forward(pending, running=(), past=None, nodes=2, tree=FREE):
    snapshot = a_snapshot(a_machine(nodes), tree, pending, running)
    return Forward(snapshot, a_policy(), past or Past([]))


def test_a_job_that_fits_starts_now():
    ahead = forward([a_pending("j")])
    assert set(ahead.run("j", dice=make_dice(1), runs=8).tolist()) == {0}


def test_what_runs_always_to_its_limit_ends_there():
    running = [a_running("r", nodes=(0, 1), started=NOW - 10, ends=NOW + 40)]
    ahead = forward([a_pending("j")], running, past_of(*[100] * 20, every=10**6))
    assert set(ahead.run("j", dice=make_dice(1), runs=8).tolist()) == {40}


def test_what_runs_is_like_those_that_ran_at_least_as_long():
    # Half of all jobs use a tenth of their limit: this one did not.
    running = [a_running("r", nodes=(0, 1), started=NOW - 30, ends=NOW + 70)]
    ahead = forward([a_pending("j")], running, past_of(*[10, 80] * 10, every=10**6))
    assert set(ahead.run("j", dice=make_dice(1), runs=16).tolist()) == {50}


def test_a_persons_own_habits_say_more_than_those_of_others():
    past = Past([*past_of(*[90] * 50, path=("free", "p", "other")).jobs, *past_of(*[20] * 12).jobs])
    assert set(past.parts_of(PERSON).tolist()) == {0.2}
    assert set(past.parts_of(("free", "p", "other")).tolist()) == {0.9}
    assert 0.2 < past.parts_of(("free", "p", "new")).mean() <= 0.9
    assert Past([]).parts_of(PERSON).size > 10


def test_the_same_dice_give_the_same_answer():
    running = [a_running("r", nodes=(0, 1))]
    ahead = forward([a_pending(f"j{n}") for n in range(6)], running, past_of(*range(5, 95, 3)))
    first, again = (ahead.forecast("j5", dice=make_dice(7)) for _ in range(2))
    assert first == again
    assert first.earliest_seconds <= first.median_seconds <= first.latest_seconds


def test_who_is_still_to_come_can_make_it_later():
    # Before it stands who used less: newcomers of another project, again and again.
    newcomers = past_of(*[50] * 40, path=("free", "newcomers", "n"), every=5)
    usages = {("free",): 10**6, ("free", "project"): 10**6, PERSON: 10**6}
    running = [a_running("r", nodes=(0, 1), started=NOW - 10, ends=NOW + 10)]
    snapshot = a_snapshot(a_machine(2), FREE, [a_pending("j", nodes=1)], running, usages=usages)
    alone = Forward(snapshot, a_policy(), Past([])).forecast("j", dice=make_dice(1))
    crowded = Forward(snapshot, a_policy(), newcomers).forecast("j", dice=make_dice(1))
    assert crowded.latest_seconds > alone.latest_seconds


@pytest.mark.parametrize("held", [0, 3, 60])
def test_jobs_on_hold_change_nothing(held):
    crowd = past_of(*[10] * 60, path=("free", "crowd", "c"), every=2)
    running = [a_running("r", nodes=(0, 1), started=NOW - 10, ends=NOW + 20)]
    pending = [a_pending(f"held{n}", eligible=False) for n in range(held)]
    pending.append(a_pending("j", path=("free", "crowd", "c"), submitted=5))
    ahead = forward(pending, running, crowd)
    # It waits before everybody who is still to come.
    assert set(ahead.run("j", dice=make_dice(1), runs=8).tolist()) == {20}


def test_everybody_to_come_may_have_a_reservation():
    running = [a_running("r", nodes=(0, 1), started=NOW - 10, ends=NOW + 20)]
    policy = a_policy(backfill=Backfill.CONSERVATIVE)
    snapshot = a_snapshot(a_machine(2), FREE, [a_pending("j", nodes=2)], running)
    crowd = past_of(*[50] * 300, every=1)
    starts = Forward(snapshot, policy, crowd).run("j", dice=make_dice(1), runs=4)
    assert set(starts.tolist()) == {5}


def test_a_start_beyond_the_horizon_is_not_said():
    ahead = forward([a_pending("j", nodes=2)], [a_running("r", ends=NOW + 2 * HORIZON_SECONDS)])
    assert ahead.forecast("j", dice=make_dice(1), runs=8).latest_seconds is None


def starts_of_two(**policy):
    """Return when a job that is owed nodes and a borrower's start, behind a borrower that runs."""
    tree = a_tree(sme=(500_000, 1), free=(0, 1))
    running = [
        a_running("r", nodes=(0, 1), started=NOW - 10, ends=NOW + 40, preemptible=True, **GRACE)
    ]
    pending = [
        a_pending("s", "sme", submitted=9, limit=100),
        a_pending("f", nodes=2, submitted=5, limit=100),
    ]
    snapshot = a_snapshot(a_machine(2), tree, pending, running)
    ahead = Forward(snapshot, a_policy(**policy), past_of(*[100] * 20, every=10**6))
    starts = [set(ahead.run(job, dice=make_dice(1), runs=4).tolist()) for job in ("s", "f")]
    return [start.pop() for start in starts if len(start) == 1]


GRACE = {"grace_seconds": 3}


def test_who_is_owed_nodes_starts_sooner_where_borrowers_yield_and_they_later():
    assert starts_of_two() == [40, 140]
    # The borrower is gone after its grace, waits for two nodes, and begins anew before the other.
    yielding = {"preemption": True, "response_target_seconds": 10, "max_grace_seconds": 5}
    assert starts_of_two(**yielding) == [3, 153]


def test_who_is_being_stopped_is_gone_within_its_grace():
    running = [
        a_running("r", nodes=(0, 1), started=NOW - 10, ends=NOW + 900, is_stopping=True, **GRACE)
    ]
    snapshot = a_snapshot(a_machine(2), a_tree(sme=(500_000, 1), free=(0, 1)), SME, running)
    ahead = Forward(snapshot, a_policy(preemption=True), Past([]))
    assert set(ahead.run("s", dice=make_dice(1), runs=4).tolist()) == {3}


SME = [a_pending("s", "sme", submitted=9)]


@given(seed=st.integers(min_value=0, max_value=2**32))
@settings(max_examples=25)
def test_any_snapshot_can_be_run_forward_and_stays_as_it_was(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), random_policy(rng)
    ahead = Forward(snapshot, policy, past_of(*range(5, 95, 9), path=("a", "p0", "u0")))
    before = [column.tolist() for column in ahead.board.jobs]
    for job in ahead.eligible[:2]:
        starts = ahead.run(job.id, dice=make_dice(seed), runs=3)
        assert ((starts >= 0) & (starts <= HORIZON_SECONDS)).all()
    assert [column.tolist() for column in ahead.board.jobs] == before


@given(seed=st.integers(min_value=0, max_value=2**32))
@example(seed=4934)  # without backfilling, an owed head waits and the first of the others starts
@settings(max_examples=150)
def test_the_first_decision_is_that_of_the_live_factory(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), replace(random_policy(rng), preemption=True)
    ahead, live = Forward(snapshot, policy, Past([])), plan(snapshot, policy)
    board = copy_board(ahead.board)
    works, ends, running = ahead.draw(board, make_dice(seed))
    could_stop = works.attempts.stoppable.copy()
    state = clock.begin(arrived=ahead.first_to_come, running=running, left=0, decides_first=True)
    clock.run(board, works, ends, state)
    jobs = [job.id for job in (*ahead.eligible, *snapshot.running)]
    stopped = {jobs[place] for place in np.flatnonzero(could_stop > works.attempts.stoppable)}
    assert stopped == {each.job_id for each in live.preempts}
    started = {job.id for job, at in zip(ahead.eligible, works.starts, strict=False) if at == NOW}
    assert started == {each.job_id for each in live.starts}


@given(seed=st.integers(min_value=0, max_value=2**32))
@settings(max_examples=60)
def test_a_forward_run_that_stops_borrowers_stays_within_its_room(seed):
    rng = Random(seed)
    snapshot, policy = random_snapshot(rng), replace(random_policy(rng), preemption=True)
    ahead = Forward(snapshot, policy, Past([]))
    board = copy_board(ahead.board)
    works, ends, running = ahead.draw(board, make_dice(seed))
    state = clock.begin(arrived=ahead.first_to_come, running=running, left=500, decides_first=True)
    clock.run(board, works, ends, state)  # not compiled: a write beyond an array is an error
    assert board.settings[boards.RUNNING] == state[clock.RUNNING]


def test_pools_draw_only_what_was_seen():
    past = past_of(*[10, 30] * 10)
    pools = Pools.of(past, [a_pending("j", limit=50)], [a_running("r", ends=NOW + 50)], now=NOW)
    drawn = {tuple(pools.draw(make_dice(seed)).tolist()) for seed in range(30)}
    # The one that runs has passed both already: it is taken to run to its limit.
    assert drawn == {(5, 100), (15, 100)}


def a_forecast(early, middle, late):
    return Forecast(earliest_seconds=early, median_seconds=middle, latest_seconds=late, runs=64)


def test_a_range_that_was_too_narrow_is_widened_until_it_holds():
    outcomes = [Outcome(a_forecast(900, 1000, 1100), 500 + 40 * n) for n in range(50)]
    widened = Calibration.learn(outcomes).widen(a_forecast(900, 1000, 1100))
    held = [o for o in outcomes if widened.earliest_seconds <= o.started_after_seconds]
    held = [o for o in held if o.started_after_seconds <= widened.latest_seconds]
    assert 0.75 <= len(held) / len(outcomes) <= 0.95


def test_before_anything_is_known_ranges_are_wide_and_say_so():
    first = Calibration.learn([])
    assert first.outcomes == 0
    widened = first.widen(a_forecast(900, 1000, 1100))
    assert widened.earliest_seconds < 900
    assert widened.latest_seconds > 1100
    unknown = first.widen(a_forecast(900, 1000, None))
    assert unknown.latest_seconds is None


def test_forecasts_that_came_too_late_move_the_range_down():
    outcomes = [Outcome(a_forecast(900, 1000, 1100), 60) for _ in range(60)]
    widened = Calibration.learn(outcomes).widen(a_forecast(900, 1000, 1100))
    assert widened.earliest_seconds <= 60 <= widened.latest_seconds < 1000


ROWS = [{"name": "sme", "guarantee": 0.22, "demand": 0.15}, {"name": "others"}]


def play(trace, preemption=None):
    return Play(
        trace,
        group_jobs(ROWS, trace),
        policy="allmende",
        half_life_seconds=7 * 86400,
        preemption=preemption,
    )


QUICK = Preemption(
    response_target_seconds=0, grace_seconds=1, checkpoint_every_seconds=5, spared_limit_seconds=3
)


@pytest.mark.parametrize("preemption", [None, QUICK], ids=["plain", "preemption"])
def test_a_backtest_asks_about_jobs_that_wait_and_tells_what_happened(preemption):
    trace = random_trace(Random(4), jobs=300, nodes=8, users=6)
    narrow = trace.select(trace.nodes <= 2)
    played = play(narrow, preemption)
    asked = backtest(played, instants=60, seed=1)
    assert bool(len(played.cut)) == bool(preemption)
    assert asked
    assert all(each.started_after_seconds > 0 for each in asked)
    assert 0 <= coverage(asked) <= 1
    assert coverage([]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("preemption", [None, Preemption()], ids=["plain", "preemption"])
def test_ranges_hold_about_four_times_in_five_on_a_recorded_trace(shared_data, preemption):
    from allmende.twin.findings import Findings

    path = shared_data / "traces" / "KTH-SP2-1996-2.1-cln.swf.gz"
    trace = read_swf(path, parse=parse_lines, findings=Findings(), machine_nodes=None)
    trace = trace.select(trace.nodes <= 70)
    asked = backtest(play(trace, preemption), instants=400, seed=1)
    assert len(asked) > 100
    assert 0.75 <= coverage(asked) <= 0.88
