"""Officers who race pass no ceiling, and officers who are killed leave nothing half done."""

import pytest

from tests.postgresql import empty_postgresql_url, postgresql_url
from tests.trials import BOTH, trial_of

__all__ = ["empty_postgresql_url", "postgresql_url"]

HOUR = 3600
ROUNDS = 5
KILLS = 20


@pytest.fixture(params=BOTH)
def run_trial(request, tmp_path):
    return trial_of(request, tmp_path, "tests.services.limit_trials")


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
