"""A client killed while it takes usage in loses nothing and charges nothing twice."""

import pytest

from tests.postgresql import empty_postgresql_url, postgresql_url
from tests.trials import SHARED, trial_of

__all__ = ["empty_postgresql_url", "postgresql_url"]
KILLS = 40


@pytest.fixture(params=SHARED)
def run_trial(request, tmp_path):
    return trial_of(request, tmp_path, "tests.services.usage_trials")


@pytest.mark.slow
def test_a_client_killed_at_random_points_charges_every_record_once(run_trial):
    seen = run_trial("kill", KILLS)
    assert seen["findings"] == []
    assert (seen["halves"], seen["lost"], seen["wrong"]) == (0, 0, 0)
    assert 0 < seen["batches"] < KILLS * 8  # it worked, and was killed at it
