"""Teach a simulated robot to run, with several learners from different seeds side by side.

Reads top to bottom: learners, run, loop, result. Each learner of a policy (ppo.py) has a neighbour
that searches a linear controller at random (search.py) with as many steps in the simulator.

    python train.py --iterations=60 --learners=4        every option: blueprint.toml
"""

import hashlib
import json
import multiprocessing
import os
import platform
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import ppo
import safetensors
import safetensors.numpy
import search
import torch
from attempt import STOPPED_BEFORE_THE_END, Attempt
from evaluate import (
    draw_curves,
    learning_curves,
    measure_episodes,
    render_curves,
    summarise,
    with_interval,
)
from recipe import code_sha256, go_on, read_blueprint, read_options, state_of
from simulation import ACTIONS, OBSERVATIONS, ROBOT, Moments, draw_seeds, run_episodes

BLUEPRINT = read_blueprint(__file__)
KINDS = {"policy": ppo, "linear": search}
# The starts of episodes that no learner meets: to choose the best of several, and for the test.
CHOICE_SEED, TEST_SEED = 2025, 2026


# ---- processes: one per core, and which of them does a task changes nothing


@contextmanager
def workers(count):
    """Give a `map` over tasks that uses up to `count` cores of this node."""
    torch.set_num_threads(1)
    count = min(count, len(os.sched_getaffinity(0)))
    if count == 1:
        yield map
        return
    # Spawned, not forked: a child must not hold our lock on the checkpoints.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=begin_worker) as pool:
        yield pool.map


def begin_worker():
    """Leave stopping to the parent, and end when it is gone, however it went."""
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def improve(task):
    """Let one learner do one iteration; return it and the mean return of its episodes."""
    kind, learner, options, number, iteration = task
    learner, returns = KINDS[kind].improve(learner, options, number, iteration)
    return learner, float(returns.mean())


def play(task):
    """Let one learner, or chance, play held-out episodes; see `summarise`."""
    kind, learner, options, seed, count = task
    seeds = draw_seeds(np.random.default_rng(seed), count)
    if kind == "policy":
        policy, seen = ppo.acting(learner, options), Moments(learner["observations"])
        observations, _, rewards = run_episodes(lambda _, x: ppo.decide(policy, seen, x), seeds)
    elif kind == "linear":
        observations, _, rewards = run_episodes(lambda _, x: search.decide(learner, x), seeds)
    else:
        dice = np.random.default_rng([seed, 1])
        observations, _, rewards = run_episodes(
            lambda _, x: dice.uniform(-1, 1, (len(x), ACTIONS)), seeds
        )
    return summarise(observations, rewards)


# ---- the run


class Run:
    """All learners and their history: what a checkpoint keeps, and a resumed attempt gets back."""

    def __init__(self, options):
        self.options = options
        self.numbers = range(options["learners"])
        self.learners = {
            kind: [module.begin(options, number) for number in self.numbers]
            for kind, module in KINDS.items()
        }
        self.history = np.empty((0, len(KINDS), options["learners"]))
        self.step = 0
        self.steps_redone = 0

    def samples(self, steps):
        """Return the simulated steps that the policies learned from in a number of iterations."""
        options = self.options
        return options["learners"] * options["episodes"] * options["horizon"] * steps

    def flop(self, steps):
        """Return the operations of a number of iterations: the formula of the blueprint."""
        weights, epochs = self.learners["policy"][0]["theta"].size, self.options["epochs"]
        each = (6 * epochs + 4) * weights + 2 * OBSERVATIONS * ACTIONS
        return each * self.samples(steps)

    def iterate(self, each):
        """Take every learner one iteration further."""
        tasks = [
            (kind, learner, self.options, number, self.step)
            for kind in KINDS
            for number, learner in enumerate(self.learners[kind])
        ]
        done = list(each(improve, tasks))
        for place, kind in enumerate(KINDS):
            part = done[place * len(self.numbers) : (place + 1) * len(self.numbers)]
            self.learners[kind] = [learner for learner, _ in part]
        returns = np.reshape([mean for _, mean in done], (1, len(KINDS), -1))
        self.history = np.concatenate([self.history, returns])
        self.step += 1

    def resume(self, attempt):
        """Go on from the newest complete checkpoint, if there is one."""
        go_on(self, attempt, self._load, options=self.options)

    def _load(self, folder, state):
        kept = safetensors.numpy.load_file(folder / "learners.safetensors")
        self.history = kept.pop("history")
        for name, array in kept.items():
            kind, number, key = name.split("/")
            self.learners[kind][int(number)][key] = array
        self.step = state["step"]

    def save(self, attempt, *, end):
        """Keep a checkpoint, and in it why the attempt ends, if it does."""
        arrays = {
            f"{kind}/{number}/{key}": np.ascontiguousarray(array)
            for kind, learners in self.learners.items()
            for number, learner in enumerate(learners)
            for key, array in learner.items()
        }
        attempt.save(
            step=self.step,
            files={
                "learners.safetensors": safetensors.numpy.save(arrays | {"history": self.history})
            },
            state=state_of(self, end=end),
        )


def train(run, each, attempt):
    """Do all iterations, saving now and then and when asked to stop; say if the end was reached."""
    total = run.options["iterations"]
    while run.step < total:
        report(run, attempt)
        stops = attempt.is_stopping  # read once: a signal while saving waits for the next round
        if stops or attempt.is_checkpoint_due():
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            return False
        run.iterate(each)
        if not np.isfinite(run.history[-1]).all():
            sys.exit(f"A return is no number any more at step {run.step}: lower learning_rate.")
    report(run, attempt)
    run.save(attempt, end="completed")
    return True


