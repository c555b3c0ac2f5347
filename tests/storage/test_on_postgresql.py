"""What holds on SQLite holds on PostgreSQL: the same tests, run once more against a server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trials import IS_LONG

PROJECT = Path(__file__).resolve().parents[2]
# Test files that speak to whichever database they are given: first about the ledger.
LEDGER_TEST_FILES = (
    "tests/storage/test_ledger.py",
    "tests/services/test_ledger.py",
    "tests/services/test_ledger_model.py",
    "tests/services/test_allocations.py",
    "tests/services/test_quotas.py",
    "tests/services/test_burn_downs.py",
)
# The cycle of jobs, with its locks.
JOB_TEST_FILES = ("tests/services/test_cycle.py",)
# From the application to the award, with their races.
ACCESS_TEST_FILES = (
    "tests/services/test_applications.py",
    "tests/services/test_awards.py",
)
# What stands in nobody's group above and locks rows, or counts on them.
OTHER_TEST_FILES = (
    "tests/services/test_preemption.py",
    "tests/services/test_mail.py",
    "tests/services/test_changes.py",
    "tests/storage/test_audit.py",
)
# What the office reads.
OFFICE_TEST_FILES = (
    "tests/services/test_programme_figures.py",
    "tests/services/test_worklists.py",
)
# What clusters account for.
USAGE_TEST_FILES = (
    "tests/services/test_usage.py",
    "tests/services/test_usage_collecting.py",
    "tests/services/test_usage_of_attempts.py",
)
# These wait for nothing, and no lock decides them: on demand.
REST_TEST_FILES = (
    "tests/services/test_models.py",
    "tests/services/test_jobs.py",
    "tests/services/test_dependencies.py",
    "tests/services/test_usage_model.py",
    "tests/services/test_cycle_broken_jobs.py",
    "tests/services/test_expert_reviews.py",
    "tests/services/test_panels.py",
    "tests/services/test_appeals.py",
    "tests/services/test_reports.py",
    "tests/services/test_mergers.py",
)
# Each group makes all tables once.
GROUPS = {
    "ledger": LEDGER_TEST_FILES + ACCESS_TEST_FILES,
    "jobs": JOB_TEST_FILES + USAGE_TEST_FILES,
    "others": OTHER_TEST_FILES + OFFICE_TEST_FILES,
} | ({"rest": REST_TEST_FILES} if IS_LONG else {})

# On so few rows PostgreSQL rightly reads the table, so the question about indexes is SQLite's.
SQLITE_ONLY = "test_hold_and_pair_questions_are_answered_by_their_indexes"


@pytest.mark.slow
@pytest.mark.first
@pytest.mark.postgresql
@pytest.mark.parametrize("files", GROUPS.values(), ids=GROUPS)
def test_it_passes_on_postgresql_too(postgresql_url, tmp_path, files):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-k", f"not {SQLITE_ONLY}", *files],
        cwd=PROJECT,
        env={
            **os.environ,
            "ALLMENDE_DATABASE_URL": postgresql_url,
            "ALLMENDE_TEST_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.mark.postgresql
def test_of_two_deeds_that_wait_for_each_other_both_come_to_an_end(empty_postgresql_url, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.deadlock_trial"],
        cwd=PROJECT,
        env={
            **os.environ,
            "ALLMENDE_DATABASE_URL": empty_postgresql_url,
            "ALLMENDE_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    tries = json.loads(done.stdout)
    assert sum(tries.values()) > len(tries)  # one had to be run again
