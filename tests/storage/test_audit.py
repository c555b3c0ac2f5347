"""Many append to one chain at once, on both databases, and it stays one chain."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
EVENTS = 50
# Test files about audit and evidence that speak to whichever database they are given.
TEST_FILES = ("tests/services/test_audit.py", "tests/services/test_evidence.py")


def run(*arguments: str, home: Path, url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    environment |= {"ALLMENDE_HOME": str(home), "ALLMENDE_TEST_HOME": str(home)}
    environment.pop("ALLMENDE_DATABASE_URL", None)
    environment |= {"ALLMENDE_DATABASE_URL": url} if url else {}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def run_trial(request, tmp_path):
    """Return a function that runs a trial in a database of its own."""
    is_server = request.param == "postgresql"
    url = request.getfixturevalue("empty_postgresql_url") if is_server else ""

    def run_one(trial: str, count: int) -> dict:
        done = run("tests.storage.audit_trials", trial, str(count), home=tmp_path, url=url)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return run_one


@pytest.mark.slow
def test_clients_that_append_at_once_make_one_unbroken_chain(run_trial):
    kept = 4 * EVENTS * 4 // 5  # every fifth deed fails and leaves nothing
    assert run_trial("race", EVENTS) == {
        "exits": [0, 0, 0, 0],
        "events": kept,
        "subjects": kept,
        "findings": [],
    }


@pytest.mark.slow
def test_a_snapshot_sees_one_instant_and_keeps_nobody_from_writing(run_trial):
    assert run_trial("read", 5) == {"seen": [1, 1], "exit": 0, "after": 5}


@pytest.mark.slow
@pytest.mark.postgresql
def test_audit_and_evidence_pass_on_postgresql(postgresql_url, tmp_path):
    done = run("pytest", *TEST_FILES, home=tmp_path, url=postgresql_url)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
