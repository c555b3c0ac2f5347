"""The driver: a small network that looks at the bends around a point and says where to drive.

It has no bias and every layer is odd, so that a mirrored track gives the mirrored line. It is
taught by trial: many drivers that differ a little drive every track, and the lap times say which
way to go (evolution strategies, Salimans et al. 2017).
"""

import numpy as np
from tracks import MARGIN_METRES, POINTS, TAPS, bends, lines_of, smooth
from vehicle import lap_seconds, speed_profile


def first_weights(options):
    """Return the weights of a driver that keeps to the centre line, as one vector."""
    dice = np.random.default_rng([options["seed"], 0])
    looking = dice.standard_normal((len(TAPS), options["hidden_units"])) / np.sqrt(len(TAPS))
    return np.concatenate([looking.ravel(), np.zeros(options["hidden_units"])])


def split(weights, hidden):
    """Return the two layers of drivers, (drivers, taps, hidden) and (drivers, hidden)."""
    weights = np.atleast_2d(weights)
    looking = weights[:, : len(TAPS) * hidden].reshape(-1, len(TAPS), hidden)
    return looking, weights[:, len(TAPS) * hidden :]


class Course:
    """Tracks that are driven together, every driver on every track."""

    def __init__(self, tracks):
        self.tracks = tracks
        self.views = np.stack([track.views() for track in tracks])
        self.low = np.stack([track.low for track in tracks], axis=1)
        self.high = np.stack([track.high for track in tracks], axis=1)
        self.centre_seconds = self.laps(np.zeros((POINTS, len(tracks))))[0]

    def offsets(self, weights, hidden):
        """Return where drivers drive, (points, drivers × tracks), driver after driver."""
        looking, leaning = split(weights, hidden)
        felt = np.tanh(self.views[None] @ looking[:, None])  # (drivers, tracks, points, hidden)
        wish = np.tanh((felt * leaning[:, None, None]).sum(axis=3))
        wish = np.moveaxis(wish, 2, 0)  # (points, drivers, tracks), -1 at the right edge, 1 left
        right, left = -self.low - MARGIN_METRES, self.high - MARGIN_METRES
        offsets = wish * np.where(wish > 0, left[:, None], right[:, None])
        for place, track in enumerate(self.tracks):
            calm = smooth(offsets[:, :, place], track.length)
            offsets[:, :, place] = track.between(calm.T).T
        return offsets.reshape(POINTS, -1)

    def laps(self, offsets):
        """Return the ideal lap times of lines, (drivers × tracks,), and how they are driven."""
        drivers = offsets.shape[1] // len(self.tracks)
        curvature, way = bends(lines_of(self.tracks * drivers, offsets))
        speed = speed_profile(curvature, way)
        line = {"curvature": curvature, "way": way, "speed": speed, "offset": offsets}
        return lap_seconds(speed, way), line

    def score(self, weights, hidden):
        """Return the mean logarithm of lap time over that of the centre line, (drivers,)."""
        seconds, _ = self.laps(self.offsets(weights, hidden))
        return np.log(seconds.reshape(-1, len(self.tracks)) / self.centre_seconds).mean(axis=1)


def improve(weights, moments, course, options, step):
    """Return weights and Adam's moments after one step, and the mean score of those who tried."""
    dice = np.random.default_rng([options["seed"], 1, step])
    changes = dice.standard_normal((options["pairs"], len(weights)))
    tried = weights + options["noise"] * np.concatenate([changes, -changes])
    scores = course.score(tried, options["hidden_units"])
    better = scores[options["pairs"] :] - scores[: options["pairs"]]
    gradient = -(better / (better.std() + 1e-12)) @ changes / options["pairs"]
    mean = moments[0] + 0.1 * (gradient - moments[0])
    square = moments[1] + 0.01 * (gradient**2 - moments[1])
    correction = np.sqrt(1 - 0.99 ** (step + 1)) / (1 - 0.9 ** (step + 1))
    rate = options["learning_rate"] * (1 - step / options["steps"])
    weights = weights - rate * correction * mean / (np.sqrt(square) + 1e-8)
    return weights, np.stack([mean, square]), float(scores.mean())
