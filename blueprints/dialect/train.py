"""Train a small language model on texts in dialects and small languages.

Reads top to bottom: text, batches, run, loop, result. A tokenizer is learnt from the corpus, then
a GPT; both are measured on held-out passages of every variety, beside n-grams and compressors.

    python train.py --steps=300 --layers=3        every option: blueprint.toml
"""

import contextlib
import functools
import os
import signal
import sys
import time

import numpy as np
import torch
from attempt import STOPPED_BEFORE_THE_END, Attempt
from corpus import Corpus
from network import Gpt, weight_decay_groups
from processes import Processes, launch_on_this_node
from recipe import go_on, leave_at_once, read_options, state_of
from results import BLUEPRINT, write_results
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokens import Tokenizer, learn_merges
from torch.nn import functional

REPORT_EVERY_STEPS = 10
WARM_UP = 0.1  # share of the steps in which the learning rate rises
MOMENTS = ("exp_avg", "exp_avg_sq")  # what AdamW keeps of each weight
# How the work is done may change between attempts: it changes roundings, and what falls out.
NOT_OF_THE_RUN = ("processes_per_node", "sharded", "compiled")


def find_problem(options):
    """Say what is wrong with parameters that lie each in its range, or nothing."""
    if options["head_size"] % 2:
        return "--head_size is even, for positions turn pairs of numbers"
    return None


