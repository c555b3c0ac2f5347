"""What a network must be better than: the commonest class, the nearest template, a rule of rhythm.

Each learns from the development beats alone and says a probability of one for one class.
"""

import numpy as np
from ecg import RHYTHM

EARLY = -2  # the feature: the pause before a beat as a share of recent pauses


def commonest(x, label, new):  # noqa: ARG001 - asked like the others
    """Call every beat what most of them are."""
    return np.full(len(new), np.bincount(label).argmax())


def nearest_template(x, label, new):
    """Call a beat as the mean shape that is nearest to it."""
    shapes, classes = x[:, :-RHYTHM], np.unique(label)
    templates = np.stack([shapes[label == number].mean(axis=0) for number in classes])
    distances = np.square(new[:, None, :-RHYTHM] - templates).sum(axis=2)
    return classes[distances.argmin(axis=1)]


def early_beats(x, label, new):
    """Call a beat supraventricular that comes early, by a limit that suits development best."""
    normal, early = 0, 1
    if not np.any(label == early):
        return np.full(len(new), normal)
    limits = np.unique(x[:, EARLY])
    hits = [
        np.mean(x[label == early, EARLY] < limit) + np.mean(x[label == normal, EARLY] >= limit)
        for limit in limits
    ]
    return np.where(new[:, EARLY] < limits[int(np.argmax(hits))], early, normal)
