"""The measures of the medicine blueprint against cases done by hand."""

import importlib.util
from types import ModuleType

import numpy as np
import pytest

from allmende.wiring.blueprints import blueprint_folder

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SCORES = np.array([0.1, 0.2, 0.2, 0.8, 0.2, 0.7, 0.9, 1.0])


def load_measures() -> ModuleType:
    """Return evaluate.py of the blueprint, which is no package of the platform."""
    path = blueprint_folder("medicine") / "evaluate.py"
    spec = importlib.util.spec_from_file_location("medicine_evaluate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


evaluate = load_measures()


def test_auroc_counts_pairs_and_halves_ties():
    malignant, benign = SCORES[LABELS == 1], SCORES[LABELS == 0]
    pairs = [(p > n) + 0.5 * (p == n) for p in malignant for n in benign]
    assert evaluate.auroc(LABELS, SCORES) == pytest.approx(np.mean(pairs))


def test_one_class_alone_has_no_auroc():
    assert np.isnan(evaluate.auroc(np.ones(3), np.arange(3.0)))


def test_brier_is_the_mean_square():
    assert evaluate.brier(np.array([0, 1]), np.array([0.5, 1.0])) == 0.125


def test_balanced_accuracy_is_the_mean_of_both_sides():
    assert evaluate.balanced_accuracy(LABELS, SCORES) == 0.75


def test_the_threshold_leaves_enough_benign_cases_alone():
    threshold = evaluate.threshold_for_specificity(LABELS, SCORES, 0.75)
    assert evaluate.specificity(LABELS, threshold <= SCORES) == 0.75
    assert evaluate.sensitivity(LABELS, threshold <= SCORES) == 0.75


def test_sensitivity_at_95_specificity_lets_no_benign_case_of_four_pass():
    assert evaluate.sensitivity_at_95_specificity(LABELS, SCORES) == 0.5


def test_one_class_alone_has_no_sensitivity_at_a_specificity():
    assert np.isnan(evaluate.sensitivity_at_95_specificity(np.ones(3), np.arange(3.0)))


def test_calibration_error_weighs_bins_by_cases():
    labels, said = np.array([0, 0, 1, 1]), np.array([0.05, 0.05, 0.05, 0.95])
    # Three cases at 0.05 of which one is malignant, one at 0.95 that is.
    expected = 0.75 * (1 / 3 - 0.05) + 0.25 * 0.05
    assert evaluate.expected_calibration_error(labels, said) == pytest.approx(expected)


def test_a_bin_of_fewer_than_five_cases_gives_no_figures():
    rows = [(0.0, 0.1, 5, 0.05, 0.2), (0.9, 1.0, 4, 0.95, 1.0)]
    assert evaluate.render_table(evaluate.report_calibration(rows)).splitlines() == [
        "probability,cases,mean_probability,share_malignant",
        "0.0–0.1,5,0.05,0.2",
        "0.9–1.0,<5,,",
    ]


def test_net_benefit_weighs_false_alarms_by_the_odds_of_the_threshold():
    # At 0.2: four malignant and one benign case (0.8) of eight are acted on, and two more at 0.2.
    assert evaluate.net_benefit(LABELS, SCORES, 0.2) == pytest.approx(4 / 8 - 3 / 8 * 0.2 / 0.8)
    assert evaluate.net_benefit(LABELS, SCORES, 0.75) == pytest.approx(2 / 8 - 1 / 8 * 3)


def test_acting_on_everybody_is_worth_the_prevalence_less_the_odds_of_the_others():
    rows = evaluate.decision_curve(LABELS, SCORES, LABELS, seed=1, resamples=20)
    for row in rows:
        odds = row["threshold"] / (1 - row["threshold"])
        assert row["everybody"] == pytest.approx(0.5 - 0.5 * odds, abs=1e-4)
        assert row["baseline"] == 0.5  # who knows the truth finds all and alarms nobody else


def test_a_group_of_fewer_than_five_gives_no_figures():
    rows = evaluate.subgroup_table(
        LABELS, SCORES, sizes=np.array([1, 1, 1, 1, 1, 9, 9, 9]), cuts=[3, 5], threshold=0.5
    )
    assert rows[0] == {
        "group": "small",
        "cases": 5,
        "malignant": None,
        "auroc": None,
        "brier": pytest.approx(0.274),
        "sensitivity": None,
        "specificity": None,
    }
    assert [set(row.values()) for row in rows[1:]] == [{"middle", None}, {"large", None}]


def test_intervals_hold_the_value_and_repeat_with_the_seed():
    first = evaluate.measure_all(LABELS, SCORES, seed=1, resamples=50)
    assert first == evaluate.measure_all(LABELS, SCORES, seed=1, resamples=50)
    assert all(row["low"] <= row["value"] <= row["high"] for row in first.values())
