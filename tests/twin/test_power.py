"""Energy, emissions and cost of a schedule: to the second, labelled, and refused where unclear."""

import csv
import gzip
import json
from random import Random

import numpy as np
import pytest
from hypothesis import given

from allmende.cli import run
from allmende.services import twin
from allmende.twin import series
from allmende.twin.power import (
    Power,
    PowerUnreadable,
    TooLongForHours,
    make_bill,
    read_power_file,
)
from allmende.twin.scenarios import ScenarioUnreadable, read_scenario
from tests.twin.test_replay import SEEDS, play
from tests.twin.workshop import random_trace, swf_line, write_swf

TABLE = "[power]\nwatts_idle_per_node = 100\nwatts_busy_per_node = 400\n"
HOUR = 3600
# From half an hour on: two nodes of eight for an hour, then all for two.
LINES = [
    swf_line(1, submit=HOUR // 2, run=HOUR, limit=HOUR, nodes=2),
    swf_line(2, submit=HOUR, run=2 * HOUR, limit=2 * HOUR, nodes=8),
]


def bill_of(folder, table, lines=LINES):
    (folder / "power.toml").write_text(table)
    trace = write_swf(folder, lines)
    question = twin.Question(trace=trace, power=twin.read_power(folder / "power.toml"))
    return twin.answer(question)


def write_hours(folder, values, name="hours.csv"):
    rows = "".join(f"{hour},{value}\n" for hour, value in enumerate(values))
    (folder / name).write_text(f"hour,value\n{rows}")


def test_energy_is_that_of_idle_nodes_and_what_busy_ones_add(tmp_path):
    document = bill_of(tmp_path, TABLE + "pue = 1.5\n").to_json()
    # Three hours in service, eight nodes; 2 + 16 node-hours busy.
    assert document["energy_kilowatt_hours"] == pytest.approx((24 * 0.1 + 18 * 0.3) * 1.5)
    assert document["energy_method"] == "estimated"
    assert document["energy_formula"].startswith(
        "(100.0 W × nodes in service + (400.0 W − 100.0 W)"
    )
    assert not {"emissions_kilograms", "cost_euros"} & set(document)


def test_without_watts_nothing_is_said(tmp_path):
    document = twin.answer(twin.Question(trace=write_swf(tmp_path, LINES))).to_json()
    assert not [name for name in document if name.startswith("energy")]


def test_rates_count_hour_by_hour_and_begin_anew_where_they_end(tmp_path):
    write_hours(tmp_path, [100, 200, 400])
    rates = 'carbon_grams_per_kilowatt_hour = "hours.csv"\nprice_euros_per_megawatt_hour = -50\n'
    bill = bill_of(tmp_path, TABLE + rates).figures.bill
    # Kilowatts by half hours from 00:30: 8 idle and 2 busy, then all busy from 01:30 to 03:30.
    kilowatts, grams = [1.4, 1.4, 3.2, 3.2, 3.2, 3.2], [100, 200, 200, 400, 400, 100]
    emitted = sum(kw / 2 * g for kw, g in zip(kilowatts, grams, strict=True)) / 1000
    assert bill.energy_kilowatt_hours == pytest.approx(sum(kilowatts) / 2)
    assert bill.emissions_kilograms == pytest.approx(emitted)
    assert bill.cost_euros == pytest.approx(-50 * sum(kilowatts) / 2 / 1000)


def test_hour_0_is_midnight_before_the_first_submission(tmp_path):
    header = "; MaxProcs: 8\n; UnixStartTime: 1000000000\n"  # 01:46:40 UTC
    write_hours(tmp_path, [0, 0, 7, *[0] * 21])
    (tmp_path / "power.toml").write_text(TABLE + 'carbon_grams_per_kilowatt_hour = "hours.csv"\n')
    lines = [swf_line(1, submit=86_400 * 3, run=HOUR, limit=HOUR, nodes=8)]
    trace = write_swf(tmp_path, lines, header=header)
    power = twin.read_power(tmp_path / "power.toml")
    bill = twin.answer(twin.Question(trace=trace, power=power)).figures.bill
    in_hour_2 = 46 * 60 + 40
    assert bill.emissions_kilograms == pytest.approx(3.2 * in_hour_2 / HOUR * 7 / 1000)


def test_nodes_out_of_service_draw_nothing_unless_they_finish_their_job():
    trace = random_trace(Random(1), jobs=1).select([0])
    begin, ran = int(trace.arrivals[0]), int(trace.seconds[0])
    replayed = play(trace, "easy", changes=[(begin, 0)])
    assert replayed.starts.tolist() == [-1]
    power = Power(watts_idle_per_node=1000, watts_busy_per_node=3000)
    assert make_bill(replayed, power).energy_kilowatt_hours == 0
    replayed = play(trace, "easy", changes=[(begin + 1, 0)] if ran > 1 else [])
    busy, width = ran * int(trace.nodes[0]), int(trace.nodes[0])
    expected = 3 * busy + (8 - width) * (1 if ran > 1 else ran)
    assert make_bill(replayed, power).energy_kilowatt_hours == pytest.approx(expected / HOUR)
    longer = make_bill(replayed, power, until=begin + ran + 100)
    assert longer.energy_kilowatt_hours >= expected / HOUR


@given(seed=SEEDS)
def test_the_energy_is_that_of_every_second(seed):
    rng = Random(seed)
    trace = random_trace(rng)
    begin = int(trace.arrivals[0])
    replayed = play(trace, "easy", changes=[(begin + 50, 5), (begin + 150, 9)])
    power = Power(
        watts_idle_per_node=100,
        watts_busy_per_node=400,
        carbon_grams_per_kilowatt_hour=series.constant(rng.randint(-3, 9)),
    )
    ends = replayed.starts + trace.seconds
    joules = 0
    for second in range(begin, int(ends.max(initial=begin))):
        runs = (replayed.starts >= 0) & (replayed.starts <= second) & (second < ends)
        busy = int(trace.nodes[runs].sum())
        nodes = 9 if second >= begin + 150 else 5 if second >= begin + 50 else 8
        joules += 100 * max(nodes, busy) + 300 * busy
    bill = make_bill(replayed, power)
    assert bill.energy_kilowatt_hours == pytest.approx(joules / 3.6e6)
    rate = power.carbon_grams_per_kilowatt_hour.values_at(np.zeros(1, int))[0]
    assert bill.emissions_kilograms == pytest.approx(joules / 3.6e6 * rate / 1000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "it needs [power], and nothing else"),
        ("power = 3", "written as [power]"),
        ("[power]\nwatts_idle_per_node = 1", "watts_busy_per_node must be a number"),
        ("[power]\nwatts_idle_per_node = true\nwatts_busy_per_node = 3", "must be a number"),
        ("[power]\nwatts_idle_per_node = 4\nwatts_busy_per_node = 3", "not be less"),
        (TABLE + "pue = 0.9", "pue must be a number between 1 and 10"),
        (TABLE + "puf = 3", "unknown key puf; did you mean pue?"),
        (TABLE + "carbon_grams_per_kilowatt_hour = nan", "must lie between"),
        (TABLE + "carbon_grams_per_kilowatt_hour = true", "it must be a number, or a CSV"),
        (TABLE + 'price_euros_per_megawatt_hour = "no.csv"', "no.csv cannot be read"),
        (TABLE + 'price_euros_per_megawatt_hour = "gap.csv"', "gap.csv has no hour 1"),
        (TABLE + 'price_euros_per_megawatt_hour = "two.csv"', "two.csv has an hour twice"),
        (TABLE + 'price_euros_per_megawatt_hour = "bad.csv"', "bad.csv, line 3: hour and value"),
        (TABLE + 'price_euros_per_megawatt_hour = "far.csv"', "hour must lie between"),
        (TABLE + 'price_euros_per_megawatt_hour = "none.csv"', "none.csv has no hours"),
        (TABLE + 'price_euros_per_megawatt_hour = "other.csv"', "needs the columns hour and value"),
        ("[power", "Expected"),
    ],
)
def test_a_power_file_that_cannot_be_used_is_refused(tmp_path, text, words):
    files = {
        "gap": "hour,value\n0,3\n2,3\n",
        "two": "hour,value\n0,3\n1,3\n1,4\n",
        "bad": "hour,value\n0,3\n1,\n",
        "far": "hour,value\n-1,3\n",
        "none": "hour,value\n",
        "other": "when,what\n",
    }
    for name, content in files.items():
        (tmp_path / f"{name}.csv").write_text(content)
    (tmp_path / "power.toml").write_text(text)
    with pytest.raises(PowerUnreadable) as refused:
        read_power_file(tmp_path / "power.toml")
    assert words in str(refused.value)


