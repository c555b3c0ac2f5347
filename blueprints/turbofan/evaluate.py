"""How good are the predictions, how sure are we, and do new data still look like the training.

Lives are in cycles (one flight each). `said` is predicted, `truth` what came.
"""

import numpy as np

INTERVAL = (2.5, 97.5)
COVERAGE = 0.9  # share of engines whose life shall lie within the prediction interval
# Population stability index: what the credit industry reads into it since the 1990s.
SLIGHT, LARGE = 0.1, 0.25
BINS = 10


def rmse(truth, said):
    """Return the root of the mean squared error, in cycles."""
    return float(np.sqrt(np.mean((said - truth) ** 2)))


def nasa_score(truth, said):
    """Return the sum of penalties of the PHM08 challenge (Saxena et al. 2008); 0 is perfect.

    Saying too long a life costs more than saying too short a one.
    """
    late = said - truth
    return float(np.sum(np.expm1(np.where(late < 0, -late / 13, late / 10))))


def mean_error(truth, said):
    """Return the mean of said minus true, in cycles: above zero is too hopeful."""
    return float(np.mean(said - truth))


MEASURES = {"rmse_cycles": rmse, "nasa_score": nasa_score, "mean_error_cycles": mean_error}


def measure_all(truth, said, *, seed, resamples=2000):
    """Return each measure with its 95 % bootstrap interval (percentile; engines drawn anew)."""
    dice = np.random.default_rng([seed, 95])
    draws = dice.integers(len(truth), size=(resamples, len(truth)))
    result = {}
    for name, measure in MEASURES.items():
        values = [measure(truth[draw], said[draw]) for draw in draws]
        low, high = np.percentile(values, INTERVAL)
        result[name] = {"value": measure(truth, said), "low": float(low), "high": float(high)}
    return result


def fit_interval(truth, said, spread):
    """Return two factors of the spread between which the wanted share of errors lies.

    Errors of engines that the network has not seen (split conformal; Lei et al. 2018, with the
    error divided by the predicted spread). Each side takes half of what may lie outside.
    """
    scores = np.sort((truth - said) / spread)
    count, outside = len(scores), (1 - COVERAGE) / 2
    low = int(np.floor((count + 1) * outside)) - 1
    high = int(np.ceil((count + 1) * (1 - outside))) - 1
    return float(scores[max(low, 0)]), float(scores[min(high, count - 1)])


def predict_interval(said, spread, factors, cap):
    """Return the lower and the upper end; an upper end at the cap means "so many or more"."""
    low, high = (np.clip(said + factor * spread, 0, cap) for factor in factors)
    return low, high


def coverage(truth, low, high, cap):
    """Return the share of engines whose true life lies within the interval."""
    return float(np.mean((low <= truth) & ((truth <= high) | (high >= cap))))


def stability_index(reference, new):
    """Return the population stability index of new values against reference ones; 0 is equal.

    Bins hold a tenth of the reference each, fewer where many values are the same.
    """
    edges = np.unique(np.quantile(reference, np.arange(1, BINS) / BINS))
    shares = []
    for values in (reference, new):
        counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
        shares.append((counts + 0.5) / (len(values) + 0.5 * len(counts)))  # never zero
    before, after = shares
    return float(np.sum((after - before) * np.log(after / before)))


def verdict(index):
    """Return what an index is usually read as."""
    return "stable" if index < SLIGHT else "slight" if index < LARGE else "large"
