"""Scenarios side by side, and a report that needs nothing from anywhere."""

import json
import re
from xml.etree import ElementTree

import pytest

from allmende.cli import run
from allmende.services import comparisons, twin
from allmende.services.comparisons import DifferentWorkloads, NoTrace
from allmende.twin import charts
from allmende.twin.reports import duration
from allmende.twin.scenarios import ScenarioUnreadable, read_scenario
from tests.twin.workshop import swf_line, write_swf

GROUPS = '[[groups]]\nname = "sme"\nguarantee = 0.25\nusers = [2]\n[[groups]]\nname = "rest & co"\n'


@pytest.fixture
def folder(tmp_path):
    lines = [
        swf_line(n, submit=n * 3, run=40, limit=60, nodes=1 + n % 4, user=1 + n % 5)
        for n in range(1, 60)
    ]
    write_swf(tmp_path, lines)
    for name, policy in (("easy", "easy"), ("ours", "allmende")):
        text = f'name = "{name} <1>"\ntrace = "trace.swf"\npolicy = "{policy}"\n{GROUPS}'
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def test_each_scenario_says_what_it_costs_against_the_first(folder):
    paths = [folder / "easy.toml", folder / "ours.toml"]
    document = comparisons.compare(paths).to_json()
    easy, ours = document["scenarios"]
    assert document["baseline"] == "easy <1>"
    assert easy["price"]["wait_seconds_mean"] == 0
    change = ours["price"]["wait_seconds_mean_by_group"]["sme"]
    assert change == pytest.approx(
        ours["groups"]["sme"]["wait_seconds_mean"] - easy["groups"]["sme"]["wait_seconds_mean"]
    )
    assert change < 0
    assert ours["price"]["utilisation"] == pytest.approx(ours["utilisation"] - easy["utilisation"])


def test_the_command_writes_a_report_that_stands_alone(folder, capsys):
    report = folder / "report.html"
    paths = [str(folder / "easy.toml"), str(folder / "ours.toml")]
    assert run(["twin", "compare", *paths, "--report", str(report), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["scenarios"]) == 2
    page = report.read_text()
    assert not re.search(r"(?:src|href|url)\s*[=(]", page)
    assert "<script" not in page
    assert "easy &lt;1&gt;" in page
    assert "<1>" not in page
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 1 + 1 + 2 * 2  # waits, queue, and shares and lags of each
    for drawing in drawings:
        assert ElementTree.fromstring(drawing).get("aria-label")


def test_for_people_it_prints_the_scenarios_and_their_groups(folder, capsys):
    paths = [str(folder / "easy.toml"), str(folder / "ours.toml")]
    assert run(["--language", "en", "twin", "compare", *paths]) == 0
    printed = capsys.readouterr().out
    assert printed.count("rest & co") == 2


def test_a_workload_is_read_once_and_findings_stay_apart(folder, monkeypatch):
    reads = []
    read_trace = twin.read_trace
    monkeypatch.setattr(
        twin, "read_trace", lambda asked, found: reads.append(asked) or read_trace(asked, found)
    )
    lines = [swf_line(n, submit=n, nodes=1 + n % 4, user=1 + n % 3) for n in range(30)]
    write_swf(folder, [*lines, swf_line(31, run=0), swf_line(32, submit=30, nodes=8, user=2)])
    paths = [folder / "easy.toml", folder / "ours.toml"]
    easy, ours = comparisons.compare(paths).answers
    assert len(reads) == 1
    assert easy.findings.counts == {"no_run_time": 1, "uncovered_elsewhere": 1}
    assert ours.findings.counts == {"no_run_time": 1, "wider_than_guarantee": 1}


def test_a_scenario_may_have_nodes_that_fail(folder):
    failing = folder / "failing.toml"
    text = (folder / "easy.toml").read_text()
    failing.write_text(text.replace('"easy"', '"easy"\nchanges = [[0.01, 4], [1, 8]]', 1))
    easy, less = comparisons.compare([folder / "easy.toml", failing]).to_json()["scenarios"]
    assert less["wait_seconds_mean"] > easy["wait_seconds_mean"]


def test_scenarios_of_different_workloads_say_nothing_about_policies(folder):
    other = folder / "other.toml"
    other.write_text('trace = "elsewhere.swf"\n')
    with pytest.raises(DifferentWorkloads, match="Compare scenarios of one workload"):
        comparisons.compare([folder / "easy.toml", other])
    trace = folder / "trace.swf"
    assert len(comparisons.compare([folder / "easy.toml", other], trace=trace).answers) == 2
    other.write_text('trace = "trace.swf"\nprocs_per_node = 2\n')
    with pytest.raises(DifferentWorkloads):
        comparisons.compare([folder / "easy.toml", other])
    other.write_text("nodes = 9\n")
    with pytest.raises(NoTrace):
        comparisons.compare([other])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("polcy = 'easy'", "did you mean policy?"),
        ("nodes = 0", "nodes must be a whole number above 0"),
        ("nodes = true", "nodes must be a whole number above 0"),
        ("nodes = 100000000000000000000", "nodes must be at most"),
        ("half_life_days = 400", "half_life_days must be at most"),
        ("changes = [[inf, 3]]", "pairs of hours and nodes"),
        ("changes = [[1, 100000000000000000000]]", "pairs of hours and nodes"),
        ("groups = 3", "written as [[groups]]"),
        ("changes = 3", "pairs of hours and nodes"),
        ("changes = [[1, true]]", "pairs of hours and nodes"),
        ("changes = [[1, 2.5]]", "pairs of hours and nodes"),
        ("changes = [[-1, 2]]", "pairs of hours and nodes"),
        ("policy = 3", "policy must be a text"),
        ("name = ''", "name must be a text"),
        ("name = [1", "end of document"),
    ],
)
def test_a_scenario_that_cannot_be_used_is_refused(tmp_path, text, words):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ScenarioUnreadable) as refused:
        read_scenario(path)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.3, 0.4), (1, 1), (3, 4), (9, 10), (11, 20), (801, 1000)]
)
def test_axes_end_at_numbers_whose_quarters_are_round(value, top):
    assert charts.nice_top(value) == pytest.approx(top)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (130, "2.2 min"), (200_000, "2.3 d")]
)
def test_durations_are_written_in_the_unit_that_suits(seconds, words):
    assert duration(seconds) == words


def test_large_numbers_are_written_short():
    assert [charts.short(x) for x in (0.12345, 1234, 12345, 2.5e6, 3e9)] == [
        "0.1235",
        "1234",
        "12.3 k",
        "2.5 M",
        "3 G",
    ]
    assert charts.average([1, 3, 5, 7, 9], most=3) == [2, 6, 9]
