"""Train a classifier of heartbeats on the first minutes of an ECG, and test it on the rest.

Reads top to bottom: data, run, loop, result. One person, split by time: what is learnt holds for
this person's ECG, and the test says nothing about others.

    python train.py --record=100 --steps=3000        every option: blueprint.toml
"""

import json
import platform
import sys

import baselines
import numpy as np
import safetensors
import safetensors.numpy
from attempt import STOPPED_BEFORE_THE_END, Attempt
from ecg import CLASSES, beat_features, read_record
from evaluate import (
    FEWEST,
    STRETCH_SECONDS,
    calibration_table,
    confusion_rows,
    measure_all,
)
from network import forward, initial_weights, loss_and_gradients
from numpy_run import NumpyRun
from recipe import code_sha256, read_blueprint, read_options

BLUEPRINT = read_blueprint(__file__)
REPORT_EVERY_STEPS = 50
GAP_SECONDS = 10  # between training and test, so that neighbours are not on both sides


class Data:
    """Beats as features on a common scale, and their classes: the first minutes, and the rest."""

    def __init__(self, options):
        self.record = read_record(options["record"])
        features, label, seconds = (
            beat_features(self.record),
            self.record.label,
            self.record.seconds,
        )
        border = options["train_minutes"] * 60
        first, rest = seconds < border, seconds >= border + GAP_SECONDS
        if not rest.any() or not first.any():
            sys.exit(f"Record {self.record.name} has no beats on both sides of {border} seconds.")
        self.mean = features[first].mean(axis=0)
        self.scale = features[first].std(axis=0) + 1e-6
        standard = ((features - self.mean) / self.scale).astype(np.float32)
        self.x, self.label = standard[first], label[first]
        self.test_x, self.test_label = standard[rest], label[rest]
        self.test_seconds = seconds[rest]


class Run(NumpyRun):
    """The network in training, which beats a step sees, and what it costs."""

    def __init__(self, options, data):
        super().__init__(options, initial_weights(options, data.x.shape[1], len(CLASSES)))

    def flop(self, steps):
        """Return 6 × weights × beats for a number of steps: the formula of the blueprint."""
        weights = sum(value.size for value in self.weights.values())
        return 6 * weights * self.options["batch_size"] * steps

    def batch(self, count):
        """Return the beats of this step, of `count`: a pure function of seed and step.

        So a resumed run needs no saved position, and sees exactly what a straight run would.
        """
        dice = np.random.default_rng([self.options["seed"], 1, self.step])
        return dice.integers(count, size=self.options["batch_size"])


def train(run, data, attempt):
    """Take all steps, saving now and then and when asked to stop; say if the end was reached."""
    total, loss = run.options["steps"], float("nan")
    while run.step < total:
        if run.step % REPORT_EVERY_STEPS == 0:
            report(run, attempt, loss)
        stops = attempt.is_stopping  # read once: a signal while saving waits for the next round
        if stops or attempt.is_checkpoint_due():
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            return False
        rows = run.batch(len(data.x))
        loss, gradients = loss_and_gradients(
            run.weights, data.x[rows], data.label[rows], run.options["l2"]
        )
        if not np.isfinite(loss):
            sys.exit(f"The loss is no number any more at step {run.step}: lower learning_rate.")
        run.adam.update(run.weights, gradients, run.step)
        run.step += 1
    report(run, attempt, loss)
    run.save(attempt, end="completed")
    return True


def report(run, attempt, loss):
    """Tell the platform how far it is and how well it goes."""
    executed = run.step + run.steps_redone
    attempt.report(
        step=run.step,
        total=run.options["steps"],
        metrics={"loss": float(loss)} if np.isfinite(loss) else {},
        samples=executed * run.options["batch_size"],
        flop=run.flop(executed),
    )


