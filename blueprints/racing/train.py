"""Teach a driver a racing line that is good on tracks it has never seen.

Reads top to bottom: run, loop, result. The driver is in driver.py, the car in vehicle.py.

    python train.py --steps=300 --hidden_units=8        every option: blueprint.toml
"""

import json
import platform
import sys

import numpy as np
import safetensors
import safetensors.numpy
from attempt import STOPPED_BEFORE_THE_END, Attempt
from driver import Course, first_weights, improve, split
from picture import draw_lap
from recipe import code_sha256, go_on, read_blueprint, read_options, state_of
from tracks import POINTS, TAPS, read_tracks
from vehicle import drive

BLUEPRINT = read_blueprint(__file__)
INTERVAL = (2.5, 97.5)


class Data:
    """The course to practise on and the course of held-out tracks."""

    def __init__(self, options):
        tracks, self.sha256, self.bytes = read_tracks()
        if len(tracks) <= options["test_tracks"]:
            sys.exit(f"There are {len(tracks)} tracks: set test_tracks lower.")
        order = np.random.default_rng(options["split_seed"]).permutation(len(tracks))
        held_out = set(order[: options["test_tracks"]])
        self.practice = Course([t for place, t in enumerate(tracks) if place not in held_out])
        self.test = Course([t for place, t in enumerate(tracks) if place in held_out])


class Run:
    """Weights, optimiser and step: what a checkpoint keeps, and a resumed attempt gets back."""

    def __init__(self, options, data):
        self.options = options
        self.tracks = len(data.practice.tracks)
        self.weights = first_weights(options)
        self.moments = np.zeros((2, len(self.weights)))
        self.step = 0
        self.steps_redone = 0

    def samples(self, steps):
        """Return the laps that were driven in a number of steps."""
        return 2 * self.options["pairs"] * self.tracks * steps

    def flop(self, steps):
        """Return 2 × weights × points × laps for a number of steps: the blueprint's formula."""
        return 2 * len(self.weights) * POINTS * self.samples(steps)

    def resume(self, attempt):
        """Go on from the newest complete checkpoint, if there is one."""
        go_on(self, attempt, self._load, options=self.options)

    def _load(self, folder, state):
        kept = safetensors.numpy.load_file(folder / "driver.safetensors")
        self.weights, self.moments = kept["weights"], kept["moments"]
        self.step = state["step"]

    def save(self, attempt, *, end):
        """Keep a checkpoint, and in it why the attempt ends, if it does."""
        arrays = {"weights": self.weights, "moments": self.moments}
        attempt.save(
            step=self.step,
            files={"driver.safetensors": safetensors.numpy.save(arrays)},
            state=state_of(self, end=end),
        )


def train(run, data, attempt):
    """Take all steps, saving now and then and when asked to stop; say if the end was reached."""
    total, score = run.options["steps"], None
    while run.step < total:
        report(run, attempt, score)
        stops = attempt.is_stopping  # read once: a signal while saving waits for the next round
        if stops or attempt.is_checkpoint_due():
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            return False
        run.weights, run.moments, score = improve(
            run.weights, run.moments, data.practice, run.options, run.step
        )
        if not np.isfinite(score):
            sys.exit(f"A lap time is no number any more at step {run.step}: lower learning_rate.")
        run.step += 1
    report(run, attempt, score)
    run.save(attempt, end="completed")
    return True


def report(run, attempt, score):
    """Tell the platform how far it is and how well it goes."""
    executed = run.step + run.steps_redone
    attempt.report(
        step=run.step,
        total=run.options["steps"],
        # What those who tried something needed more than the centre line: below 0 is faster.
        metrics={} if score is None else {"lap_time_above_centre_percent": 100 * np.expm1(score)},
        samples=run.samples(executed),
        flop=run.flop(executed),
    )


# ---- the result


