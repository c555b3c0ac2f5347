"""Train networks that predict how many flights a turbofan engine has left (NASA C-MAPSS FD001).

Reads top to bottom: data, batches, run, loop, result. An ensemble of small convolutional networks,
one per cross-validation fold, is trained side by side; engines that a network has not seen tell
how wide the prediction intervals must be.

    ALLMENDE_DATA=folder python train.py --steps=3000        every option: blueprint.toml
"""

import json
import platform
import sys
import time

import numpy as np
import safetensors
import safetensors.torch
import torch
from attempt import STOPPED_BEFORE_THE_END, Attempt
from engines import SENSORS, Fleet, Tables, draw_cuts, select_sensors
from network import Ensemble, count_weights, loss_of
from ranks import Ranks
from recipe import (
    code_sha256,
    go_on,
    hardware_facts,
    leave_at_once,
    read_blueprint,
    read_options,
    state_of,
)
from results import evaluate_all

BLUEPRINT = read_blueprint(__file__)
REPORT_EVERY_STEPS = 25
EARLIEST_CUT = 31  # cycles; no test engine was cut off before


class Data:
    """Training engines in folds, test engines, and another fleet where its files are there."""

    def __init__(self, options):
        tables = Tables()
        train, test = tables.read("train_FD001.txt"), tables.read("test_FD001.txt")
        sensors = select_sensors(train)
        self.scaling = {"mean": sensors.mean(axis=0), "scale": sensors.std(axis=0)}
        self.window = options["window"]
        self.fleet = self.make_fleet(train)
        self.test = self.make_fleet(test, tables.read("RUL_FD001.txt"))
        self.sha256, self.bytes = tables.sha256(), tables.read_bytes
        self.other = None  # a fleet with a second way to fail, never trained on
        if tables.has("test_FD003.txt"):
            other, remaining = tables.read("test_FD003.txt"), tables.read("RUL_FD003.txt")
            self.other = self.make_fleet(other, remaining)
        dice = np.random.default_rng([options["split_seed"], 0])
        folds, engines = options["folds"], self.fleet.engines
        fold_of_engine = dice.permutation(np.arange(engines) % folds)
        self.fold = fold_of_engine[self.fleet.engine]  # of each record
        self.records_of_member = [np.flatnonzero(self.fold != member) for member in range(folds)]
        self.checks = draw_cuts(self.fleet, dice, each=1, earliest=EARLIEST_CUT)
        self.cuts = draw_cuts(self.fleet, dice, each=20, earliest=EARLIEST_CUT)

    def make_fleet(self, records, remaining=None):
        return Fleet(records, **self.scaling, window=self.window, remaining_at_end=remaining)


class Batches:
    """Which records each member sees at a step: a pure function of seed, step and rank."""

    def __init__(self, data, options, ranks):
        self.data, self.seed, self.ranks = data, options["seed"], ranks
        self.size, self.cap = options["batch_size"], options["cap_cycles"]

    def at(self, step):
        """Return windows (members, batch, sensors, window) and shares of the cap that remain."""
        dice = np.random.default_rng([self.seed, 1, step])
        drawn = [dice.choice(rows, self.size) for rows in self.data.records_of_member]
        mine = np.stack(drawn)[:, self.ranks.rank :: self.ranks.count]
        shares = np.minimum(self.data.fleet.remaining[mine], self.cap) / self.cap
        windows = np.ascontiguousarray(self.data.fleet.windows(mine))
        device = self.ranks.device
        return torch.from_numpy(windows).to(device), torch.from_numpy(shares).to(device)


