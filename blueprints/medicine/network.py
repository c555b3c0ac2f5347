"""Small networks side by side: the first axis of every array counts the members."""

import numpy as np


def initial_weights(options, features):
    """Return the weights of all members (first axis), He-initialised."""
    dice = np.random.default_rng([options["seed"], 0])
    members, hidden = options["folds"], options["hidden_units"]
    draw = dice.standard_normal
    return {
        "hidden.weight": np.float32(draw((members, features, hidden)) * np.sqrt(2 / features)),
        "hidden.bias": np.zeros((members, 1, hidden), np.float32),
        "output.weight": np.float32(draw((members, hidden, 1)) * np.sqrt(1 / hidden)),
        "output.bias": np.zeros((members, 1, 1), np.float32),
    }


def forward(weights, x):
    """Return the hidden layer and the logits of every member; x is (members or 1, records, 30)."""
    hidden = np.maximum(x @ weights["hidden.weight"] + weights["hidden.bias"], 0)
    return hidden, (hidden @ weights["output.weight"] + weights["output.bias"])[..., 0]


def sigmoid(logits):
    """Return probabilities, without overflow on either side."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def loss_and_gradients(weights, x, y, l2):
    """Return the mean cross-entropy, and how it changes with each weight, penalty included."""
    hidden, logits = forward(weights, x)
    loss = np.mean(np.logaddexp(0, logits) - y * logits)
    at_logits, at_hidden = differences(weights, hidden, logits, y, share=1 / y.shape[1])
    return loss, penalise(backward(x, hidden, at_logits, at_hidden), weights, l2)


def differences(weights, hidden, logits, y, share=1):
    """Return how the loss changes with each logit and with each hidden unit, record by record."""
    at_logits = ((sigmoid(logits) - y) * share)[..., None].astype(np.float32)
    return at_logits, (at_logits @ weights["output.weight"].transpose(0, 2, 1)) * (hidden > 0)


def backward(x, hidden, at_logits, at_hidden):
    """Return how the loss changes with each weight, summed over the records."""
    return {
        "hidden.weight": x.transpose(0, 2, 1) @ at_hidden,
        "hidden.bias": at_hidden.sum(axis=1, keepdims=True),
        "output.weight": hidden.transpose(0, 2, 1) @ at_logits,
        "output.bias": at_logits.sum(axis=1, keepdims=True),
    }


def penalise(gradients, weights, l2):
    """Add the penalty on large weights; biases are free."""
    for name in ("hidden.weight", "output.weight"):
        gradients[name] += l2 * weights[name]
    return gradients


def clipped_gradients(weights, x, y, most):
    """Return the sum of the records' gradients, each over all weights cut to the length `most`.

    A record's gradient is made of outer products, so that its length follows from the lengths of
    their sides, and no gradient of a single record is ever written out.
    """
    hidden, logits = forward(weights, x[None])
    at_logits, at_hidden = differences(weights, hidden, logits, y)
    square = np.square
    inputs = 1 + square(x, dtype=float).sum(axis=1)  # 1: the bias
    units = 1 + square(hidden, dtype=float).sum(axis=2)
    squares = square(at_hidden, dtype=float).sum(axis=2) * inputs
    squares += square(at_logits[..., 0], dtype=float) * units
    lengths = np.sqrt(squares.sum(axis=0))
    factors = np.float32(most / np.maximum(lengths, most))[:, None]
    return backward(x[None], hidden, at_logits * factors, at_hidden * factors)
