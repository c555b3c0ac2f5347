"""`allmende plan-training`: stable keys for programs, words for people, and no database."""

import json

import pytest

from allmende import cli
from allmende.cli.exits import ExitCode

LARGE = ["--params", "70B", "--tokens", "15T"]
RANGES = ("gpu_hours", "days", "energy_kwh", "cost_eur", "carbon_kg", "power_kw")


def run(capsys, *arguments):
    code = cli.run(["plan-training", *arguments])
    return code, capsys.readouterr()


def test_programs_get_stable_keys(capsys):
    code, printed = run(capsys, *LARGE, "--gpu", "h100", "--gpus", "1024", "--json")
    answer = json.loads(printed.out)
    assert code == ExitCode.OK
    assert answer["flop"] == 6_300_000_000_000 * 10**12
    for name in RANGES:
        assert 0 < answer[name]["low"] <= answer[name]["expected"] <= answer[name]["high"], name
    assert (answer["gpus"], answer["nodes"]) == (1024, 128)
    assert set(answer["parallelism"]) >= {"tensor", "pipeline", "data", "expert"}
    assert answer["memory_gb_per_gpu"] < 80
    assert answer["checkpoint"]["gigabytes"] == 980
    assert [mark["is_reached"] for mark in answer["ai_act_marks"]] == [True, True, False]
    assert answer["assumptions"]


def test_people_get_words(capsys):
    code, printed = run(capsys, "--params", "7e9", "--tokens", "1e12", "--machine", "jupiter")
    assert code == ExitCode.OK
    for words in ("GPU-hours", "tensor 1 × pipeline 1", "every", "AI Act", "fast-lane", "PUE"):
        assert words in printed.out


def test_experts_are_shown(capsys):
    asked = ["--params", "671B", "--active-params", "37B", "--tokens", "15T", "--gpu", "h200"]
    _, printed = run(capsys, *asked, "--precision", "fp8")
    assert "experts over" in printed.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--params", "70 bananas", "--tokens", "1T", "--gpu", "h100"], 1, "Write it like 70e9"),
        (["--params", "0", "--tokens", "1T", "--gpu", "h100"], 1, "not between 1 and 10^15"),
        (["--params=-7B", "--tokens", "1T", "--gpu", "h100"], 1, "not between 1 and"),
        (["--params", "1e99", "--tokens", "1T", "--gpu", "h100"], 1, "not between 1 and"),
        (["--params", "7B", "--tokens", "1T", "--gpu", "h1000"], 3, "Did you mean h100?"),
        (["--params", "7B", "--tokens", "1T", "--machine", "jupitre"], 3, "Did you mean jupiter?"),
        ([*LARGE, "--gpu", "h100", "--machine", "jupiter", "--gpus", "30000"], 1, "23752"),
        ([*LARGE], 1, "Name a GPU"),
        ([*LARGE, "--gpu", "h100", "--gpus", "1e9"], 1, "not between 1 and 10^6"),
        ([*LARGE, "--gpu", "h100", "--gpus", "4"], 1, "Give at least 16"),
        ([*LARGE, "--machine", "jupiter", "--gpus", "30000"], 1, "Give at most 23752"),
        ([*LARGE, "--gpu", "a100", "--precision", "fp8"], 1, "does not compute in FP8"),
        ([*LARGE, "--active-params", "80B", "--gpu", "h100"], 1, "more parameters"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(capsys, arguments, code, words):
    ended, printed = run(capsys, *arguments)
    assert ended == code
    assert words in printed.err
    assert printed.out == ""


def test_germans_get_german(capsys):
    code = cli.run(["--language", "de", "plan-training", *LARGE, "--machine", "jupiter"])
    printed = capsys.readouterr().out
    assert code == ExitCode.OK
    for words in ("GPU-Stunden", " bis ", "Speicher einer GPU", "erreicht", "Zugangsart", ".000 "):
        assert words in printed
    assert " to " not in printed.splitlines()[1]
