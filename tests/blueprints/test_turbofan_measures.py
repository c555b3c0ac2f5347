"""The measures of the turbofan blueprint against published definitions and cases done by hand."""

import numpy as np
import pytest

from tests.blueprints.labs import load_module

evaluate = load_module("turbofan", "evaluate")


def test_the_nasa_score_punishes_too_long_a_life_more_than_too_short_a_one():
    # Saxena et al. 2008: exp(d / 10) - 1 for d late, exp(-d / 13) - 1 for d early.
    truth = np.array([50.0])
    assert evaluate.nasa_score(truth, truth + 10) == pytest.approx(np.e - 1)
    assert evaluate.nasa_score(truth, truth - 13) == pytest.approx(np.e - 1)
    assert evaluate.nasa_score(np.zeros(3), np.array([0.0, 20.0, -26.0])) == pytest.approx(
        2 * (np.e**2 - 1)
    )


def test_rmse_and_mean_error_are_in_cycles():
    truth, said = np.array([10.0, 20.0]), np.array([13.0, 24.0])
    assert evaluate.rmse(truth, said) == pytest.approx(np.sqrt(12.5))
    assert evaluate.mean_error(truth, said) == 3.5


def test_resampled_engines_give_the_interval_of_the_mean():
    dice = np.random.default_rng(1)
    truth = dice.normal(60, 10, size=400)
    rows = evaluate.measure_all(truth, truth + dice.normal(0, 10, size=400), seed=1)
    # The mean of 400 errors of 10 cycles is known to about 1.96 × 10 / √400.
    width = rows["mean_error_cycles"]["high"] - rows["mean_error_cycles"]["low"]
    assert width == pytest.approx(2 * 1.96 * 0.5, rel=0.15)


def test_intervals_hold_the_wanted_share_of_new_errors():
    dice = np.random.default_rng(2)
    spread = dice.uniform(1, 20, size=8000)
    truth = 100 + spread * dice.standard_t(4, size=8000)  # errors of a shape nobody assumed
    said = np.full(8000, 100.0)
    factors = evaluate.fit_interval(truth[:4000], said[:4000], spread[:4000])
    low, high = evaluate.predict_interval(said[4000:], spread[4000:], factors, cap=1000)
    assert evaluate.coverage(truth[4000:], low, high, 1000) == pytest.approx(0.9, abs=0.02)


def test_an_interval_that_reaches_the_cap_has_no_upper_end():
    truth, low, high = np.array([200.0, 200.0, 90.0]), np.full(3, 95.0), np.array([125, 110, 125])
    assert evaluate.coverage(truth, low, high, 125) == pytest.approx(1 / 3)


def test_the_stability_index_of_a_case_done_by_hand():
    reference, new = np.arange(10.0).repeat(1000), np.arange(5.0).repeat(2000)
    # Ten bins of a tenth each; new values double in five of them and leave the others empty.
    expected = 5 * 0.1 * np.log(2) + 5 * 0.1 * np.log(0.1 / (0.5 / 10_005))
    assert evaluate.stability_index(reference, new) == pytest.approx(expected, rel=0.01)
    assert evaluate.stability_index(reference, reference) == 0
    assert [evaluate.verdict(value) for value in (0.05, 0.2, 0.3)] == ["stable", "slight", "large"]


def test_windows_hold_the_flights_up_to_a_record_and_never_another_engine():
    engines = load_module("turbofan", "engines")
    records = np.zeros((7, 26))
    records[:, 0] = [1, 1, 1, 1, 2, 2, 2]
    records[:, 1] = [1, 2, 3, 4, 1, 2, 3]
    records[:, 6] = np.arange(7)  # sensor 2, the first that is kept
    fleet = engines.Fleet(records, mean=0, scale=1, window=3, remaining_at_end=[10, 20])
    assert fleet.windows(np.array([3, 4]))[:, 0].tolist() == [[1, 2, 3], [4, 4, 4]]
    assert fleet.remaining.tolist() == [13, 12, 11, 10, 22, 21, 20]
    assert fleet.last_records().tolist() == [3, 6]
