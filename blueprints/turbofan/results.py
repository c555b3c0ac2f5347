"""What a run reports: the official test beside baselines and published figures, and drift."""

from dataclasses import dataclass

import numpy as np
from engines import SENSORS
from evaluate import (
    COVERAGE,
    coverage,
    fit_interval,
    measure_all,
    nasa_score,
    predict_interval,
    rmse,
    stability_index,
    verdict,
)

RIDGE = 1.0
# On the 100 test engines of FD001, as later papers quote them (checked on 2026-11-26, README); some
# cap the true lives of test engines, too, which makes the error smaller: see `capped_truth`.
PUBLISHED = (
    ("Convolutional network, Sateesh Babu et al. 2016", 18.45, 1290),
    ("Deep LSTM, Zheng et al. 2017", 16.14, 338),
    ("Deep convolutional network, Li, Ding and Sun 2018", 12.61, 274),
)


@dataclass(frozen=True, kw_only=True)
class Results:
    """The files' contents, and what the model file keeps of them."""

    metrics: dict
    predictions: str
    drift: str
    summary: str
    factors: tuple


class Linear:
    """Baseline: ridge regression on the last flight and on the mean of the window."""

    def __init__(self, fleet, cap):
        self.cap = cap
        records = np.arange(len(fleet.engine))
        x, y = self._features(fleet, records), np.minimum(fleet.remaining, cap)
        square = x.T @ x + RIDGE * np.eye(x.shape[1])
        self.weights = np.linalg.solve(square, x.T @ y)

    def predict(self, fleet, records):
        """Return the remaining life, in cycles."""
        return np.clip(self._features(fleet, records) @ self.weights, 0, self.cap)

    def _features(self, fleet, records):
        windows = fleet.windows(records).astype(float)
        ones = np.ones((len(records), 1))
        return np.concatenate([windows[..., -1], windows.mean(axis=-1), ones], axis=1)


def evaluate_all(run, data, unseen):
    """Return everything that is said about the model; `unseen` are life and spread at the cuts."""
    cap, seed = run.options["cap_cycles"], run.options["split_seed"]
    known = np.minimum(data.fleet.remaining[data.cuts], cap)
    factors = fit_interval(known, *unseen)
    ends = data.test.last_records()
    truth, (said, spread) = data.test.remaining[ends], mean_answers(run, data.test)
    low, high = predict_interval(said, spread, factors, cap)
    linear = Linear(data.fleet, cap)
    beside = linear.predict(data.test, ends)
    constant = np.full(len(truth), known.mean())
    drift = drift_rows(data)
    metrics = {
        "test_records": len(truth),
        "model": measure_all(truth, said, seed=seed),
        "baseline": {
            "name": "linear regression on the last flight and the mean of the window",
            **measure_all(truth, beside, seed=seed),
        },
        "constant": {"name": "the same life for every engine, the mean of the training engines"}
        | measure_all(truth, constant, seed=seed),
        "capped_truth": {
            "note": f"true lives above {cap} counted as {cap}, as some papers do",
            "model": measure_all(np.minimum(truth, cap), said, seed=seed),
            "baseline": measure_all(np.minimum(truth, cap), beside, seed=seed),
        },
        "published": [
            {"name": name, "rmse_cycles": error, "nasa_score": score}
            for name, error, score in PUBLISHED
        ],
        "prediction_interval": {
            "wanted": COVERAGE,
            "chosen_on": "training engines cut at random, each by the network that never saw it",
            "covered": coverage(truth, low, high, cap),
            "mean_width_cycles": float(np.mean(high - low)),
        },
        "development": {
            "engines": data.fleet.engines,
            "cuts": len(known),
            "rmse_cycles": rmse(known, unseen[0]),
        },
        "drift": {"sentence": drift_sentence(drift), "rows": drift},
    }
    if data.other is not None:
        metrics["other_fleet"] = evaluate_other(run, data, linear=linear, factors=factors)
    return Results(
        metrics=metrics,
        predictions=render_predictions(truth, said, low=low, high=high),
        drift=render_drift(drift),
        summary=summarise(metrics),
        factors=factors,
    )


