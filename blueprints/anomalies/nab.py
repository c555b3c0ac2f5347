"""The scoring of the Numenta Anomaly Benchmark, from its published definition.

A. Lavin, S. Ahmad: Evaluating real-time anomaly detection algorithms, ICMLA 2015. An alarm within a
labelled window earns the more the earlier it comes, and only the first one counts; an alarm outside
costs the more the farther it lies behind the last window; a window without an alarm costs, too.
"""

from dataclasses import dataclass

import numpy as np

PROBATION_SHARE, PROBATION_RECORDS_MAX = 0.15, 750  # first records, on which nothing counts
FAR_BEHIND = 3.0  # widths of the window before; from here on an alarm costs all


@dataclass(frozen=True)
class Profile:
    """What is worth how much: alarms that hit, false alarms, windows that were missed."""

    hit: float
    false_alarm: float
    miss: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "reward_low_fp": Profile(1.0, 0.22, 1.0),
    "reward_low_fn": Profile(1.0, 0.11, 2.0),
}


def worth(position):
    """Return the worth of an alarm at a place relative to a window of width 1 that ends at 0."""
    return np.where(position >= FAR_BEHIND, -1.0, 2 / (1 + np.exp(5 * position)) - 1)


class Scored:
    """A series with its windows: what an alarm at each record would be worth."""

    def __init__(self, records, windows):
        """Take the number of records, and first and last record of each window, in order."""
        numbers = np.arange(records)
        self.window = np.full(records, -1)
        position = np.full(records, FAR_BEHIND)
        for number, (first, last) in enumerate(windows):
            inside = (numbers >= first) & (numbers <= last)
            self.window[inside] = number
            width = last - first + 1
            behind = numbers > last
            position[behind] = (numbers[behind] - last) / max(width - 1, 1)
            position[inside] = (numbers[inside] - last - 1) / width
        self.worth = worth(position)
        self.worth[self.window >= 0] /= worth(np.array(-1.0))  # the earliest hit earns one
        probation = int(min(PROBATION_SHARE * records, PROBATION_RECORDS_MAX))
        self.counts = numbers >= probation
        self.windows = np.unique(self.window[self.counts & (self.window >= 0)])

    def score(self, alarms, profile):
        """Return the raw score of alarms (a flag for each record)."""
        heard = alarms & self.counts
        total = profile.false_alarm * self.worth[heard & (self.window < 0)].sum()
        for number in self.windows:
            hits = self.worth[heard & (self.window == number)]
            total += profile.hit * hits.max() if len(hits) else -profile.miss
        return float(total)


def normalise(raw, windows, profile):
    """Return raw as a share between no alarm at all (0) and each window hit at once (100)."""
    nothing, perfect = -profile.miss * windows, profile.hit * windows
    return 100 * (raw - nothing) / (perfect - nothing)


def raw_scores(series, scores, threshold, profile):
    """Return the raw score of each series at one threshold."""
    return np.array(
        [one.score(each >= threshold, profile) for one, each in zip(series, scores, strict=True)]
    )


def best_threshold(series, scores, profile):
    """Return the threshold with the best sum over the series; NAB does so for every detector."""
    candidates = np.unique(np.quantile(np.concatenate(scores), 1 - np.geomspace(1e-6, 0.2, 200)))
    candidates = np.append(candidates, np.inf)
    sums = [raw_scores(series, scores, at, profile).sum() for at in candidates]
    return float(candidates[int(np.argmax(sums))])
