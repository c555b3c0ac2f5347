"""Flexible jobs: each at its best instant, no guarantee broken, savings of the whole machine."""

import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.cli import run
from allmende.domain.scheduling import compiled
from allmende.services import comparisons
from allmende.twin import measures, shares
from allmende.twin.dependencies import Dependencies
from allmende.twin.findings import Findings
from allmende.twin.flexible import Flexible, choose_jobs, choose_starts, measure_saving
from allmende.twin.power import Power, last_end, make_bill
from allmende.twin.replay import replay
from allmende.twin.scenarios import ScenarioUnreadable, read_scenario
from allmende.twin.series import Series, constant
from tests.domain.scheduling.easy import easy
from tests.twin.test_replay import GUARANTEED, HALF_LIFE, SEEDS, rows_of
from tests.twin.workshop import random_trace, swf_line, write_swf

HOUR = 3600


def hourly(*values):
    return Series(np.array(values) * 1000)


def everyone(values, slack):
    return Flexible(share=1, slack_seconds=slack, series=hourly(*values))


def play(trace, eligible, policy="easy", rows=None):
    grouping = shares.group_jobs(rows, trace) if rows else shares.everybody(trace)
    return replay(
        trace,
        policy=policy,
        grouping=grouping,
        findings=Findings(),
        half_life_seconds=HALF_LIFE,
        eligible=eligible,
    )


def a_job(at, limit, begins_at=0):
    trace = random_trace(Random(1), jobs=1)
    columns = {"arrivals": np.array([at]), "limits": np.array([limit])}
    return replace(trace, begins_at=begins_at, **columns)


@pytest.mark.parametrize(
    ("at", "limit", "values", "slack", "start"),
    [
        (100, HOUR, [5, 5, 1, 5], 4 * HOUR, 2 * HOUR),
        (100, HOUR, [5, 5, 1, 5], HOUR, HOUR + 100),  # as near as the slack allows
        (100, HOUR, [5, 5, 5, 5], 4 * HOUR, 100),  # equal: at once
        (100, 1800, [5, 5, 1, 1], 4 * HOUR, 2 * HOUR),  # the earliest of all that are equal
        (100, 2 * HOUR, [5, 9, 1, 2, 8, 9], 9 * HOUR, 2 * HOUR),
        (100, 5400, [9, 4, 1, 3, 9], 4 * HOUR, 2 * HOUR),
        (100, 5400, [9, 3, 1, 4, 9], 4 * HOUR, 5400),  # ends when the hour does
        (22 * HOUR, HOUR, [1, *[5] * 23], 4 * HOUR, 24 * HOUR),  # tomorrow is as today
        (100, 9 * HOUR, [5, 0], 1800, 1900),  # longer than the series
        (0, HOUR, [5, 5, 1, 5], 0, 0),
    ],
)
def test_a_flexible_job_goes_where_the_mean_over_its_limit_is_lowest(
    at, limit, values, slack, start
):
    assert choose_starts(a_job(at, limit), everyone(values, slack)).tolist() == [start]


