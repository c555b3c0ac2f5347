"""What holds on SQLite holds on PostgreSQL: the same tests, run once more against a server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# Test files about the ledger that speak to whichever database they are given.
TEST_FILES = (
    "tests/storage/test_ledger.py",
    "tests/services/test_ledger.py",
    "tests/services/test_ledger_model.py",
    "tests/services/test_allocations.py",
)


@pytest.mark.slow
@pytest.mark.postgresql
def test_the_ledger_passes_on_postgresql(postgresql_url, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *TEST_FILES],
        cwd=PROJECT,
        env={
            **os.environ,
            "ALLMENDE_DATABASE_URL": postgresql_url,
            "ALLMENDE_TEST_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
