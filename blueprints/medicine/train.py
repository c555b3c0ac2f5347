"""Train a calibrated clinical classifier on the Wisconsin breast-cancer data.

Reads top to bottom: data, batches, run, loop, result. An ensemble of small networks, one per
cross-validation fold, is trained side by side; what each has not seen calibrates the whole.

    python train.py --steps=12000 --hidden_units=32        every option: blueprint.toml
"""

import json
import sys

import numpy as np
import safetensors.numpy
from attempt import STOPPED_BEFORE_THE_END, Attempt
from cases import Batches, Data
from evaluate import auroc, render_table
from network import initial_weights, loss_and_gradients
from numpy_run import NumpyRun
from privacy import forget_key, start_or_go_on
from recipe import code_sha256, read_blueprint, read_options
from results import choose_use, evaluate_all, facts, unseen_logits

BLUEPRINT = read_blueprint(__file__)
REPORT_EVERY_STEPS = 50


class Run(NumpyRun):
    """The network in training, and what a step costs."""

    def __init__(self, options, data, privacy):
        super().__init__(options, initial_weights(options, data.x.shape[1]))
        self.privacy = privacy  # None: an ordinary run

    def flop(self, steps):
        """Return 6 × weights × samples for a number of steps: the formula of the blueprint."""
        weights = sum(value[0].size for value in self.weights.values())
        return 6 * weights * self.options["batch_size"] * self.options["folds"] * steps


def train(run, data, attempt):
    """Take all steps, saving now and then and when asked to stop; say if the end was reached."""
    batches, total = Batches(data.rows_of_member, run.options), run.options["steps"]
    loss = float("nan")
    # To say what a private run has spent takes a moment, so that it is said ten times only.
    pause = max(REPORT_EVERY_STEPS, total // 10) if run.privacy else REPORT_EVERY_STEPS
    while run.step < total:
        if run.step % pause == 0:
            report(run, data, attempt, loss)
        stops = attempt.is_stopping  # read once: a signal while saving waits for the next round
        if stops or attempt.is_checkpoint_due():
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            return False
        if run.privacy:
            gradients = run.privacy.gradients(run.weights, data, run.step)
        else:
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
    if run.privacy:  # anything about the records in training would tell more than epsilon allows
        metrics = {"epsilon": run.privacy.spent_epsilon(run.step)}
    else:
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


def write_results(run, data, attempt):
    """Evaluate on the held-out test, and write what the job leaves behind."""
    use = choose_use(run, data)
    metrics = evaluate_all(run, data, use)
    model = {
        **run.weights,
        "features.mean": data.mean,
        "features.scale": data.scale,
        "calibration": np.array([use.slope, use.offset]),
        "threshold": np.array([use.threshold]),
    }
    # One entry only: the format does not keep an order, and equal runs leave equal files.
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    told = facts(run, data, BLUEPRINT) | {"code_sha256": code_sha256(__file__)}
    calibration = render_table(metrics["tables"][0]["rows"])
    attempt.write_output("model.safetensors", safetensors.numpy.save(model, metadata=about))
    attempt.write_output("metrics.json", json.dumps(metrics, indent=1))
    attempt.write_output("calibration.csv", calibration)
    attempt.write_output("facts.json", json.dumps(told, indent=1))
    for name, value in metrics["model"].items():
        print(f"{name}: {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})")
    if run.privacy:
        print("epsilon {epsilon:g} at delta {delta:g} spent".format(**told["privacy"]))
        forget_key(attempt)


def main():
    """Run one attempt."""
    options, attempt = read_options(BLUEPRINT, __doc__, sys.argv[1:]), Attempt()
    data = Data(options)
    try:
        privacy = (
            start_or_go_on(attempt, options, len(data.y)) if options["target_epsilon"] else None
        )
        run = Run(options, data, privacy)
        run.resume(attempt)
        if not train(run, data, attempt):
            return STOPPED_BEFORE_THE_END
        write_results(run, data, attempt)
    except OSError as error:  # a full disk: the last complete checkpoint is still there
        sys.exit(f"Could not write: {error}. Free some space and run again; nothing is lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
