"""Clients that race and clients that are killed leave a whole ledger, on both databases."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = 25
KILLS = 200


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def run_trial(request, tmp_path):
    """Return a function that runs a trial in a database of its own."""
    environment = {**os.environ, "ALLMENDE_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT / "src")}
    environment.pop("ALLMENDE_DATABASE_URL", None)
    if request.param == "postgresql":
        environment["ALLMENDE_DATABASE_URL"] = request.getfixturevalue("empty_postgresql_url")

    def run(trial: str, count: int) -> dict:
        done = subprocess.run(
            [sys.executable, "-m", "tests.storage.ledger_trials", trial, str(count)],
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
def test_of_clients_that_race_one_wins_and_the_others_get_a_clear_refusal(run_trial):
    seen = run_trial("race", ROUNDS)
    assert seen["findings"] == []
    endings = seen["endings"]
    assert endings["same award"] == {"3 done": ROUNDS}
    assert endings["last hour"] == {"2 NotEnoughTime, 1 done": ROUNDS}
    assert endings["same hold"] == {"3 done": ROUNDS}
    assert endings["closing"] == {"2 HoldIsSettled, 1 done": ROUNDS}
    # The pool; and in each round two awards, the hold that won, the shared hold and its closing.
    assert seen["transfers"] == 1 + 5 * ROUNDS


@pytest.mark.slow
def test_clients_killed_at_random_points_leave_no_half_deed_and_lose_none(run_trial):
    seen = run_trial("kill", KILLS)
    assert seen["findings"] == []
    assert (seen["halves"], seen["lost"]) == (0, 0)
    assert seen["consumed_right"]
    assert seen["deeds"] > KILLS  # they did work before they were killed
