"""Calls and modes from files, as the office types it: the same checks, with line and key."""

import json
import re

import pytest

from allmende import cli
from allmende.domain.basics.people import Role
from tests.services.access import CALL_ID, officer, person

pytestmark = pytest.mark.django_db

MODE = """
[[modes]]
id = "playground"
names = { en = "Playground", de = "Playground" }
audience = { en = "SMEs", de = "KMU" }
routes = ["industrial_innovation"]
unit = "gpu_seconds"
size_max_hours = 100
durations_months = [1]
calendar = "always_open"
decision_working_days = 3
selection = "first_come"
valid_from = 2100-01-01
source = "The board, 2026"
checked_on = 2026-11-26
"""
CALL = """
[[calls]]
id = "spring"
names = { en = "Spring", de = "Frühling" }
descriptions = { en = "Time in spring.", de = "Zeit im Frühling." }
mode_id = "playground"
partition_id = "werkbank"
access_share = "union"
unit = "node_seconds"
size_max_hours = 100
durations_months = [1]
opens_at = 2100-01-01T00:00:00
decision_working_days = 3
terms = "spring.md"
"""


@pytest.fixture
def allmende(capsys):
    def type_in(*words: str, expect: int = 0):
        code = cli.run([*words, "--json"])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return json.loads(printed.out or printed.err)

    return type_in


@pytest.fixture
def files(tmp_path):
    (tmp_path / "terms").mkdir()
    (tmp_path / "terms/spring.md").write_text("# Nutzungsbedingungen\n")
    (tmp_path / "mode.toml").write_text(MODE)
    (tmp_path / "call.toml").write_text(CALL)
    return tmp_path


def test_a_version_is_added_from_a_file_and_a_call_opens_under_it(allmende, files):
    olga = officer()
    mode, call = str(files / "mode.toml"), str(files / "call.toml")
    for _ in range(2):
        allmende("--as", olga.id, "mode", "add", mode)
    (latest, shipped) = allmende("--as", olga.id, "mode", "show", "playground")
    assert (latest["mode"]["source"], latest["author"]) == ("The board, 2026", "officer")
    assert shipped["mode"]["valid_to"] == "2100-01-01"
    assert "decision_working_days" in {each["field"] for each in latest["changes"]}
    opened = allmende("--as", olga.id, "call", "open", "spring", "--from", call)
    assert opened["call"]["mode"]["decision_working_days"] == 3
    assert allmende("call", "show", "spring")["state"] == "scheduled"


def test_mistakes_name_line_and_key_and_more_than_one_row_is_refused(allmende, files):
    olga = officer()
    for name, words, wrong in (
        ("call.toml", ("call", "open", "spring", "--from"), "size_max_hours = 6_000"),
        ("mode.toml", ("mode", "add"), "durations_months = []"),
    ):
        path = files / name
        key = wrong.split(" = ")[0]
        path.write_text(re.sub(f"{key} = .*", wrong, path.read_text()))
        error = allmende("--as", olga.id, *words, str(path), expect=5)["error"]
        assert (error["facts"]["file"], error["facts"]["key"]) == (name, key)
    two = files / "two.toml"
    two.write_text(MODE + MODE.replace('"playground"', '"other"'))
    assert allmende("--as", olga.id, "mode", "add", str(two), expect=1)["error"]


def test_others_than_the_office_write_no_mode(files, allmende):
    ada = person("ada", Role.OPERATOR)
    answer = allmende("--as", ada.id, "mode", "add", str(files / "mode.toml"), expect=4)
    assert "write a new version" in answer["error"]["sentence"]


def test_rules_and_modes_of_any_day_are_for_everybody(allmende):
    olga = officer()
    allmende("--as", olga.id, "call", "open", CALL_ID)
    past, today = allmende("rules", "--on", "2025-06-01"), allmende("rules", "aid.")
    assert past["on"] == "2025-06-01"
    assert past["calls"] == []
    assert CALL_ID in {call["id"] for call in today["calls"]}
    ids = {mode["id"] for mode in allmende("mode", "list", "--on", "2025-06-01")}
    assert "ai-for-science" in ids
    assert "national-bridge" not in ids


def test_the_tables_are_readable(capsys):
    for words in (["mode", "list"], ["rules", "aid."], ["rules", "--on", "2020-01-01"]):
        assert cli.run(words) == 0
    assert "aid." in capsys.readouterr().out
