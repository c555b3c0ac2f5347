"""Two daemons at once, clients with the same keys, cancellations: on SQLite and on PostgreSQL."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import empty_postgresql_url, postgresql_url

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = 12

__all__ = ["empty_postgresql_url", "postgresql_url"]


@pytest.mark.slow
def test_whoever_races_each_job_runs_once_and_every_second_is_accounted(tmp_path: Path):
    check_books(play(tmp_path, database_url=""))


@pytest.mark.slow
@pytest.mark.postgresql
def test_whoever_races_on_postgresql_too(tmp_path: Path, empty_postgresql_url: str):
    check_books(play(tmp_path, database_url=empty_postgresql_url))


def play(folder: Path, *, database_url: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tests.services.job_trials", str(folder), str(ROUNDS)],
        cwd=PROJECT,
        env={**os.environ, "ALLMENDE_HOME": str(folder), "ALLMENDE_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout)


def check_books(seen: dict) -> None:
    assert seen["answers"] == [[], [], [], []]
    assert seen["jobs"] == seen["keys"] == seen["rounds"]
    assert seen["unsettled"] == []
    assert seen["settlements"] == len(seen["attempts"])
    assert seen["is_ledger_clean"]
    assert seen["audit_findings"] == seen["held_seconds"] == 0
    assert set(seen["ran"].values()) <= {1}
    assert set(seen["completed"]) <= set(seen["ran"]) <= set(seen["attempts"])