class Batches:
    """Which windows of text a process sees at a step: a pure function of seed, step and rank.

    So a resumed run needs no saved position, and sees exactly what a straight run would.
    """

    def __init__(self, passages, options, processes):
        self.passages = [np.array(tokens, np.int32) for tokens in passages]
        self.seed, self.context = options["seed"], options["context"]
        self.size, self.processes = options["batch_size"], processes
        tokens = sum(len(passage) for passage in self.passages)
        self.per_epoch = (tokens - 1) // (self.context * self.size)
        if not self.per_epoch:
            sys.exit(
                f"The text is {tokens:,} tokens, less than one batch. Lower batch_size or context, "
                "or give more text."
            )
        if self.size % processes.count:
            sys.exit(
                f"batch_size {self.size} cannot be dealt to {processes.count} processes evenly. "
                f"Choose a multiple of {processes.count}."
            )
        self._epoch, self._windows = -1, None

    def at(self, step):
        """Return tokens (share of the batch, context) and those that follow each."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            dice = np.random.default_rng([self.seed, 1, epoch])
            order = dice.permutation(len(self.passages))
            self._text = np.concatenate([self.passages[number] for number in order])
            windows = np.arange(0, len(self._text) - self.context, self.context)
            self._epoch, self._windows = epoch, dice.permutation(windows)
        batch = self._windows[place * self.size : (place + 1) * self.size]
        starts = batch[self.processes.rank :: self.processes.count]
        rows = torch.from_numpy(self._text[starts[:, None] + np.arange(self.context + 1)])
        rows = self.processes.bring(rows.long())
        return rows[:, :-1], rows[:, 1:]


class Run:
    """Network, optimiser and step: what a checkpoint keeps, and a resumed attempt gets back."""

    def __init__(self, options, corpus, processes):
        self.options, self.processes = options, processes
        self.text_sha256 = corpus.sha256
        self.model = Gpt(options, options["vocabulary"])
        if options["compiled"]:
            for block in self.model.blocks:  # all alike: compiled once
                block.compile()
        self.shared = processes.share(self.model, sharded=options["sharded"])
        self.adam = torch.optim.AdamW(
            weight_decay_groups(self.model, options["weight_decay"]),
            lr=options["learning_rate"],
            betas=(0.9, 0.95),
            fused=processes.device.type == "cuda",  # all weights in one go
        )
        self.step = self.first_step = self.steps_redone = 0
        self.seconds = 0.0  # of training itself, in this attempt

    def flop(self, steps):
        """Return 6 × weights × tokens for a number of steps: the formula of the blueprint."""
        o = self.options
        width = o["heads"] * o["head_size"]
        weights = o["layers"] * 13 * width * width + o["vocabulary"] * width
        return 6 * weights * o["batch_size"] * o["context"] * steps

    def known_options(self):
        """Return what a checkpoint must share: the parameters and the text."""
        kept = {k: v for k, v in self.options.items() if k not in NOT_OF_THE_RUN}
        return kept | {"text_sha256": self.text_sha256}

    def speed(self):
        """Return tokens per second, and the share of the GPUs' peak (MFU) where it is known.

        Only the useful work counts (6 × weights × tokens), nothing for attention.
        """
        steps = self.step - self.first_step
        if not steps or not self.seconds:
            return {}
        tokens = steps * self.options["batch_size"] * self.options["context"]
        peak = self.processes.peak_flop_per_second()
        speed = {"tokens_per_second": tokens / self.seconds}
        return speed | ({"mfu": self.flop(steps) / self.seconds / peak} if peak else {})

    def learn(self, tokens, targets):
        """Take one step; return the mean loss over this process's share of the batch."""
        for group in self.adam.param_groups:
            group["lr"] = self.options["learning_rate"] * schedule(self.step, self.options["steps"])
        self.processes.throw_dice(self.options["seed"], self.step)
        with short_numbers(self.processes):
            logits = self.shared(tokens)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.adam.step()
        self.step += 1
        return loss.detach()

    def resume(self, attempt):
        """Go on from the newest complete checkpoint, if there is one; the first process reads."""
        kept = {}

        def load(folder, state):
            for name in ("model", "optimizer"):
                kept.update(load_file(folder / f"{name}.safetensors"))
            self.step = state["step"]

        if self.processes.is_first:
            go_on(
                self,
                attempt,
                load,
                options=self.known_options(),
                differs="other parameters or other text",
            )
        counts = torch.tensor([self.step, self.steps_redone], device=self.processes.device)
        self.step, self.steps_redone = self.processes.spread(counts).tolist()
        self.first_step = self.step
        for name, weight in self.model.named_parameters() if self.step else ():
            self.processes.deal(weight, kept.pop(name, None))
            state = self.adam.state[weight]
            state["step"] = torch.tensor(float(self.step), device=self.processes.device)
            for moment in MOMENTS:
                state[moment] = torch.zeros_like(weight)
                self.processes.deal(state[moment], kept.pop(f"{moment}.{name}", None))

    def save(self, attempt, *, end):
        """Keep a checkpoint, and in it why the attempt ends: all gather it, the first writes."""
        weights, moments = self.gather(), {}
        for moment in MOMENTS if self.step else ():
            moments |= self.gather(moment)
        if self.processes.is_first:
            attempt.save(
                step=self.step,
                files={
                    "model.safetensors": functools.partial(save_file, weights),
                    "optimizer.safetensors": functools.partial(save_file, moments),
                },
                state=state_of(self, end=end) | {"options": self.known_options()},
            )

    def gather(self, moment=None):
        """Return all weights by name, or a moment of each, for the first process to keep."""
        gathered = {}
        for name, weight in self.model.named_parameters():
            value = self.adam.state[weight][moment] if moment else weight
            gathered[f"{moment}.{name}" if moment else name] = self.processes.whole(value)
        return gathered

    def whole_model(self):
        """Return the model in one piece, for the first process to measure; all gather it."""
        weights = self.gather()
        self.adam.zero_grad()  # makes room for it on the GPU, and so does what follows
        self.adam.state.clear()
        if not self.processes.is_first:
            return None
        model = Gpt(self.options, self.options["vocabulary"])
        model.load_state_dict(weights)
        return model.to(self.processes.device).eval()


def schedule(step, total):
    """Return the share of the learning rate at a step: a rise, then half a cosine to a tenth."""
    rise = max(1, round(WARM_UP * total))
    if step < rise:
        return (step + 1) / rise
    return 0.1 + 0.45 * (1 + np.cos(np.pi * (step - rise) / max(1, total - rise)))


