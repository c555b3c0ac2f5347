"""Small convolutional networks side by side, one for each fold; they never see each other."""

import itertools

import torch
from torch import nn
from torch.nn import functional

KERNEL = 5  # flights that one convolution sees at once; the FLOP formula has it too
LAYERS = 3
UNITS = 32  # of the hidden layer between the convolutions and the answer


class Network(nn.Module):
    """Sensors of a window in; share of the capped life that remains and its spread out."""

    def __init__(self, *, sensors, window, width):
        super().__init__()
        widths = list(itertools.pairwise([sensors] + [width] * LAYERS))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, padding="same") for before, after in widths
        )
        self.hidden = nn.Linear(window * width, UNITS)
        self.answer = nn.Linear(UNITS, 2)
        # Of one window. The weights of a convolution work at each of its places.
        inner = sum(before * after * KERNEL for before, after in widths)
        self.multiplications = window * inner + window * width * UNITS + UNITS * 2

    def forward(self, windows):
        """Return (batch, 2) for (batch, sensors, window): life, and the logarithm of its spread."""
        x = windows
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        return self.answer(functional.relu(self.hidden(x.flatten(1))))


class Ensemble(nn.Module):
    """The members of all folds; each may look at other engines."""

    def __init__(self, *, members, **shape):
        super().__init__()
        self.members = nn.ModuleList(Network(**shape) for _ in range(members))
        self.multiplications = self.members[0].multiplications

    def forward(self, windows):
        """Return (members, batch, 2) for windows (members, batch, sensors, window)."""
        return torch.stack([net(own) for net, own in zip(self.members, windows, strict=True)])


def loss_of(answers, shares):
    """Return the mean square of the error, and how badly the spread says its size.

    The spread is learned from errors as they are: it never pulls at the prediction itself.
    """
    life, log_spread = answers[..., 0], answers[..., 1]
    error = (life - shares).detach().abs()
    square = (life - shares).square().mean()
    surprise = (error * torch.exp(-log_spread) + log_spread).mean()  # Laplace
    return square + 0.1 * surprise


def count_weights(module):
    """Return the number of trainable figures."""
    return sum(weight.numel() for weight in module.parameters())
