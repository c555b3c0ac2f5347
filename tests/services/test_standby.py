"""A standby leads in less than ten seconds, and no job starts twice, whatever befell the leader."""

import pytest

from tests.postgresql import empty_postgresql_url, postgresql_url
from tests.trials import SHARED, trial_of

__all__ = ["empty_postgresql_url", "postgresql_url"]
MOST_SECONDS = 10.0


@pytest.fixture(params=SHARED)
def trial(request, tmp_path):
    return trial_of(request, tmp_path, "tests.services.standby_trials")


@pytest.mark.slow
def test_a_leader_that_stalls_or_dies_is_replaced_in_time_and_every_job_starts_once(trial):
    seen = trial("lead", 1)
    assert min(max(gaps.values()) for gaps in seen["gaps"]) < MOST_SECONDS, seen["gaps"]
    assert seen["completed"] == seen["submitted"]
    assert seen["before_submission"] == []
    assert seen["attempts"] == [f"{job_id}.1" for job_id in seen["submitted"]]
    assert seen["ran"] == dict.fromkeys(seen["attempts"], 1)
    assert seen["settlements"] == len(seen["attempts"])
    assert seen["is_ledger_clean"]
    assert seen["audit_findings"] == 0


@pytest.mark.parametrize(
    "trial", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
def test_whoever_falls_silent_in_a_transaction_loses_it_and_keeps_nobody_waiting(trial):
    assert trial("stall", 1) == {"trouble": "DatabaseIsOutOfReach", "leads": True}
