"""Differentially private training: no single record changes the model by much (DP-SGD).

After Abadi et al. 2016, https://doi.org/10.1145/2976749.2978318. In each step every record takes
part by a toss of its own (Poisson sampling), the gradient of each is cut to a bounded length, and
noise is added to their sum. Whoever sees the weights of all steps learns about any one record at
most what epsilon and delta allow. An accountant (dp-accounting) says how much that is.
"""

import hashlib
import json
import os
import secrets
import sys
from functools import cache
from importlib.metadata import version
from math import ceil

import numpy as np
from attempt import write_durably
from network import clipped_gradients, penalise
from scipy.special import ndtri

KEPT = "privacy.json"  # beside the checkpoints
KEY_BYTES = 32


class Privacy:
    """The noise and the tosses of a private run, and what they are worth.

    Both are pure functions of a secret key and the step: a step that is done again after a crash
    gives the very same result, so that it tells nothing new and is counted once.
    """

    def __init__(self, options, records, kept):
        self.options, self.records = options, records
        self.sampling = min(1.0, options["batch_size"] / records)
        self.noise_multiplier = kept["noise_multiplier"]
        self.key = bytes.fromhex(kept["key"])

    def gradients(self, weights, data, step):
        """Return the mean gradient of a step, blurred, with the penalty on large weights."""
        if not self.key:
            sys.exit(
                f"The key of this private run is gone: step {step} cannot be done. Start anew."
            )
        taken = self.uniforms("records", step, self.records) < self.sampling
        most = self.options["max_grad_norm"]
        sums = clipped_gradients(weights, data.x[taken], data.y[taken], most)
        sizes = [value.size for value in sums.values()]
        noise = np.split(self.normals("noise", step, sum(sizes)), np.cumsum(sizes)[:-1])
        expected = self.sampling * self.records
        for (name, value), blur in zip(sums.items(), noise, strict=True):
            blur = blur.reshape(value.shape) * (self.noise_multiplier * most)
            sums[name] = np.float32((value + blur) / expected)
        # The penalty knows the weights alone, so that it needs no noise.
        return penalise(sums, weights, self.options["l2"])

    def uniforms(self, purpose, step, count):
        """Return numbers between 0 and 1 that nobody can foretell without the key."""
        source = hashlib.shake_256(self.key + f"{purpose} {step}".encode())
        whole = np.frombuffer(source.digest(8 * count), "<u8") >> np.uint64(11)
        return (whole + 0.5) * 2.0**-53

    def normals(self, purpose, step, count):
        """Return normally distributed numbers that nobody can foretell without the key."""
        return ndtri(self.uniforms(purpose, step, count))

    def spent_epsilon(self, steps):
        """Return the epsilon that so many steps have spent, however often they were repeated."""
        return epsilon_of(self.sampling, self.noise_multiplier, steps, self.options["delta"])

    def facts(self, steps):
        """Return what the training record says about the guarantee."""
        return {
            "epsilon": ceil(self.spent_epsilon(steps) * 1e6) / 1e6,
            "delta": self.options["delta"],
            "unit": "one record added or removed",
            "mechanism": "DP-SGD, Gaussian noise",
            "accountant": f"dp-accounting {version('dp-accounting')}; privacy loss distributions",
            "sampling": "Poisson: each record by a toss of its own in each step",
            "sampling_probability": self.sampling,
            "noise_multiplier": self.noise_multiplier,
            "max_grad_norm": self.options["max_grad_norm"],
            "steps": steps,
            "covers": "the development records; not the figures measured on held-out records",
        }


def start_or_go_on(attempt, options, records):
    """Return the privacy of a run, with the key and the noise that its first attempt chose."""
    path = attempt.checkpoints / KEPT
    if not path.exists():
        sampling = min(1.0, options["batch_size"] / records)
        noise = noise_for(options["target_epsilon"], sampling, options["steps"], options["delta"])
        drawn = {"key": secrets.token_hex(KEY_BYTES), "noise_multiplier": noise, "options": options}
        keep(path, drawn)
    kept = json.loads(path.read_text())
    if kept["options"] != options:  # the noise would be wrong for them
        sys.exit(f"The key {path} was drawn for other parameters. Start a new job.")
    return Privacy(options, records, kept)


def forget_key(attempt):
    """Erase the key once the last step is done: with it one could take the noise away again."""
    path = attempt.checkpoints / KEPT
    keep(path, json.loads(path.read_text()) | {"key": ""})


def keep(path, kept):
    """Write what a later attempt needs, for the owner's eyes only."""
    before = os.umask(0o077)
    try:
        write_durably(path, json.dumps(kept).encode())
    finally:
        os.umask(before)


def event_of(sampling, noise_multiplier, steps):
    """Return the steps of a run as the accountant reads them."""
    from dp_accounting import dp_event  # noqa: PLC0415 - seconds that only private runs need

    step = dp_event.PoissonSampledDpEvent(sampling, dp_event.GaussianDpEvent(noise_multiplier))
    return dp_event.SelfComposedDpEvent(step, steps)


@cache
def epsilon_of(sampling, noise_multiplier, steps, delta):
    """Return the epsilon of so many steps: an upper bound."""
    from dp_accounting.pld import PLDAccountant  # noqa: PLC0415 - as above

    if steps == 0:
        return 0.0
    spent = PLDAccountant().compose(event_of(sampling, noise_multiplier, steps))
    return float(spent.get_epsilon(delta))


def noise_for(target_epsilon, sampling, steps, delta):
    """Return the least noise, in lengths of a cut gradient, that keeps a run within epsilon."""
    from dp_accounting import calibrate_dp_mechanism  # noqa: PLC0415 - as above
    from dp_accounting.pld import PLDAccountant  # noqa: PLC0415

    return float(
        calibrate_dp_mechanism(
            PLDAccountant,
            lambda noise: event_of(sampling, noise, steps),
            target_epsilon,
            delta,
            tol=1e-3,
        )
    )
