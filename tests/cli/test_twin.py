"""`allmende twin`: the contract that scripts rely on."""

import csv
import json

import pytest

from allmende.cli import run
from tests.twin.workshop import swf_line, write_swf

KEYS = {
    "jobs",
    "wall_seconds",
    "jobs_per_second",
    "simulated_seconds",
    "utilisation",
    "wait_seconds_mean",
    "wait_seconds_p90",
    "bounded_slowdown_mean",
    "preemptions",
    "lost_node_seconds",
    "peak_rss_bytes",
    "groups",
}
GROUP_KEYS = {
    "guarantee",
    "demand_node_seconds",
    "delivered_node_seconds",
    "share",
    "worst_lag_node_seconds",
    "lag_bound_node_seconds",
    "wait_seconds_mean",
    "preemptions",
    "lost_node_seconds",
}
LINES = [
    swf_line(1, nodes=6, run=20, limit=20),
    swf_line(2, submit=1, nodes=8, run=20, limit=20),
    swf_line(3, submit=2, nodes=2, run=10, limit=10, user=2),
    swf_line(4, submit=2, nodes=2, run=10, limit=30, user=2),
]


def as_json(capsys, *arguments):
    assert run(["twin", "replay", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_figures_and_the_schedule_are_those_of_easy(tmp_path, capsys):
    schedule = tmp_path / "schedule.csv"
    document = as_json(capsys, write_swf(tmp_path, LINES), "--schedule", schedule)
    assert document.keys() >= KEYS
    assert document["groups"]["everybody"].keys() >= GROUP_KEYS
    with schedule.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["job", "submit", "start", "end", "nodes", "group"]
    # 3 ends before 2 could start and overtakes; 4 would not, and waits.
    assert [(row["job"], row["start"]) for row in rows] == [
        ("1", "0"),
        ("2", "20"),
        ("3", "2"),
        ("4", "40"),
    ]
    assert document["simulated_seconds"] == 50
    assert document["utilisation"] == pytest.approx((120 + 160 + 20 + 20) / (50 * 8))
    assert document["wait_seconds_mean"] == pytest.approx((0 + 19 + 0 + 38) / 4)
    assert document["bounded_slowdown_mean"] == pytest.approx((1 + 39 / 20 + 1 + 48 / 10) / 4)


@pytest.mark.parametrize(
    ("policy", "starts"), [("fcfs", [0, 20, 40, 40]), ("conservative", [0, 20, 2, 40])]
)
def test_each_policy_has_its_own_schedule(tmp_path, capsys, policy, starts):
    schedule = tmp_path / "schedule.csv"
    as_json(capsys, write_swf(tmp_path, LINES), "--policy", policy, "--schedule", schedule)
    with schedule.open() as file:
        assert [int(row["start"]) for row in csv.DictReader(file)] == starts


def test_groups_are_counted_under_every_policy_and_obeyed_under_ours(tmp_path, capsys):
    shares = tmp_path / "shares.toml"
    shares.write_text(
        '[[groups]]\nname = "sme"\nguarantee = 0.25\nusers = [2]\n[[groups]]\nname = "rest"\n'
    )
    path = write_swf(tmp_path, LINES)
    plain = as_json(capsys, path, "--shares", shares)
    ours = as_json(capsys, path, "--shares", shares, "--policy", "allmende")
    assert plain["groups"]["sme"]["wait_seconds_mean"] == 19
    assert ours["groups"]["sme"]["wait_seconds_mean"] < 19
    sme = ours["groups"]["sme"]
    assert 0 <= sme["worst_lag_node_seconds"] <= sme["lag_bound_node_seconds"] == (2 + 2) * 30
    assert sme["share"] + ours["groups"]["rest"]["share"] == pytest.approx(1)


def test_jobs_are_stopped_for_a_group_that_is_owed_nodes(tmp_path, capsys):
    shares, schedule = tmp_path / "shares.toml", tmp_path / "schedule.csv"
    shares.write_text(
        '[[groups]]\nname = "sme"\nguarantee = 0.25\nusers = [2]\n[[groups]]\nname = "rest"\n'
    )
    lines = [swf_line(1, nodes=8, run=500, limit=500), swf_line(2, submit=100, nodes=2, user=2)]
    numbers = ("--response-target", 0, "--grace", 5, "--checkpoint-every", 60)
    asked = (write_swf(tmp_path, lines), "--shares", shares, "--policy", "allmende")
    document = as_json(
        capsys, *asked, "--preemption", *numbers, "--spared-limit", 30, "--schedule", schedule
    )
    with schedule.open() as file:
        rows = [(row["job"], row["start"], row["end"]) for row in csv.DictReader(file)]
    assert rows == [("1", "0", "105"), ("1", "115", "555"), ("2", "105", "115")]
    rest = document["groups"]["rest"]
    assert (rest["preemptions"], rest["lost_node_seconds"]) == (1, 45 * 8)
    assert document["lost_node_seconds"] == 45 * 8
    assert document["wait_seconds_mean"] == pytest.approx(5 / 2)


def test_for_people_it_prints_tables_and_what_was_found(tmp_path, capsys):
    path = write_swf(tmp_path, [*LINES, swf_line(5, nodes=99)])
    assert run(["--language", "en", "twin", "replay", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "utilisation" in printed
    assert "Jobs wider than the machine can never run; left out." in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.swf"], "no such file"),
        (["TRACE", "--policy", "lottery"], "fcfs, easy, conservative, allmende"),
        (["TRACE", "--nodes", "0"], "a whole number above 0"),
        (["TRACE", "--procs-per-node", "-1"], "a whole number above 0"),
        (["TRACE", "--nodes", "99999999999"], "give at most"),
        (["TRACE", "--schedule", "/no/such/folder/s.csv"], "its folder is absent"),
        (["TRACE", "--schedule", "/tmp"], "it is a folder"),
        (["TRACE", "--shares", "nowhere.toml"], "nowhere.toml"),
        (["TRACE", "--preemption"], "only the policy allmende stops jobs"),
        (["TRACE", "--grace", "5"], "give --preemption too"),
        (["TRACE", "--preemption", "--grace", "-1"], "from 0 to"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(tmp_path, capsys, arguments, words):
    path = str(write_swf(tmp_path, LINES))
    given = [path if argument == "TRACE" else argument for argument in arguments]
    assert run(["--language", "en", "twin", "replay", *given]) == 1
    assert words in " ".join(capsys.readouterr().err.split())
