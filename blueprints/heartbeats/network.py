"""A network with one hidden layer that says how probable each class of beat is."""

import numpy as np


def initial_weights(options, features, classes):
    """Return the weights, He-initialised."""
    dice = np.random.default_rng([options["seed"], 0])
    hidden = options["hidden_units"]
    draw = dice.standard_normal
    return {
        "hidden.weight": np.float32(draw((features, hidden)) * np.sqrt(2 / features)),
        "hidden.bias": np.zeros(hidden, np.float32),
        "output.weight": np.float32(draw((hidden, classes)) * np.sqrt(1 / hidden)),
        "output.bias": np.zeros(classes, np.float32),
    }


def forward(weights, x):
    """Return the hidden layer and the probability of each class; x is (beats, features)."""
    hidden = np.maximum(x @ weights["hidden.weight"] + weights["hidden.bias"], 0)
    logits = hidden @ weights["output.weight"] + weights["output.bias"]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return hidden, powers / powers.sum(axis=1, keepdims=True)


def loss_and_gradients(weights, x, label, l2):
    """Return the mean cross-entropy, and how it changes with each weight, penalty included."""
    hidden, said = forward(weights, x)
    rows = np.arange(len(label))
    loss = -np.mean(np.log(np.maximum(said[rows, label], 1e-30)))
    at_output = said.copy()
    at_output[rows, label] -= 1
    at_output /= len(label)
    at_hidden = (at_output @ weights["output.weight"].T) * (hidden > 0)
    return loss, {
        "hidden.weight": x.T @ at_hidden + np.float32(l2) * weights["hidden.weight"],
        "hidden.bias": at_hidden.sum(axis=0),
        "output.weight": hidden.T @ at_output + np.float32(l2) * weights["output.weight"],
        "output.bias": at_output.sum(axis=0),
    }
