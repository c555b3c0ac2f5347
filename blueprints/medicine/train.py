"""Train a calibrated clinical classifier on the Wisconsin breast-cancer data.

Reads top to bottom: data, batches, run, loop, result. An ensemble of small networks, one per
cross-validation fold, is trained side by side; what each has not seen calibrates the whole.

    python train.py --steps=12000 --hidden_units=32        every option: blueprint.toml
"""

import hashlib
import json
import platform
import sys
from io import BytesIO

import numpy as np
import safetensors
import safetensors.numpy
import sklearn
from attempt import STOPPED_BEFORE_THE_END, Attempt
from evaluate import (
    auroc,
    balanced_accuracy,
    calibration_table,
    expected_calibration_error,
    measure_all,
    render_calibration,
    sensitivity,
    specificity,
    subgroup_table,
    threshold_for_specificity,
)
from network import Adam, forward, initial_weights, loss_and_gradients, sigmoid
from recipe import code_sha256, go_on, read_blueprint, read_options
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

BLUEPRINT = read_blueprint(__file__)
HELD_OUT = 0.3
TUMOUR_SIZE = "mean area"
REPORT_EVERY_STEPS = 50


class Data:
    """Standardised features and labels (1 = malignant): development records, held-out test."""

    def __init__(self, options):
        raw = load_breast_cancer()
        features, labels = raw.data, (raw.target == 0).astype(np.float32)
        self.sha256 = hashlib.sha256(raw.data.tobytes() + raw.target.tobytes()).hexdigest()
        self.records = len(labels)
        dice = np.random.default_rng(options["split_seed"])
        test = stratified_groups(labels, [HELD_OUT, 1 - HELD_OUT], dice) == 0
        self.mean = features[~test].mean(axis=0)
        self.scale = features[~test].std(axis=0)
        standard = ((features - self.mean) / self.scale).astype(np.float32)
        self.x, self.y = standard[~test], labels[~test]
        self.test_x, self.test_y = standard[test], labels[test]
        size = features[:, list(raw.feature_names).index(TUMOUR_SIZE)]
        self.test_sizes, self.size_cuts = size[test], np.quantile(size[~test], [1 / 3, 2 / 3])
        self.feature_names = [str(name) for name in raw.feature_names]
        folds = options["folds"]
        self.fold_of = stratified_groups(self.y, [1 / folds] * folds, dice)
        others = [np.flatnonzero(self.fold_of != fold) for fold in range(folds)]
        shortest = min(len(rows) for rows in others)
        self.rows_of_member = np.stack([rows[:shortest] for rows in others])


def stratified_groups(labels, shares, dice):
    """Deal every class to groups of the given shares; return the group of each record."""
    group = np.empty(len(labels), dtype=int)
    edges = np.cumsum(shares)[:-1]
    for label in (0, 1):
        rows = dice.permutation(np.flatnonzero(labels == label))
        for number, part in enumerate(np.split(rows, (edges * len(rows)).round().astype(int))):
            group[part] = number
    return group


