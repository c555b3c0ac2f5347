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
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_clients_that_append_at_once_make_one_unbroken_chain(database, request, tmp_path):
    url = request.getfixturevalue("empty_postgresql_url") if database == "postgresql" else ""
    done = run("tests.storage.audit_trials", str(EVENTS), home=tmp_path, url=url)
    assert done.returncode == 0, done.stderr[-4000:]
    kept = 4 * EVENTS * 4 // 5  # every fifth deed fails and leaves nothing
    assert json.loads(done.stdout) == {
        "exits": [0, 0, 0, 0],
        "events": kept,
        "subjects": kept,
        "findings": [],
    }


@pytest.mark.slow
@pytest.mark.postgresql
def test_audit_and_evidence_pass_on_postgresql(postgresql_url, tmp_path):
    done = run("pytest", *TEST_FILES, home=tmp_path, url=postgresql_url)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
