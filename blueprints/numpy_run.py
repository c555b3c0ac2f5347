"""A run of a network in NumPy: its optimiser, and the checkpoints that keep both."""

from io import BytesIO

import numpy as np
import safetensors.numpy
from recipe import go_on, state_of


class NumpyRun:
    """Weights, optimiser and step: what a checkpoint keeps, and a resumed attempt gets back.

    A recipe adds `flop(steps)`, the formula of its blueprint.
    """

    def __init__(self, options, weights):
        self.options = options
        self.weights = weights
        self.adam = Adam(weights, options)
        self.step = 0
        self.steps_redone = 0

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
            state=state_of(self, end=end),
        )


class Adam:
    """Kingma & Ba 2015, with a learning rate that falls along a half cosine."""

    def __init__(self, weights, options):
        self.rate, self.total = options["learning_rate"], options["steps"]
        self.mean = {name: np.zeros_like(value) for name, value in weights.items()}
        self.square = {name: np.zeros_like(value) for name, value in weights.items()}

    def update(self, weights, gradients, step):
        """Change the weights in place; `step` counts from 0."""
        rate = self.rate * 0.5 * (1 + np.cos(np.pi * step / self.total))
        # Both corrections of the averages' start at zero, drawn into one factor.
        rate *= np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        for name, gradient in gradients.items():
            mean, square = self.mean[name], self.square[name]
            mean += np.float32(0.1) * (gradient - mean)
            square += np.float32(0.001) * (gradient * gradient - square)
            weights[name] -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-8))


def npz_bytes(arrays):
    """Return the arrays as the bytes of an npz file, without pickle."""
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