def evaluate_all(run, data):
    """Return everything that is said about the model on the minutes that it has not seen."""
    _, probabilities = forward(run.weights, data.test_x)
    label, said = data.test_label, probabilities.argmax(axis=1)

    def measure(probabilities):
        seed = run.options["seed"]
        return measure_all(label, probabilities, data.test_seconds, classes=CLASSES, seed=seed)

    beside = {
        name: measure(certain(method(data.x, data.label, data.test_x)))
        for name, method in (
            ("early beats", baselines.early_beats),
            ("nearest template", baselines.nearest_template),
            ("commonest class", baselines.commonest),
        )
    }
    model = measure(probabilities.astype(float))
    name = "a beat is supraventricular if it comes early, by a limit from the first minutes"
    return {
        "test_records": len(label),
        "interval": f"bootstrap over stretches of {STRETCH_SECONDS} seconds; exact (Clopper & "
        "Pearson) for shares of 0 or 1",
        "model": model,
        "baseline": {"name": name, **beside["early beats"]},
        "nearest_template": beside["nearest template"],
        "commonest_class": beside["commonest class"],
        "beats": {
            "development": count_classes(data.label),
            "test": count_classes(label),
            "without_figures": [
                name for at, name in enumerate(CLASSES) if 0 < np.sum(label == at) < FEWEST
            ],
        },
        "tables": [
            {
                "title": "Confusion",
                "note": "Beats of the later minutes by what they are and what they were called "
                "(EC57: N normal, S supraventricular, V ventricular, F fusion, Q unknown).",
                "rows": confusion_rows(label, said, CLASSES),
            },
            {
                "title": "Beside simpler ways",
                "note": "Value and 95 % interval.",
                "rows": [
                    {"measure": key}
                    | {who: row.get(key) for who, row in {"network": model, **beside}.items()}
                    for key in model
                ],
            },
            {
                "title": "Calibration",
                "note": "How sure the model is of the class it says, and how often it is right.",
                "rows": [
                    {
                        "probability": f"{low:.1f}–{high:.1f}",
                        "beats": beats,
                        "mean probability": sure,
                        "share right": right,
                    }
                    for low, high, beats, sure, right in calibration_table(label, probabilities)
                ],
            },
        ],
    }


def certain(said):
    """Return classes as probabilities of one."""
    return np.eye(len(CLASSES))[said]


def count_classes(label):
    """Return how many beats there are of each class."""
    return {name: int(np.sum(label == at)) for at, name in enumerate(CLASSES)}


def show(row):
    """Return an estimate as text."""
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def write_results(run, data, attempt):
    """Evaluate on the later minutes, and write what the job leaves behind."""
    metrics = evaluate_all(run, data)
    model = {**run.weights, "features.mean": data.mean, "features.scale": data.scale}
    # One entry only: the format does not keep an order, and equal runs leave equal files.
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    attempt.write_output("model.safetensors", safetensors.numpy.save(model, metadata=about))
    attempt.write_output("metrics.json", json.dumps(metrics, indent=1))
    attempt.write_output("facts.json", json.dumps(facts(run, data), indent=1))
    for name, value in metrics["model"].items():
        print(f"{name}: {show(value)}")


def facts(run, data):
    """Return what only the training code knows, for the model card and the training record."""
    steps, options = run.options["steps"], run.options
    return {
        "architecture": BLUEPRINT["architecture"],
        "parameters": sum(value.size for value in run.weights.values()),
        "params": options,
        "seed": options["seed"],
        "samples": steps * options["batch_size"],
        "beats_development": len(data.label),
        "beats_test": len(data.test_label),
        "flop_useful": run.flop(steps),
        "flop_executed": run.flop(steps + run.steps_redone),
        "flop_method": "architecture: 6 × weights × samples",
        "code_sha256": code_sha256(__file__),
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [
            {
                "name": BLUEPRINT["data"][0]["name"],
                "sha256": data.record.sha256,
                "bytes": data.record.size_bytes,
            }
        ],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
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