def short_numbers(processes):
    """Return where products are taken in bfloat16, on GPUs that can."""
    if processes.is_short:
        return torch.autocast(processes.device.type, torch.bfloat16)
    return contextlib.nullcontext()


class Follower:
    """What a process that writes nothing needs of an attempt: the wish to stop."""

    def __init__(self):
        self.is_stopping = False
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number, frame):  # noqa: ARG002 - the shape that Python asks for
        self.is_stopping = True

    def is_checkpoint_due(self):
        """Leave that to the first process."""
        return False


def train(run, batches, attempt):
    """Take all steps, saving now and then and when asked to stop; say if the end was reached."""
    processes, total = run.processes, run.options["steps"]
    loss, begun = None, time.monotonic()
    while run.step < total:
        if run.step % REPORT_EVERY_STEPS == 0:
            run.seconds = time.monotonic() - begun
            report(run, attempt, loss)
        stops, saves = processes.agree(attempt.is_stopping, attempt.is_checkpoint_due())
        if stops or saves:
            run.save(attempt, end="preempted" if stops else None)
        if stops:
            if processes.is_first:
                print(f"Stopped at step {run.step:,}; the checkpoint is kept.", flush=True)
            processes.agree(stops)  # nobody leaves before it is kept: who ends badly ends all
            return False
        loss = run.learn(*batches.at(run.step))
    run.seconds = time.monotonic() - begun
    report(run, attempt, loss)
    run.save(attempt, end="completed")
    return True


def report(run, attempt, loss):
    """Tell the platform how far it is and how well it goes."""
    metrics = run.speed()
    if loss is not None:
        metrics = {"loss": run.processes.mean(loss)} | metrics
        if not np.isfinite(metrics["loss"]):
            sys.exit(f"The loss is no number any more at step {run.step}: lower learning_rate.")
    if run.processes.is_first:
        executed = run.step + run.steps_redone
        attempt.report(
            step=run.step,
            total=run.options["steps"],
            metrics=metrics,
            samples=executed * run.options["batch_size"],
            flop=run.flop(executed),
        )


def learn_tokenizer(corpus, options):
    """Return the tokenizer of the training text; its size is that of the vocabulary."""
    merges = options["vocabulary"] - 256 - len(corpus.varieties)
    if merges < 0:
        sys.exit(
            f"vocabulary {options['vocabulary']} has no room for 256 bytes and "
            f"{len(corpus.varieties)} varieties. Choose a larger one."
        )
    return Tokenizer(learn_merges([text for _, text in corpus.train], merges), corpus.varieties)


def run_attempt(options):
    """Train, or go on training, and write the results; return the exit code."""
    processes = Processes()
    attempt = Attempt() if processes.is_first else Follower()
    data = os.environ.get("ALLMENDE_DATA", "data")
    corpus = Corpus(data, options)
    tokenizer = learn_tokenizer(corpus, options)
    passages = [tokenizer.encode_passage(number, text) for number, text in corpus.train]
    run = Run(options, corpus, processes)
    batches = Batches(passages, options, processes)
    run.resume(attempt)
    is_done = train(run, batches, attempt)
    model = run.whole_model() if is_done else None
    if model:
        write_results(run, model, corpus, tokenizer, attempt, data)
    return 0 if is_done else STOPPED_BEFORE_THE_END


def main():
    """Run one attempt, in as many processes as there are GPUs on this node."""
    options = read_options(BLUEPRINT, __doc__, sys.argv[1:], find_problem)
    code = launch_on_this_node(options["processes_per_node"])
    if code is not None:
        return code
    try:
        return run_attempt(options)
    # A full disk: the last complete checkpoint is still there.
    except (OSError, SafetensorError) as error:
        sys.exit(f"Could not read or write: {error}. Free some space and run again.")
    except torch.OutOfMemoryError:
        sys.exit(
            "The memory of the GPU does not suffice. Lower batch_size or context, or give the job "
            "several GPUs and sharded=1."
        )


if __name__ == "__main__":
    leave_at_once(main)
