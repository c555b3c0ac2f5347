"""How well beats are told apart, class by class, and how sure that is.

Beats of one recording are alike, and the more so the closer they are: intervals come from drawing
whole stretches of time, not single beats.
"""

import numpy as np

INTERVAL = (2.5, 97.5)
STRETCH_SECONDS = 20
FEWEST = 5  # beats of a class, below which its figures are not given


def found(label, said, number):
    """Return for each beat of a class whether it was called so: its mean is the sensitivity."""
    return said[label == number] == number


def right(label, said, number):
    """Return for each beat called so whether it is of the class: its mean is the PPV."""
    return label[said == number] == number


def share_with_interval(flags, drawn):
    """Return a share with its interval: from the shares of the resamples, unless they are all one.

    A share of 1 or 0 stays the same in each resample, as if it were certain. Then the exact limit
    counts (Clopper & Pearson 1934): 21 of 21 say no more than that it is at least 0.839.
    """
    value = float(np.mean(flags))
    if 0 < value < 1:
        return estimate(value, [np.mean(each) for each in drawn if len(each)])
    limit = (INTERVAL[0] / 100) ** (1 / len(flags))
    low, high = (limit, 1.0) if value == 1 else (0.0, 1 - limit)
    return {"value": value, "low": low, "high": high}


def estimate(value, values):
    """Return a value with its 95 % interval: the percentiles of its resamples."""
    low, high = np.percentile(values, INTERVAL)
    return {"value": float(value), "low": float(low), "high": float(high)}


def brier(label, probabilities):
    """Return the mean squared distance between what was said and the truth, over all classes."""
    truth = np.eye(probabilities.shape[1])[label]
    return float(np.mean(np.sum((probabilities - truth) ** 2, axis=1)))


def calibration_table(label, probabilities, bins=10):
    """Return rows (from, to, beats, mean probability, share right) of the class that was said."""
    sure = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == label
    of_bin = np.minimum((sure * bins).astype(int), bins - 1)
    return [
        (
            number / bins,
            (number + 1) / bins,
            int(np.sum(of_bin == number)),
            float(sure[of_bin == number].mean()),
            float(hit[of_bin == number].mean()),
        )
        for number in np.unique(of_bin)
    ]


def expected_calibration_error(label, probabilities):
    """Return the mean distance between said and seen, weighted by beats (Guo et al. 2017)."""
    rows = calibration_table(label, probabilities)
    return sum(beats * abs(said - seen) for _, _, beats, said, seen in rows) / len(label)


def measure_all(label, probabilities, seconds, *, classes, seed, resamples=1000):
    """Return each measure with its 95 % bootstrap interval over stretches of time.

    `classes` names each column of the probabilities. A class with too few beats is left out.
    """
    draws = list(draw_stretches(seconds, seed=seed, resamples=resamples))
    result = {}
    for measure in (brier, expected_calibration_error):
        values = [measure(label[draw], probabilities[draw]) for draw in draws]
        result[measure.__name__] = estimate(measure(label, probabilities), values)
    said = probabilities.argmax(axis=1)
    for number, name in enumerate(classes):
        if np.sum(label == number) < FEWEST:
            continue
        for kind, measure in (("sensitivity", found), ("ppv", right)):
            flags = measure(label, said, number)
            if len(flags):  # else no beat was called so: there is nothing to take a share of
                drawn = [measure(label[draw], said[draw], number) for draw in draws]
                result[f"{kind}_{name.lower()}"] = share_with_interval(flags, drawn)
    return result


def draw_stretches(seconds, *, seed, resamples):
    """Yield for each resample the beats of as many stretches of time as there are, drawn anew."""
    _, stretch = np.unique(seconds // STRETCH_SECONDS, return_inverse=True)
    beats_of = [np.flatnonzero(stretch == number) for number in range(stretch.max() + 1)]
    dice = np.random.default_rng([seed, 95])
    for draw in dice.integers(len(beats_of), size=(resamples, len(beats_of))):
        yield np.concatenate([beats_of[number] for number in draw])


def confusion_rows(label, said, classes):
    """Return for each class that occurs how many of its beats were called what."""
    rows = []
    for number, name in enumerate(classes):
        called = np.bincount(said[label == number], minlength=len(classes))
        if called.any():
            cells = zip(classes, called, strict=True)
            rows.append({"true class": name} | {f"called {other}": int(n) for other, n in cells})
    return rows
