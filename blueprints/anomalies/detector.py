"""A detector that learns while the series streams by, one record after the other.

Nothing looks ahead: the score of a record depends on it and on those before. Two surprises are
weighed: how far a value lies from what the last values and the time of day let expect, and how far
it lies outside of everything seen so far.
"""

from collections import deque

import numpy as np

DAY_SECONDS = 86_400
HARMONICS = 3  # of the day: one wave, two, three
EXTRA = 2 * HARMONICS + 1  # features beside the last values: the day, and a constant
CLIP = 6  # standard errors; one wild value must not teach the model that all is wild
SETTLING_RECORDS = 100  # until then the error is taken from the scale of the values
BEYOND = 0.004  # of the range seen so far: a new extreme that is worth a word
FAR_ERROR = 5  # standard errors: an error that is worth a word


class Forecaster:
    """Recursive least squares with forgetting: the next value from the last ones and the hour."""

    def __init__(self, lags, memory_records):
        self.memory = memory_records
        self.forgetting = 1 - 2 / memory_records
        self.weights = np.zeros(lags + EXTRA)
        self._inverse = 10.0 * np.eye(lags + EXTRA)
        self._history = np.zeros(lags)
        self._mean, self._variance, self._error, self._seen = 0.0, 0.0, 1.0, 0

    def surprise(self, value, day):
        """Return the error of the forecast in standard errors, and learn from the value."""
        if self._seen == 0:
            self._mean = value
        self._seen += 1
        rate = 1 / min(self._seen, self.memory)
        scale = np.sqrt(self._variance) + 1e-9 * (abs(self._mean) + 1e-9)
        standard = min(max((value - self._mean) / scale, -50.0), 50.0)
        features = np.concatenate([self._history, day])
        error = standard - features @ self.weights
        settled = self._seen > SETTLING_RECORDS
        surprise = abs(error) / (self._error if settled else max(self._error, 0.3))
        most = CLIP * self._error
        self._learn(features, min(max(error, -most), most), rate)
        self._history = np.concatenate([[standard], self._history[:-1]])
        step = value - self._mean
        self._mean += rate * step
        self._variance = (1 - rate) * (self._variance + rate * step * step)
        return surprise

    def _learn(self, features, error, rate):
        spread = self._inverse @ features
        gain = spread / (self.forgetting + features @ spread)
        self.weights += gain * error
        self._inverse = (self._inverse - np.outer(gain, spread)) / self.forgetting
        square = self._error**2
        self._error = np.sqrt(max(square + rate * (error * error - square), 1e-6))


def watch(times, values, *, lags, memory_records, quiet_records):
    """Return the score of each record, and what the forecaster has learned at the end."""
    forecaster, scores = Forecaster(lags, memory_records), np.zeros(len(values))
    low = high = values[0]
    for number, (value, day) in enumerate(zip(values, day_features(times), strict=True)):
        error = forecaster.surprise(value, day)
        beyond = max(value - high, low - value, 0) / (high - low) if high > low else 0.0
        scores[number] = np.log1p(beyond / BEYOND) + 2 * np.log1p(error / FAR_ERROR)
        low, high = min(low, value), max(high, value)
    return say_once(scores, quiet_records), forecaster.weights


def day_features(times):
    """Return waves of the day and a constant, (records, EXTRA)."""
    angle = 2 * np.pi * (times % DAY_SECONDS) / DAY_SECONDS
    waves = [wave(k * angle) for k in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    return np.stack([*waves, np.ones(len(times))], axis=1)


def say_once(scores, quiet_records):
    """Return the scores, 0 where one at least as high was said within the last records.

    Whoever is on call wants to hear of an incident once, and again only if it gets worse.
    """
    said, recent = np.zeros(len(scores)), deque()  # places of falling scores, the highest first
    for number, score in enumerate(scores):
        while recent and recent[0] < number - quiet_records:
            recent.popleft()
        if not recent or score > scores[recent[0]]:
            said[number] = score
        while recent and scores[recent[-1]] <= score:
            recent.pop()
        recent.append(number)
    return said


def rolling_z_score(values, memory_records):
    """Return the baseline: distance from the mean of the records before, in standard deviations."""
    centred = values - values[0]
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    ends = np.arange(1, len(values))
    starts = np.maximum(ends - memory_records, 0)
    counts = ends - starts
    means = (sums[ends] - sums[starts]) / counts
    variances = (squares[ends] - squares[starts]) / counts - means**2
    floor = 1e-12 * max(float(np.var(values[:100])), 1e-12)
    distances = np.abs(centred[1:] - means) / np.sqrt(np.maximum(variances, floor))
    return np.concatenate([[0.0], distances])