@given(
    at=st.integers(0, 20),
    limit=st.integers(1, 12),
    values=st.lists(st.integers(-3, 3), min_size=1, max_size=6),
    slack=st.integers(0, 20),
)
def test_no_quarter_of_an_hour_of_the_slack_is_better(at, limit, values, slack):
    quarter = HOUR // 4
    trace, flexible = a_job(at * quarter, limit * quarter), everyone(values, slack * quarter)
    day = 24 * 4

    def total(begin):
        origin = at // day * day
        return sum(values[(q - origin) // 4 % len(values)] for q in range(begin, begin + limit))

    best = min(range(at, at + slack + 1), key=lambda begin: (total(begin), begin))
    assert choose_starts(trace, flexible).tolist() == [best * quarter]


def test_the_share_is_drawn_by_number_and_seed_alone():
    trace = random_trace(Random(3), jobs=4000)
    some = Flexible(share=0.3, slack_seconds=HOUR, series=constant(1))
    chosen = choose_jobs(trace, some)
    assert chosen.mean() == pytest.approx(0.3, abs=0.03)
    backwards = np.arange(4000)[::-1]
    assert (choose_jobs(trace.select(backwards), some) == chosen[backwards]).all()
    assert (choose_jobs(trace, replace(some, seed=2)) != chosen).any()
    more = choose_jobs(trace, replace(some, share=0.5))
    assert (more | ~chosen).all()
    assert not choose_jobs(trace, replace(some, share=0)).any()
    assert choose_jobs(trace, replace(some, share=1)).all()


def test_one_that_follows_another_is_never_flexible():
    table = Dependencies(
        lines=np.arange(2), predecessors=np.array([-1, 1]), think_seconds=np.array([0, 5])
    )
    trace = replace(random_trace(Random(3), jobs=2), dependencies=table)
    assert choose_jobs(trace, everyone([5, 1], HOUR)).tolist() == [True, False]
    eligible = choose_starts(trace, everyone([5, 1], HOUR))
    replayed = play(trace, eligible)
    assert replayed.starts[0] == eligible[0] > trace.arrivals[0]
    assert replayed.eligible[1] == replayed.starts[0] + trace.seconds[0] + 5


def later(trace, rng):
    return trace.arrivals + np.array(
        [rng.choice([0, rng.randint(0, 60)]) for _ in range(trace.arrivals.size)]
    )


@given(seed=SEEDS)
@settings(max_examples=40)
def test_who_comes_later_joins_the_queue_then(seed):
    rng = Random(seed)
    trace = random_trace(rng, jobs=60)
    eligible = later(trace, rng)
    replayed = play(trace, eligible)
    # In the order in which they join: who is held comes behind who comes by itself.
    order = np.lexsort((eligible > trace.arrivals, eligible))
    moved = replace(trace, arrivals=eligible).select(order)
    assert replayed.starts[order].tolist() == easy(rows_of(moved), trace.machine_nodes)
    assert replayed.eligible.tolist() == eligible.tolist()


@given(seed=SEEDS)
@settings(max_examples=30)
def test_no_guarantee_is_broken_and_compiled_it_is_the_same(seed):
    rng = Random(seed)
    trace = random_trace(rng)
    trace = trace.select(trace.nodes <= 2)
    eligible = later(trace, rng)
    plain = play(trace, eligible, "allmende", GUARANTEED)
    groups = measures.measure(plain).groups
    assert all(g.worst_lag_node_seconds <= g.lag_bound_node_seconds for g in groups)
    bounds = [g.lag_bound_node_seconds for g in groups]
    unmoved = measures.measure(play(trace, None, "allmende", GUARANTEED)).groups
    assert bounds == [g.lag_bound_node_seconds for g in unmoved]
    before, compiled.COMPILE_FROM_JOBS = compiled.COMPILE_FROM_JOBS, 0
    try:
        assert (
            play(trace, eligible, "allmende", GUARANTEED).starts.tolist() == plain.starts.tolist()
        )
    finally:
        compiled.COMPILE_FROM_JOBS = before


@given(seed=SEEDS)
@settings(max_examples=30)
def test_savings_are_the_difference_of_two_bills_over_the_same_time(seed):
    rng = Random(seed)
    trace = random_trace(rng)
    series = hourly(*[rng.randint(0, 9) for _ in range(5)])
    flexible = Flexible(share=0.5, slack_seconds=2 * HOUR, series=series, seed=rng.randint(0, 99))
    power = Power(
        watts_idle_per_node=100, watts_busy_per_node=300, carbon_grams_per_kilowatt_hour=series
    )
    moved, without = play(trace, choose_starts(trace, flexible)), play(trace, None)
    until = max(last_end(moved), last_end(without))
    saving = measure_saving(moved, without, flexible, power)
    bills = [make_bill(each, power, until=until) for each in (without, moved)]
    # The same work in the same time: the energy is the same, whenever the jobs ran.
    assert saving.saved["energy_kilowatt_hours"] == pytest.approx(0)
    emitted = bills[0].emissions_kilograms - bills[1].emissions_kilograms
    assert saving.saved["emissions_kilograms"] == pytest.approx(emitted)
    # Idle nodes emit the same in both, so what is saved is what the busy ones add.
    work = int((trace.nodes * trace.seconds).sum()) * 200 / 3.6e6
    by_means = work * (saving.series_mean_without - saving.series_mean) / 1000
    assert saving.saved["emissions_kilograms"] == pytest.approx(by_means, abs=1e-9)


SCENARIO = 'trace = "trace.swf"\npolicy = "easy"\n'
FLEXIBLE = '[flexible]\nshare = 1\nslack_hours = 12\nseries = "02:00-04:00"\n'
WATTS = "[power]\nwatts_idle_per_node = 100\nwatts_busy_per_node = 400\n"


def test_a_scenario_says_what_it_saved_against_the_same_replay_without(tmp_path, capsys):
    write_swf(tmp_path, [swf_line(n, submit=60 * n, run=600, limit=HOUR) for n in range(1, 9)])
    (tmp_path / "plain.toml").write_text(SCENARIO + WATTS)
    price = 'price_euros_per_megawatt_hour = "price.csv"\n'
    (tmp_path / "price.csv").write_text("hour,value\n0,90\n1,90\n2,10\n3,10\n")
    (tmp_path / "moved.toml").write_text(SCENARIO + FLEXIBLE + WATTS + price)
    paths = [str(tmp_path / "plain.toml"), str(tmp_path / "moved.toml")]
    report = tmp_path / "report.html"
    assert run(["twin", "compare", *paths, "--json", "--report", str(report)]) == 0
    plain, moved = json.loads(capsys.readouterr().out)["scenarios"]
    assert "flexible" not in plain
    told = moved["flexible"]
    assert (told["jobs"], told["series_mean"], told["series_mean_without"]) == (8, 0.0, 1.0)
    assert told["saved"]["cost_euros"] == pytest.approx(8 * 600 * 300 / 3.6e6 * 80 / 1000)
    assert moved["wait_seconds_mean"] == 0  # counted from when they may start
    assert "8 flexible jobs became eligible" in report.read_text()
    assert run(["--language", "en", "twin", "compare", *paths]) == 0
    assert "Saved by that, estimated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("flexible = 3", "written as [flexible]"),
        ("[flexible]\nshare = 2\nslack_hours = 1\nseries = 3", "share must be a number"),
        ("[flexible]\nshare = true\nslack_hours = 1\nseries = 3", "share must be a number"),
        ("[flexible]\nshare = 1\nseries = 3", "slack_hours must be a number"),
        ("[flexible]\nshare = 1\nslack_hours = 999\nseries = 3", "between 0 and 336"),
        ("[flexible]\nshare = 1\nslack_hours = 1", "series: it must be a number, or a CSV"),
        ('[flexible]\nseries = "25:00-26:00"', "series: 25:00-26:00 are no hours"),
        ('[flexible]\nseries = "09:00-09:00"', "are no hours"),
        ('[flexible]\nseries = "no.csv"', "no.csv cannot be read"),
        ("[flexible]\nshares = 1", "did you mean share?"),
        ("[flexible]\nshare = 1\nslack_hours = 1\nseries = 3\nseed = -1", "seed must be"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, table, words):
    (tmp_path / "s.toml").write_text(table)
    with pytest.raises(ScenarioUnreadable) as refused:
        read_scenario(tmp_path / "s.toml")
    assert words in str(refused.value)


def test_hours_of_the_day_may_go_past_midnight(tmp_path):
    (tmp_path / "s.toml").write_text(
        '[flexible]\nshare = 1\nslack_hours = 1\nseries = "22:00-02:00"'
    )
    series = read_scenario(tmp_path / "s.toml").flexible.series
    assert np.flatnonzero(series.thousandths == 0).tolist() == [0, 1, 22, 23]


@pytest.mark.slow
def test_on_a_recorded_trace_cheap_hours_are_cheaper_and_bounds_hold(shared_data, tmp_path):
    trace = shared_data / "traces/KTH-SP2-1996-2.1-cln.swf.gz"
    if not trace.exists():
        pytest.skip(f"real data is absent: {trace}")
    (tmp_path / "s.toml").write_text(
        'policy = "allmende"\n[[groups]]\nname = "sme"\nguarantee = 0.22\ndemand = 0.15\n'
        f'[[groups]]\nname = "others"\n{FLEXIBLE.replace("= 1", "= 0.5", 1)}{WATTS}'
    )
    told = comparisons.compare([tmp_path / "s.toml"], trace=trace).to_json()["scenarios"][0]
    assert told["flexible"]["series_mean"] < told["flexible"]["series_mean_without"]
    sme = told["groups"]["sme"]
    assert sme["worst_lag_node_seconds"] <= sme["lag_bound_node_seconds"]
