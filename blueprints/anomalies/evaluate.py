"""What a run reports: NAB scores with thresholds from other series, intervals, baselines."""

import numpy as np
from nab import PROFILES, Scored, best_threshold, normalise, raw_scores

INTERVAL = (2.5, 97.5)
# From the results files that NAB publishes (repository numenta/NAB), standard profile: the raw
# scores of these same 31 series added up. Their thresholds were chosen on all 58 series of NAB.
PUBLISHED = (
    ("ARTime", 27.279, 74.9),
    ("Context OSE", 22.551, 69.9),
)


def evaluate_all(series, scores, *, folds, split_seed):
    """Return the figures of each detector in `scores`, a list of arrays by its name."""
    scored = [Scored(len(one.values), one.windows) for one in series]
    dice = np.random.default_rng([split_seed, 0])
    fold = dice.permutation(np.arange(len(series)) % folds)
    draws = dice.integers(len(series), size=(2000, len(series)))
    windows = np.array([len(one.windows) for one in scored])
    held_out, by_rule, thresholds = {}, {}, {}
    for who, each in scores.items():
        held_out[who], by_rule[who] = {}, {}
        for name, profile in PROFILES.items():
            whole = best_threshold(scored, each, profile)
            raw = raw_scores(scored, each, whole, profile)
            by_rule[who][f"nab_{name}"] = normalise(raw.sum(), windows.sum(), profile)
            raw = score_held_out(scored, each, fold, profile)
            held_out[who][f"nab_{name}"] = estimate(raw, windows, draws, profile)
            thresholds[who, name] = whole
    return held_out, by_rule, thresholds


def score_held_out(scored, scores, fold, profile):
    """Return the raw score of each series, at the threshold that is best for the other folds."""
    raw = np.zeros(len(scored))
    for number in np.unique(fold):
        others, own = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        threshold = best_threshold(
            [scored[at] for at in others], [scores[at] for at in others], profile
        )
        raw[own] = raw_scores(
            [scored[at] for at in own], [scores[at] for at in own], threshold, profile
        )
    return raw


def estimate(raw, windows, draws, profile):
    """Return the normalised score with its 95 % bootstrap interval over series."""
    values = [
        normalise(raw[draw].sum(), windows[draw].sum(), profile)
        for draw in draws
        if windows[draw].sum()
    ]
    low, high = np.percentile(values, INTERVAL)
    value = normalise(raw.sum(), windows.sum(), profile)
    return {"value": float(value), "low": float(low), "high": float(high)}