def test_a_workload_of_too_many_hours_is_refused_with_a_way_out(tmp_path):
    write_hours(tmp_path, [1, 2])
    lines = [swf_line(1), swf_line(2, submit=10**13)]
    with pytest.raises(TooLongForHours, match="numbers instead of"):
        bill_of(tmp_path, TABLE + 'carbon_grams_per_kilowatt_hour = "hours.csv"\n', lines)
    assert bill_of(tmp_path, TABLE + "carbon_grams_per_kilowatt_hour = 3\n", lines).figures.bill


def test_a_comparison_says_what_a_scenario_takes_more_and_the_report_shows_it(tmp_path, capsys):
    write_swf(tmp_path, LINES)
    for name, changes in (("all", ""), ("fewer", "changes = [[0, 2], [4, 8]]\n")):
        (tmp_path / f"{name}.toml").write_text(
            f'trace = "trace.swf"\npolicy = "easy"\n{changes}{TABLE}'
            "carbon_grams_per_kilowatt_hour = 300\n"
        )
    paths = [str(tmp_path / "all.toml"), str(tmp_path / "fewer.toml")]
    report = tmp_path / "report.html"
    assert run(["twin", "compare", *paths, "--json", "--report", str(report)]) == 0
    first, second = json.loads(capsys.readouterr().out)["scenarios"]
    change = second["energy_kilowatt_hours"] - first["energy_kilowatt_hours"]
    assert second["price"]["energy_kilowatt_hours"] == pytest.approx(change)
    assert second["price"]["emissions_kilograms"] == pytest.approx(change * 0.3)
    assert "cost_euros" not in second["price"]
    page = report.read_text()
    assert "estimated" in page
    assert "kg CO₂e" in page
    (tmp_path / "fewer.toml").write_text('trace = "trace.swf"\npower = "much"\n')
    with pytest.raises(ScenarioUnreadable, match=r"written as \[power\]"):
        read_scenario(tmp_path / "fewer.toml")


