"""Watch 31 real series for anomalies, and score it as the Numenta Anomaly Benchmark does.

Reads top to bottom: run, loop, result. One step is one series, from its first record to its last;
the detector learns each series anew while it streams by. The threshold for an alarm is learned from
other series.

    ALLMENDE_DATA=folder python train.py --lags=8        every option: blueprint.toml
"""

import json
import platform
import sys
from io import BytesIO

import numpy as np
import safetensors
import safetensors.numpy
from attempt import STOPPED_BEFORE_THE_END, Attempt
from detector import EXTRA, rolling_z_score, say_once, watch
from evaluate import PUBLISHED, evaluate_all
from nab import PROFILES
from recipe import code_sha256, go_on, read_blueprint, read_options
from series import read_series

BLUEPRINT = read_blueprint(__file__)


class Run:
    """Scores and weights of the series that are done: what a checkpoint keeps."""

    def __init__(self, options, series):
        self.options, self.series = options, series
        self.scores, self.weights = [], []
        self.steps_redone = 0

    @property
    def step(self):
        return len(self.scores)

    def records(self, steps):
        """Return the records of the first series."""
        return sum(len(one.values) for one in self.series[:steps])

    def flop(self, steps):
        """Return the compute of the first series: the formula of the blueprint."""
        return 8 * (self.options["lags"] + EXTRA) ** 2 * self.records(steps)

    def flop_redone(self):
        """Return the compute of series that were done twice: the ones before a crash."""
        return self.flop(len(self.series)) * self.steps_redone // len(self.series)

    def resume(self, attempt):
        """Go on from the newest complete checkpoint, if there is one."""
        go_on(self, attempt, self._load, options=self.options)

    def _load(self, folder, state):
        with np.load(folder / "scores.npz", allow_pickle=False) as kept:
            for number in range(state["step"]):
                self.scores.append(kept[f"scores.{number}"])
                self.weights.append(kept[f"weights.{number}"])

    def save(self, attempt, *, end):
        """Keep a checkpoint, and in it why the attempt ends, if it does."""
        arrays = {f"scores.{number}": each for number, each in enumerate(self.scores)}
        arrays |= {f"weights.{number}": each for number, each in enumerate(self.weights)}
        buffer = BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        attempt.save(
            step=self.step,
            files={"scores.npz": buffer.getvalue()},
            state={
                "end": end,
                "options": self.options,
                "seed": self.options["split_seed"],
                "flop": self.flop(self.step) + self.flop_redone(),
                "steps_redone": self.steps_redone,
            },
        )


def train(run, attempt):
    """Watch all series, saving now and then and when asked to stop; say if the end was reached."""
    options, total = run.options, len(run.series)
    while run.step < total:
        report(run, attempt)
        stops = attempt.is_stopping  # read once: a signal while saving waits for the next round
        if stops or attempt.is_checkpoint_due():
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            return False
        one = run.series[run.step]
        scores, weights = watch(
            one.times,
            one.values,
            lags=options["lags"],
            memory_records=options["memory_records"],
            quiet_records=options["quiet_records"],
        )
        run.scores.append(scores)
        run.weights.append(weights)
    report(run, attempt)
    run.save(attempt, end="completed")
    return True


def report(run, attempt):
    """Tell the platform how far it is."""
    highest = float(run.scores[-1].max()) if run.scores else 0.0
    attempt.report(
        step=run.step,
        total=len(run.series),
        metrics={"highest_score": highest},
        samples=run.records(run.step),
        flop=run.flop(run.step) + run.flop_redone(),
    )


def write_results(run, attempt, data):
    """Score detector and baseline, and write what the job leaves behind."""
    options = run.options
    baseline = [
        say_once(rolling_z_score(one.values, options["memory_records"]), options["quiet_records"])
        for one in run.series
    ]
    held_out, by_rule, thresholds = evaluate_all(
        run.series,
        {"model": run.scores, "baseline": baseline},
        folds=options["folds"],
        split_seed=options["split_seed"],
    )
    metrics = {
        "test_records": run.records(len(run.series)),
        "model": held_out["model"],
        "baseline": {
            "name": "rolling z-score, with the same memory and the same silence after an alarm",
            **held_out["baseline"],
        },
        "threshold": "learned from the series of the other folds",
        "by_the_rule_of_nab": {
            "note": "threshold chosen on the scored series themselves, as NAB does for everybody",
            **by_rule,
        },
        "published": [
            {"name": name, "nab_standard": (raw + 63) / 1.26, "all_58_series": all_of_them}
            for name, raw, all_of_them in PUBLISHED
        ],
    }
    alarms = [
        f"{one.name},{number},{scores[number]:.4f}"
        for one, scores in zip(run.series, run.scores, strict=True)
        for number in np.flatnonzero(scores >= thresholds["model", "standard"])
    ]
    model = {
        "weights": np.stack(run.weights),
        "thresholds": np.array([thresholds["model", name] for name in PROFILES]),
    }
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    attempt.write_output("model.safetensors", safetensors.numpy.save(model, metadata=about))
    attempt.write_output("metrics.json", json.dumps(metrics, indent=1))
    attempt.write_output("alarms.csv", "\n".join(["series,record,score", *alarms]) + "\n")
    attempt.write_output("facts.json", json.dumps(facts(run, data), indent=1))
    for who in ("model", "baseline"):
        for name, row in held_out[who].items():
            print(f"{who} {name}: {row['value']:.1f} ({row['low']:.1f} to {row['high']:.1f})")


def facts(run, data):
    """Return what only the training code knows, for the model card and the training record."""
    steps = len(run.series)
    return {
        "architecture": BLUEPRINT["architecture"],
        "parameters": steps * (run.options["lags"] + EXTRA),
        "params": run.options,
        "seed": run.options["split_seed"],
        "samples": run.records(steps),
        "flop_useful": run.flop(steps),
        "flop_executed": run.flop(steps) + run.flop_redone(),
        "flop_method": "architecture: 8 × weights² × records (recursive least squares)",
        "code_sha256": code_sha256(__file__),
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [{"name": BLUEPRINT["data"][0]["name"], **data}],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "safetensors": safetensors.__version__,
        },
    }


def main():
    """Run one attempt."""
    options, attempt = read_options(BLUEPRINT, __doc__, sys.argv[1:]), Attempt()
    series, sha256, size = read_series()
    run = Run(options, series)
    try:
        run.resume(attempt)
        if not train(run, attempt):
            return STOPPED_BEFORE_THE_END
        write_results(run, attempt, {"sha256": sha256, "bytes": size})
    except OSError as error:  # a full disk: the last complete checkpoint is still there
        sys.exit(f"Could not write: {error}. Free some space and run again; nothing is lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
