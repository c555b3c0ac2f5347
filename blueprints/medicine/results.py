"""What a run reports: the held-out test beside a baseline, for whom it is worse, and what it is
worth to act on it. A private run reports nothing that was computed from the records in training.
"""

import platform
from dataclasses import dataclass

import numpy as np
import safetensors
import sklearn
from cases import TUMOUR_SIZE
from evaluate import (
    auroc,
    balanced_accuracy,
    calibration_table,
    decision_curve,
    expected_calibration_error,
    measure_all,
    report_calibration,
    sensitivity,
    specificity,
    subgroup_table,
    threshold_for_specificity,
)
from network import forward, sigmoid
from sklearn.linear_model import LogisticRegression

LARGEST = "worst radius"


@dataclass(frozen=True, kw_only=True)
class Use:
    """How logits become probabilities, and from which one on a case is called malignant."""

    slope: float
    offset: float
    threshold: float
    chosen_on: str

    def probabilities(self, logits):
        """Return the probability of malignancy."""
        return sigmoid(self.slope * logits + self.offset)


def unseen_logits(weights, data):
    """Return for each development record the logit of the one member that never saw it."""
    _, logits = forward(weights, data.x[None])
    return logits[data.fold_of, np.arange(len(data.y))]


def choose_use(run, data):
    """Calibrate (Platt 1999) on records that a network has not seen; a private run has none."""
    if run.privacy:
        return Use(slope=1.0, offset=0.0, threshold=0.5, chosen_on="fixed before the training")
    unseen = unseen_logits(run.weights, data)
    fit = LogisticRegression(C=1e3).fit(unseen[:, None], data.y)
    slope, offset = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    return Use(
        slope=slope,
        offset=offset,
        threshold=threshold_for_specificity(data.y, sigmoid(slope * unseen + offset), 0.95),
        chosen_on="development records, each scored by the network that never saw it",
    )


def baseline_of(run, data):
    """Return the name of the baseline and what it says about the held-out records.

    Beside a private run stands one that learned nothing from the records either.
    """
    if run.privacy:
        largest = data.test_x[:, data.feature_names.index(LARGEST)]
        return f"no training: 1 / (1 + exp(-3 z)), z the scaled {LARGEST}", sigmoid(3.0 * largest)
    fit = LogisticRegression(max_iter=1000).fit(data.x, data.y)
    name = "logistic regression (scikit-learn), same split"
    return name, fit.predict_proba(data.test_x)[:, 1]


def evaluate_all(run, data, use):
    """Return everything that is said about the model on the held-out records."""
    _, logits = forward(run.weights, data.test_x[None])
    truth, said = data.test_y, use.probabilities(logits.mean(axis=0)).astype(float)
    name, beside = baseline_of(run, data)
    decisions, seed = said >= use.threshold, run.options["split_seed"]
    metrics = {
        "test_records": len(truth),
        "model": measure_all(truth, said, seed=seed),
        "baseline": {"name": name, **measure_all(truth, beside, seed=seed)},
        "operating_point": {
            "chosen_on": use.chosen_on,
            "threshold": use.threshold,
            "sensitivity": sensitivity(truth, decisions),
            "specificity": specificity(truth, decisions),
        },
        "subgroups": {
            "by": TUMOUR_SIZE,
            "cuts": [float(cut) for cut in data.size_cuts],
            "rows": subgroup_table(
                truth, said, sizes=data.test_sizes, cuts=data.size_cuts, threshold=use.threshold
            ),
        },
        "tables": [
            {
                "title": "Calibration",
                "note": "What the model says and how often it is so, on the held-out records.",
                "rows": report_calibration(calibration_table(truth, said)),
            },
            {
                "title": "Decision curve",
                "note": "Net benefit of acting from a threshold probability on, beside acting on "
                "everybody; acting on nobody is 0 (Vickers & Elkin 2006). Higher is better.",
                "rows": decision_curve(truth, said, beside, seed=seed),
            },
        ],
    }
    if not run.privacy:
        metrics["development"] = measure_development(run, data, use)
    return metrics


def measure_development(run, data, use):
    """Return how good it is on records of the development, by networks that never saw them."""
    unseen = unseen_logits(run.weights, data)
    said = use.probabilities(unseen)
    return {
        "records": len(data.y),
        "auroc": auroc(data.y, unseen),
        "balanced_accuracy": balanced_accuracy(data.y, said),
        "expected_calibration_error": expected_calibration_error(data.y, said),
    }


def facts(run, data, blueprint):
    """Return what only the training code knows, for the model card and the training record."""
    steps, options = run.options["steps"], run.options
    told = {
        "architecture": blueprint["architecture"],
        "parameters": sum(value.size for value in run.weights.values()),
        "params": options,
        "seed": options["seed"],
        "samples": steps * options["batch_size"] * options["folds"],
        "records_development": len(data.y),
        "records_test": len(data.test_y),
        "features": data.feature_names,
        "flop_useful": run.flop(steps),
        "flop_executed": run.flop(steps + run.steps_redone),
        "flop_method": "architecture: 6 × weights × samples",
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [
            {
                "name": blueprint["data"][0]["name"],
                "sha256": data.sha256,
                "bytes": data.records * 31 * 8,
            }
        ],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "safetensors": safetensors.__version__,
        },
    }
    if run.privacy:
        told["architecture"] += "; trained with noise, without cross-validation"
        told["flop_method"] += ", as many as Poisson sampling is expected to take"
        told["privacy"] = run.privacy.facts(steps)
    return told