def mean_answers(run, fleet):
    """Return life and spread at the last flight of each engine, as the whole ensemble says."""
    life, spread = run.answers(fleet, fleet.last_records())
    return life.mean(axis=0), spread.mean(axis=0)


def evaluate_other(run, data, *, linear, factors):
    """Return how much worse it is for engines that may fail in a second way (FD003)."""
    ends, cap = data.other.last_records(), run.options["cap_cycles"]
    truth, (said, spread) = data.other.remaining[ends], mean_answers(run, data.other)
    low, high = predict_interval(said, spread, factors, cap)
    beside = linear.predict(data.other, ends)
    return {
        "name": "test engines of FD003: a second kind of fault, never trained on",
        "rmse_cycles": rmse(truth, said),
        "nasa_score": nasa_score(truth, said),
        "baseline_rmse_cycles": rmse(truth, beside),
        "covered": coverage(truth, low, high, cap),
    }


def drift_rows(data):
    """Return the stability index of each sensor: the training engines against new ones.

    Training engines are looked at up to random cuts, as new ones are: without their last flights.
    """
    before = sensors_before(data.fleet, data.checks)
    fleets = {"test": data.test, "other_fleet": data.other}
    rows = []
    for column, (number, name) in enumerate(SENSORS.items()):
        row = {"sensor": number, "name": name}
        for key, fleet in fleets.items():
            if fleet is not None:
                new = fleet.windows(np.arange(len(fleet.engine)))[:, column, -1]
                index = stability_index(before[:, column], new)
                row |= {key: round(index, 4), f"{key}_reads": verdict(index)}
        rows.append(row)
    return rows


def sensors_before(fleet, cuts):
    """Return the sensors of all flights up to the cut of each engine."""
    cut_of_engine = np.zeros(fleet.engines, dtype=int)
    cut_of_engine[fleet.engine[cuts]] = cuts
    records = np.arange(len(fleet.engine))
    return fleet.windows(records[records <= cut_of_engine[fleet.engine]])[..., -1]


def drift_sentence(rows):
    """Return the drift report in words."""
    parts = []
    for key, name in (("test", "the test engines"), ("other_fleet", "the fleet FD003")):
        if key in rows[0]:
            large = [str(row["sensor"]) for row in rows if row[f"{key}_reads"] == "large"]
            slight = [str(row["sensor"]) for row in rows if row[f"{key}_reads"] == "slight"]
            said = f"In {name} {len(large)} of {len(rows)} sensors have drifted much"
            said += f" ({', '.join(large)})" if large else ""
            said += f" and {len(slight)} slightly"
            said += f" ({', '.join(slight)})." if slight else "."
            parts.append(said)
    return " ".join(parts)


def render_drift(rows):
    """Return the drift table as CSV."""
    keys = list(rows[0])
    lines = [",".join(keys)] + [",".join(str(row[key]) for key in keys) for row in rows]
    return "\n".join(lines) + "\n"


def render_predictions(truth, said, *, low, high):
    """Return what was said about each test engine, as CSV; engines are no persons."""
    lines = ["engine,true_cycles,said_cycles,low_cycles,high_cycles"]
    for number, row in enumerate(zip(truth, said, low, high, strict=True), start=1):
        lines.append(f"{number},{row[0]:.0f}," + ",".join(f"{value:.1f}" for value in row[1:]))
    return "\n".join(lines) + "\n"


def summarise(metrics):
    """Return what the log says at the end."""
    lines = []
    for who in ("model", "baseline", "constant"):
        for name in ("rmse_cycles", "nasa_score"):
            row = metrics[who][name]
            lines.append(
                f"{who} {name}: {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
            )
    interval = metrics["prediction_interval"]
    lines.append(f"intervals cover {interval['covered']:.0%}, wanted {interval['wanted']:.0%}")
    return "\n".join([*lines, metrics["drift"]["sentence"]])