def test_the_command_estimates_too(tmp_path, capsys):
    (tmp_path / "power.toml").write_text(TABLE)
    trace, power = str(write_swf(tmp_path, LINES)), str(tmp_path / "power.toml")
    assert run(["--language", "en", "twin", "replay", trace, "--power", power]) == 0
    printed = capsys.readouterr().out
    assert "energy kilowatt hours" in printed
    assert "estimated" in printed


def test_a_recorded_trace_under_the_recorded_grid(shared_data, tmp_path):
    grid = shared_data / "energy/de_lu/DE_carbon_intensity_2024_hourly.csv.gz"
    trace = shared_data / "traces/KTH-SP2-1996-2.1-cln.swf.gz"
    if not grid.exists() or not trace.exists():
        pytest.skip(f"real data is absent: {grid}, {trace}")
    with gzip.open(grid, "rt") as file:
        rows = list(csv.reader(file))
    column = next(i for i, name in enumerate(rows[0]) if "direct" in name.lower())
    grams = [float(row[column]) for row in rows[1:]]
    write_hours(tmp_path, grams)
    (tmp_path / "power.toml").write_text(TABLE + 'carbon_grams_per_kilowatt_hour = "hours.csv"\n')
    question = twin.Question(trace=trace, power=twin.read_power(tmp_path / "power.toml"))
    bill = twin.answer(question).figures.bill
    mean = 1000 * bill.emissions_kilograms / bill.energy_kilowatt_hours
    assert min(grams) < mean < max(grams)
    assert mean == pytest.approx(np.mean(grams), rel=0.05)
