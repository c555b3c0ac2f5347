"""Figures and the data of a year, as the office types it."""

import hashlib
import json

import pytest

from allmende import cli
from tests.services.access import awarded, founder, officer, open_playground

pytestmark = pytest.mark.django_db


@pytest.fixture
def allmende(capsys):
    def type_in(*words: str, expect: int = 0):
        code = cli.run(["--as", officer().id, "programme", *words])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return printed.out or printed.err

    return type_in


@pytest.fixture
def award():
    open_playground()
    return awarded(*founder())


def test_figures_are_told_to_people_and_to_programs(allmende, award):
    (funnel,) = json.loads(allmende("funnel", "2026", "--json"))
    assert (funnel["submitted"], funnel["awarded"], funnel["refused"]) == (1, 1, 0)
    assert "werkbank-playground-2026" in allmende("funnel", "2026-11")
    (times,) = json.loads(allmende("times", "2026", "--json"))
    assert (times["decided"], times["in_time"], times["late"]) == (1, 1, [])
    (hours,) = json.loads(allmende("hours", "2026", "--by", "country", "--json"))
    assert (hours["country"], hours["granted_hours"], hours["unit"]) == ("DE", "4", "node-h")
    assert "small" in allmende("hours", "2026")
    assert "Give a year" in allmende("funnel", "soon", expect=1)


def test_the_public_is_told_nothing_of_one(allmende, award):
    assert "not one" in allmende("public", "2026", expect=1)
    assert "without naming somebody" in allmende("public", "2025-Q4")
    assert json.loads(allmende("public", "2025-Q4", "--json"))[0]["name"] == "submitted"


def test_the_data_of_a_year_goes_into_a_new_folder(allmende, award, tmp_path):
    folder = tmp_path / "year"
    assert "1 rows of hours" in allmende("year", "2026", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, described in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == described["sha256"]
    assert "not empty" in allmende("year", "2026", str(folder), expect=1)
    assert json.loads(allmende("year", "2026", "--json"))["manifest"]["year"] == 2026
    assert "werkbank" in allmende("year", "2026")