class Run:
    """Weights, optimiser and step: what a checkpoint keeps, and a resumed attempt gets back."""

    def __init__(self, options, ranks):
        self.options, self.ranks = options, ranks
        torch.manual_seed(options["seed"])
        self.network = Ensemble(
            members=options["folds"],
            sensors=len(SENSORS),
            window=options["window"],
            width=options["width"],
        ).to(ranks.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), weight_decay=options["weight_decay"]
        )
        for weight in self.network.parameters():  # from the start, so that there is one way to load
            self.optimizer.state[weight] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
        self.step = 0
        self.steps_redone = 0

    def tensors(self):
        """Return all tensors that change in training, by name; moments begin with `adam.`."""
        named = dict(self.network.named_parameters())
        moments = {
            f"adam.{key}.{name}": self.optimizer.state[weight][key]
            for name, weight in named.items()
            for key in ("exp_avg", "exp_avg_sq")
        }
        return {name: weight.data for name, weight in named.items()} | moments

    def flop(self, steps):
        """Return the compute of a number of steps: the formula of the blueprint."""
        windows = steps * self.options["batch_size"] * self.options["folds"]
        return 6 * self.network.multiplications * windows

    def resume(self, attempt):
        """Go on from the newest complete checkpoint, if there is one; the others follow."""
        if attempt:
            go_on(self, attempt, self._load, options=self.options)
        self.step = self.ranks.agree(self.step)
        self.ranks.share(self.tensors().values())
        for state in self.optimizer.state.values():
            state["step"].fill_(self.step)

    def _load(self, folder, state):
        kept = safetensors.torch.load_file(folder / "run.safetensors")
        for name, tensor in self.tensors().items():
            tensor.copy_(kept[name])
        self.step = state["step"]

    def save(self, attempt, *, end):
        """Keep a checkpoint, and in it why the attempt ends, if it does."""
        attempt.save(
            step=self.step,
            files={"run.safetensors": to_bytes(self.tensors())},
            state=state_of(self, end=end),
        )

    def learn(self, forward, windows, shares):
        """Take one step; return the loss."""
        done = self.step / self.options["steps"]
        for group in self.optimizer.param_groups:
            group["lr"] = self.options["learning_rate"] * 0.5 * (1 + np.cos(np.pi * done))
        with self.ranks.autocast():
            answers = forward(windows)
        loss = loss_of(answers.float(), shares)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        return loss

    @torch.no_grad()
    def answers(self, fleet, records):
        """Return remaining life and spread in cycles, each (members, records)."""
        parts, cap = [], self.options["cap_cycles"]
        for some in np.array_split(records, len(records) // 1000 + 1):
            windows = torch.from_numpy(np.ascontiguousarray(fleet.windows(some)))
            windows = windows.to(self.ranks.device).expand(self.options["folds"], *windows.shape)
            parts.append(self.network(windows).cpu().double().numpy())
        answers = np.concatenate(parts, axis=1)
        return np.clip(answers[..., 0], 0, 1) * cap, np.exp(answers[..., 1]) * cap


def to_bytes(tensors, about=None):
    """Return the tensors as a safetensors file; equal tensors give equal bytes."""
    return safetensors.torch.save(
        {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, metadata=about
    )


def train(run, data, attempt):
    """Take all steps, saving now and then and when asked to stop; say if the end was reached."""
    batches, total = Batches(data, run.options, run.ranks), run.options["steps"]
    forward, loss = run.ranks.wrap(run.network), None
    speed = Speed(run)
    while run.step < total:
        if attempt and run.step % REPORT_EVERY_STEPS == 0:
            report(run, data, attempt, loss=loss, speed=speed)
        # Read once: a signal while saving waits for the next round. All processes stop together.
        stops = run.ranks.agree(bool(attempt and attempt.is_stopping))
        if attempt and (stops or attempt.is_checkpoint_due()):
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            run.ranks.agree(stops)  # nobody leaves before it is kept: who ends badly ends all
            print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            return False
        loss = run.learn(forward, *batches.at(run.step))
        if run.step % REPORT_EVERY_STEPS == 0 and not torch.isfinite(loss):
            sys.exit(f"The loss is no number any more at step {run.step}: lower learning_rate.")
    if attempt:
        report(run, data, attempt, loss=loss, speed=speed)
        run.save(attempt, end="completed")
    return True


class Speed:
    """How much of the device's peak the run uses, since it was started."""

    def __init__(self, run):
        self.run, self.began_at, self.first = run, time.monotonic(), run.step
        self.peak = run.ranks.peak_flop_per_second()

    def metrics(self):
        """Return the model FLOP utilisation, where the peak is known."""
        seconds = time.monotonic() - self.began_at
        if self.peak is None or self.run.step == self.first:
            return {}
        return {"mfu": self.run.flop(self.run.step - self.first) / seconds / self.peak}


def report(run, data, attempt, *, loss, speed):
    """Tell the platform how far it is and how well it goes, on engines that no member has seen."""
    said, _ = unseen_answers(run, data, data.checks)
    truth = np.minimum(data.fleet.remaining[data.checks], run.options["cap_cycles"])
    metrics = {"rmse_unseen_cycles": float(np.sqrt(np.mean((said - truth) ** 2)))}
    if loss is not None:
        metrics["loss"] = float(loss.detach())
    executed = run.step + run.steps_redone
    attempt.report(
        step=run.step,
        total=run.options["steps"],
        metrics=metrics | speed.metrics(),
        samples=executed * run.options["batch_size"] * run.options["folds"],
        flop=run.flop(executed),
    )


def unseen_answers(run, data, records):
    """Return life and spread of each record by the one member that never saw its engine."""
    life, spread = run.answers(data.fleet, records)
    at = data.fold[records], np.arange(len(records))
    return life[at], spread[at]


def write_results(run, data, attempt):
    """Evaluate on the test engines, beside the baselines, and write what the job leaves behind."""
    unseen = unseen_answers(run, data, data.cuts)
    results = evaluate_all(run, data, unseen)
    model = {name: weight.data for name, weight in run.network.named_parameters()} | {
        "sensors.mean": torch.from_numpy(data.scaling["mean"]),
        "sensors.scale": torch.from_numpy(data.scaling["scale"]),
        "interval.factors": torch.tensor(results.factors, dtype=torch.float64),
        "cap_cycles": torch.tensor([run.options["cap_cycles"]]),
    }
    # One entry only: the format does not keep an order, and equal runs leave equal files.
    about = {"blueprint": f"{BLUEPRINT['id']}@{BLUEPRINT['version']}"}
    attempt.write_output("model.safetensors", to_bytes(model, about))
    attempt.write_output("metrics.json", json.dumps(results.metrics, indent=1))
    attempt.write_output("predictions.csv", results.predictions)
    attempt.write_output("drift.csv", results.drift)
    attempt.write_output("facts.json", json.dumps(facts(run, data), indent=1))
    print(results.summary, flush=True)


def facts(run, data):
    """Return what only the training code knows, for the model card and the training record."""
    steps, options = run.options["steps"], run.options
    return {
        "architecture": BLUEPRINT["architecture"],
        "parameters": count_weights(run.network),
        "params": options,
        "seed": options["seed"],
        "samples": steps * options["batch_size"] * options["folds"],
        "records_development": len(data.fleet.engine),
        "records_test": data.test.engines,
        "features": list(SENSORS.values()),
        "flop_useful": run.flop(steps),
        "flop_executed": run.flop(steps + run.steps_redone),
        "flop_method": "architecture: 6 × multiplications of a window × windows",
        "code_sha256": code_sha256(__file__),
        "steps": steps,
        "steps_redone": run.steps_redone,
        "data": [
            {"name": BLUEPRINT["data"][0]["name"], "sha256": data.sha256, "bytes": data.bytes}
        ],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "safetensors": safetensors.__version__,
        },
        **hardware_facts(run.ranks.peak_flop_per_second(), run.ranks.count),
    }


def main():
    """Run one attempt."""
    options, ranks = read_options(BLUEPRINT, __doc__, sys.argv[1:]), Ranks()
    if options["batch_size"] % ranks.count:
        sys.exit(f"batch_size must be a multiple of the {ranks.count} processes.")
    # Layers as small as these gain nothing from threads, and lose much where others work, too.
    # One thread also gives the same bits on every number of cores.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(ranks.device.type == "cpu")
    attempt = Attempt() if ranks.is_first else None
    run, data = Run(options, ranks), Data(options)
    try:
        run.resume(attempt)
        if not train(run, data, attempt):
            return STOPPED_BEFORE_THE_END
        if attempt:
            write_results(run, data, attempt)
    except OSError as error:  # a full disk: the last complete checkpoint is still there
        sys.exit(f"Could not write: {error}. Free some space and run again; nothing is lost.")
    finally:
        ranks.leave()
    return 0


if __name__ == "__main__":
    leave_at_once(main)
