"""Clients that race and clients that are killed leave a whole ledger, on both databases."""

import pytest

from tests.trials import BOTH, trial_of

ROUNDS = 25
KILLS = 200


@pytest.fixture(params=BOTH)
def run_trial(request, tmp_path):
    return trial_of(request, tmp_path, "tests.storage.ledger_trials")


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