def report(run, attempt):
    """Tell the platform how far it is and how well it goes."""
    metrics = {}
    if len(run.history):
        means = run.history[-1].mean(axis=1)
        metrics = {f"return_{kind}": float(mean) for kind, mean in zip(KINDS, means, strict=True)}
    executed = run.step + run.steps_redone
    attempt.report(
        step=run.step,
        total=run.options["iterations"],
        metrics=metrics,
        samples=run.samples(executed),
        flop=run.flop(executed),
    )


# ---- the result


def write_results(run, each, attempt):
    """Choose, test on held-out episodes beside the baselines, and write what the job leaves."""
    chosen, tested = choose_and_test(run, each)
    count = run.options["test_episodes"]
    (chance,) = each(play, [("chance", None, run.options, TEST_SEED, count)])
    best = {kind: tested[kind][chosen[kind]] for kind in KINDS}
    metrics = {
        "test_records": count,
        "model": measure_episodes(best["policy"], seed=TEST_SEED),
        "baseline": {
            "name": "linear controller found by random search, as many simulated steps, "
            "chosen in the same way",
            **measure_episodes(best["linear"], seed=TEST_SEED),
        },
        "chance": {"name": "random actions", **measure_episodes(chance, seed=TEST_SEED)},
        # The same starts for both, so that their differences are paired.
        "policy_above_linear": with_interval(
            best["policy"][:, 0] - best["linear"][:, 0], seed=TEST_SEED
        ),
        "all_learners": {
            kind: {
                "episode_return_of_each": [float(rows[:, 0].mean()) for rows in tested[kind]],
                "episode_return": with_interval(
                    [rows[:, 0].mean() for rows in tested[kind]], seed=TEST_SEED
                ),
                "chosen": chosen[kind],
            }
            for kind in KINDS
        },
    }
    # One entry only: the format does not keep an order, and equal runs leave equal files.
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    model = export(run.learners["policy"][chosen["policy"]], run.options)
    attempt.write_output("model.safetensors", safetensors.numpy.save(model, metadata=about))
    attempt.write_output("metrics.json", json.dumps(metrics, indent=1))
    curves = learning_curves(run.history, seed=run.options["seed"])
    steps_each = run.options["episodes"] * run.options["horizon"]
    attempt.write_output("learning-curves.csv", render_curves(KINDS, curves, steps_each))
    attempt.write_output("learning-curves.svg", draw_curves(KINDS, curves, steps_each))
    attempt.write_output("facts.json", json.dumps(facts(run, model), indent=1))
    for who in ("model", "baseline", "chance"):
        value = metrics[who]["episode_return"]
        print(f"{who}: {value['value']:.0f} ({value['low']:.0f} to {value['high']:.0f})")


def choose_and_test(run, each):
    """Return for each kind the best learner on the episodes for choosing, and all test results."""
    chosen, tested, count = {}, {}, run.options["test_episodes"]
    for kind, learners in run.learners.items():
        trials = [(kind, one, run.options, CHOICE_SEED, count // 2) for one in learners]
        chosen[kind] = int(np.argmax([rows[:, 0].mean() for rows in each(play, trials)]))
        tests = [(kind, one, run.options, TEST_SEED, count) for one in learners]
        tested[kind] = list(each(play, tests))
    return chosen, tested


def export(learner, options):
    """Return the arrays of the model: the actor, and how its observations are standardised."""
    weights, seen = ppo.acting(learner, options), Moments(learner["observations"])
    actor = {name: array for name, array in weights.items() if name.startswith("actor.")}
    return actor | {"observations.mean": seen.mean, "observations.scale": seen.scale}


def facts(run, model):
    """Return what only the training code knows, for the model card and the training record."""
    steps, options = run.options["iterations"], run.options
    xml = Path(gymnasium.__file__).parent / "envs/mujoco/assets/half_cheetah.xml"
    return {
        "architecture": BLUEPRINT["architecture"],
        "parameters": sum(value.size for name, value in model.items() if "actor" in name),
        "params": options,
        "seed": options["seed"],
        "samples": run.samples(steps),
        "robot": ROBOT,
        "flop_useful": run.flop(steps),
        "flop_executed": run.flop(steps + run.steps_redone),
        "flop_method": "architecture: (6 × epochs + 4) × weights × samples, and the baseline's",
        "code_sha256": code_sha256(__file__),
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [
            {
                "name": BLUEPRINT["data"][0]["name"],
                "sha256": hashlib.sha256(xml.read_bytes()).hexdigest(),
                "bytes": xml.stat().st_size,
            }
        ],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "gymnasium": gymnasium.__version__,
            "mujoco": mujoco.__version__,
            "safetensors": safetensors.__version__,
        },
    }


def main():
    """Run one attempt."""
    options, attempt = read_options(BLUEPRINT, __doc__, sys.argv[1:]), Attempt()
    run = Run(options)
    try:
        run.resume(attempt)
        with workers(2 * options["learners"]) as each:
            if not train(run, each, attempt):
                return STOPPED_BEFORE_THE_END
            write_results(run, each, attempt)
    except OSError as error:  # a full disk: the last complete checkpoint is still there
        sys.exit(f"Could not write: {error}. Free some space and run again; nothing is lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
