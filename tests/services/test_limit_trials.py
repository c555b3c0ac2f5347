"""Officers who race pass no ceiling, and officers who are killed leave nothing half done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import empty_postgresql_url, postgresql_url

__all__ = ["empty_postgresql_url", "postgresql_url"]

PROJECT = Path(__file__).resolve().parents[2]
HOUR = 3600
ROUNDS = 5
KILLS = 20


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def run_trial(request, tmp_path):
    """Return a function that runs a trial in a database of its own."""
    environment = {**os.environ, "ALLMENDE_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT / "src")}
    environment.pop("ALLMENDE_DATABASE_URL", None)
    if request.param == "postgresql":
        environment["ALLMENDE_DATABASE_URL"] = request.getfixturevalue("empty_postgresql_url")

    def run(trial: str, count: int) -> dict:
        done = subprocess.run(
            [sys.executable, "-m", "tests.services.limit_trials", trial, str(count)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return run


@pytest.mark.slow
def test_officers_who_race_pass_no_ceiling(run_trial):
    seen = run_trial("race", ROUNDS)
    assert seen["endings"] == [
        ["aid", "CeilingWouldBePassed", 3 * ROUNDS - 5],
        ["aid", "awarded", 5],
        ["machine", "ShareCeilingWouldBePassed", 3 * ROUNDS - 7],
        ["machine", "awarded", 7],
    ]
    assert (seen["left"], seen["aid_cents"]) == (0, 5 * 4 * 200)
    assert seen["is_clean"]


@pytest.mark.slow
def test_an_award_killed_at_any_point_can_be_repeated_and_doubles_nothing(run_trial):
    seen = run_trial("kill", KILLS)
    assert seen["killed"] > 0
    assert seen["awards"] == seen["wanted"] == seen["projects"] == 2 * KILLS
    assert (seen["entries"], seen["booked"], seen["is_clean"]) == (True, True, True)
    assert seen["aid_cents"] == 2 * KILLS * 4 * 200