class Batches:
    """Which records each member sees at a step: a pure function of seed and step.

    So a resumed run needs no saved position, and sees exactly what a straight run would.
    """

    def __init__(self, rows_of_member, options):
        self.rows, self.seed = rows_of_member, options["seed"]
        self.size = options["batch_size"]
        self.per_epoch = rows_of_member.shape[1] // self.size
        self._epoch, self._order = -1, None

    def at(self, step):
        """Return an array (members, batch) of record numbers."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            dice = np.random.default_rng([self.seed, 1, epoch])
            self._epoch, self._order = epoch, dice.permuted(self.rows, axis=1)
        return self._order[:, place * self.size : (place + 1) * self.size]


class Run:
    """Weights, optimiser and step: what a checkpoint keeps, and a resumed attempt gets back."""

    def __init__(self, options, data):
        self.options = options
        self.weights = initial_weights(options, data.x.shape[1])
        self.adam = Adam(self.weights, options)
        self.step = 0
        self.steps_redone = 0

    def flop(self, steps):
        """Return 6 × weights × samples for a number of steps: the formula of the blueprint."""
        weights = sum(value[0].size for value in self.weights.values())
        return 6 * weights * self.options["batch_size"] * self.options["folds"] * steps

    def resume(self, attempt):
        """Go on from the newest complete checkpoint, if there is one."""
        go_on(self, attempt, self._load, options=self.options)

    def _load(self, folder, state):
        self.weights = safetensors.numpy.load_file(folder / "model.safetensors")
        with np.load(folder / "optimizer.npz", allow_pickle=False) as kept:
            for name in self.weights:
                self.adam.mean[name] = kept[f"mean.{name}"]
                self.adam.square[name] = kept[f"square.{name}"]
        self.step = state["step"]

    def save(self, attempt, *, end):
        """Keep a checkpoint, and in it why the attempt ends, if it does."""
        moments = {f"mean.{name}": value for name, value in self.adam.mean.items()}
        moments |= {f"square.{name}": value for name, value in self.adam.square.items()}
        attempt.save(
            step=self.step,
            files={
                "model.safetensors": safetensors.numpy.save(self.weights),
                "optimizer.npz": npz_bytes(moments),
            },
            state={
                "end": end,
                "options": self.options,
                "seed": self.options["seed"],
                "flop": self.flop(self.step + self.steps_redone),
                "steps_redone": self.steps_redone,
            },
        )


def npz_bytes(arrays):
    """Return the arrays as the bytes of an npz file, without pickle."""
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def train(run, data, attempt):
    """Take all steps, saving now and then and when asked to stop; say if the end was reached."""
    batches, total = Batches(data.rows_of_member, run.options), run.options["steps"]
    loss = float("nan")
    while run.step < total:
        if run.step % REPORT_EVERY_STEPS == 0:
            report(run, data, attempt, loss)
        stops = attempt.is_stopping  # read once: a signal while saving waits for the next round
        if stops or attempt.is_checkpoint_due():
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            return False
        rows = batches.at(run.step)
        loss, gradients = loss_and_gradients(
            run.weights, data.x[rows], data.y[rows], run.options["l2"]
        )
        if not np.isfinite(loss):
            sys.exit(f"The loss is no number any more at step {run.step}: lower learning_rate.")
        run.adam.update(run.weights, gradients, run.step)
        run.step += 1
    report(run, data, attempt, loss)
    run.save(attempt, end="completed")
    return True


def report(run, data, attempt, loss):
    """Tell the platform how far it is and how well it goes."""
    metrics = {"auroc_unseen": auroc(data.y, unseen_logits(run.weights, data))}
    if np.isfinite(loss):
        metrics["loss"] = float(loss)
    executed = run.step + run.steps_redone
    samples = executed * run.options["batch_size"] * run.options["folds"]
    attempt.report(
        step=run.step,
        total=run.options["steps"],
        metrics=metrics,
        samples=samples,
        flop=run.flop(executed),
    )


def unseen_logits(weights, data):
    """Return for each development record the logit of the one member that never saw it."""
    _, logits = forward(weights, data.x[None])
    return logits[data.fold_of, np.arange(len(data.y))]


def fit_calibration(logits, labels):
    """Return slope and offset that turn logits into honest probabilities (Platt 1999)."""
    fit = LogisticRegression(C=1e3).fit(logits[:, None], labels)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def write_results(run, data, attempt):
    """Evaluate on the held-out test, beside the baseline, and write what the job leaves behind."""
    unseen = unseen_logits(run.weights, data)
    slope, offset = fit_calibration(unseen, data.y)
    threshold = threshold_for_specificity(data.y, sigmoid(slope * unseen + offset), 0.95)
    _, logits = forward(run.weights, data.test_x[None])
    probabilities = sigmoid(slope * logits.mean(axis=0) + offset).astype(float)
    truth, decisions = data.test_y, probabilities >= threshold
    baseline = LogisticRegression(max_iter=1000).fit(data.x, data.y)
    baseline_probabilities = baseline.predict_proba(data.test_x)[:, 1]
    seed = run.options["split_seed"]
    metrics = {
        "test_records": len(truth),
        "model": measure_all(truth, probabilities, seed=seed),
        "baseline": {
            "name": "logistic regression (scikit-learn), same split",
            **measure_all(truth, baseline_probabilities, seed=seed),
        },
        "operating_point": {
            "chosen_on": "development records, each scored by the network that never saw it",
            "threshold": threshold,
            "sensitivity": sensitivity(truth, decisions),
            "specificity": specificity(truth, decisions),
        },
        "development": {
            "records": len(data.y),
            "auroc": auroc(data.y, unseen),
            "balanced_accuracy": balanced_accuracy(data.y, sigmoid(slope * unseen + offset)),
            "expected_calibration_error": expected_calibration_error(
                data.y, sigmoid(slope * unseen + offset)
            ),
        },
        "subgroups": {
            "by": TUMOUR_SIZE,
            "cuts": [float(cut) for cut in data.size_cuts],
            "rows": subgroup_table(
                truth,
                probabilities,
                sizes=data.test_sizes,
                cuts=data.size_cuts,
                threshold=threshold,
            ),
        },
    }
    model = {
        **run.weights,
        "features.mean": data.mean,
        "features.scale": data.scale,
        "calibration": np.array([slope, offset]),
        "threshold": np.array([threshold]),
    }
    # One entry only: the format does not keep an order, and equal runs leave equal files.
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    attempt.write_output("model.safetensors", safetensors.numpy.save(model, metadata=about))
    attempt.write_output("metrics.json", json.dumps(metrics, indent=1))
    attempt.write_output(
        "calibration.csv", render_calibration(calibration_table(truth, probabilities))
    )
    attempt.write_output("facts.json", json.dumps(facts(run, data), indent=1))
    for name, value in metrics["model"].items():
        print(f"{name}: {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})")


def facts(run, data):
    """Return what only the training code knows, for the model card and the training record."""
    steps, options = run.options["steps"], run.options
    return {
        "architecture": BLUEPRINT["architecture"],
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
        "code_sha256": code_sha256(__file__),
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [
            {
                "name": BLUEPRINT["data"][0]["name"],
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


def main():
    """Run one attempt."""
    options, attempt = read_options(BLUEPRINT, __doc__, sys.argv[1:]), Attempt()
    data = Data(options)
    run = Run(options, data)
    try:
        run.resume(attempt)
        if not train(run, data, attempt):
            return STOPPED_BEFORE_THE_END
        write_results(run, data, attempt)
    except OSError as error:  # a full disk: the last complete checkpoint is still there
        sys.exit(f"Could not write: {error}. Free some space and run again; nothing is lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