def with_interval(values, seed):
    """Return the mean over tracks with its 95 % bootstrap interval (percentile)."""
    draws = np.random.default_rng([seed, 95]).integers(len(values), size=(2000, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), INTERVAL)
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def judge(course, offsets, seed):
    """Return the measures of a line on every track, the laps as planned, and as driven."""
    ideal, line = course.laps(offsets)
    driven, outside, _ = drive(line, course.low, course.high)
    measures = {
        "lap_seconds": with_interval(driven, seed),
        "lap_seconds_ideal": with_interval(ideal, seed),
        "seconds_off_track": with_interval(outside, seed),
    }
    return measures, line, driven, outside


def write_results(run, data, attempt):
    """Drive the held-out tracks beside the baseline, and write what the job leaves behind."""
    test, seed = data.test, run.options["split_seed"]
    offsets = test.offsets(run.weights, run.options["hidden_units"])
    model, line, driven, outside = judge(test, offsets, seed)
    baseline, _, centre, centre_outside = judge(test, np.zeros_like(offsets), seed)
    practised = np.exp(data.practice.score(run.weights, run.options["hidden_units"])[0])
    metrics = {
        "test_records": len(test.tracks),
        "model": model,
        "baseline": {"name": "the centre line, same car and same driving", **baseline},
        # Paired by track: tracks differ far more than drivers do.
        "saved_percent": with_interval(100 * (1 - driven / centre), seed),
        "laps_off_track": {
            "model": int((outside > 0).sum()),
            "baseline": int((centre_outside > 0).sum()),
        },
        "practice": {"tracks": run.tracks, "saved_percent_ideal": float(100 * (1 - practised))},
        "published_lines": compare_published(test, seed),
        "tracks": [
            {"track": track.name, "model": float(ours), "baseline": float(theirs)}
            for track, ours, theirs in zip(test.tracks, driven, centre, strict=True)
        ],
    }
    # One entry only: the format does not keep an order, and equal runs leave equal files.
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    looking, leaning = split(run.weights, run.options["hidden_units"])
    arrays = {"looking": looking[0].copy(), "leaning": leaning[0].copy(), "taps_metres": TAPS}
    attempt.write_output("model.safetensors", safetensors.numpy.save(arrays, metadata=about))
    attempt.write_output("metrics.json", json.dumps(metrics, indent=1))
    # The track in the middle: half of the others gained more.
    shown = int(np.argsort(driven / centre)[len(driven) // 2])
    track, speed = test.tracks[shown], line["speed"][:, shown]
    caption = f"{track.name}, held out: {driven[shown]:.1f} s, centre line {centre[shown]:.1f} s"
    attempt.write_output("lap.svg", draw_lap(track, offsets[:, shown], speed, caption))
    attempt.write_output("facts.json", json.dumps(facts(run, data), indent=1))
    saved = metrics["saved_percent"]
    print(
        f"saved on {len(driven)} held-out tracks: {saved['value']:.2f} % "
        f"({saved['low']:.2f} to {saved['high']:.2f}); {metrics['laps_off_track']} off the track"
    )


def compare_published(course, seed):
    """Return what the published racing lines save, ideally driven; None where there are none."""
    if any(track.raceline is None for track in course.tracks):
        return None
    offsets = [track.offsets_of(track.raceline) for track in course.tracks]
    seconds, _ = course.laps(np.stack(offsets, axis=1))
    return {
        "name": "minimum curvature, optimised for each track (TUM), up to the very edge",
        "saved_percent_ideal": with_interval(100 * (1 - seconds / course.centre_seconds), seed),
    }


def facts(run, data):
    """Return what only the training code knows, for the model card and the training record."""
    steps, options = run.options["steps"], run.options
    return {
        "architecture": BLUEPRINT["architecture"],
        "parameters": len(run.weights),
        "params": options,
        "seed": options["seed"],
        "samples": run.samples(steps),
        "tracks_practised": [track.name for track in data.practice.tracks],
        "tracks_held_out": [track.name for track in data.test.tracks],
        "flop_useful": run.flop(steps),
        "flop_executed": run.flop(steps + run.steps_redone),
        "flop_method": "architecture: 2 × weights × points × laps, forward only; without the car",
        "code_sha256": code_sha256(__file__),
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [
            {"name": BLUEPRINT["data"][0]["name"], "sha256": data.sha256, "bytes": data.bytes}
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
