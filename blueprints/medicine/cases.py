"""The records: who is held out for the test, who trains, and on what scale the features stand."""

import hashlib

import numpy as np
from sklearn.datasets import load_breast_cancer

HELD_OUT = 0.3
TUMOUR_SIZE = "mean area"

# A usual value and a usual spread of each measure, as mean, error and worst of a tumour's nuclei:
# round numbers, for private runs. They are knowledge from elsewhere; taken from the records in
# training, as an ordinary run does, they would tell something about each of these.
USUAL = {
    "radius": ((14, 4), (0.4, 0.3), (16, 5)),
    "texture": ((19, 4), (1.2, 0.5), (26, 6)),
    "perimeter": ((90, 25), (3, 2), (105, 35)),
    "area": ((650, 350), (40, 40), (900, 600)),
    "smoothness": ((0.1, 0.015), (0.007, 0.003), (0.13, 0.02)),
    "compactness": ((0.1, 0.05), (0.025, 0.02), (0.25, 0.15)),
    "concavity": ((0.1, 0.08), (0.03, 0.03), (0.3, 0.2)),
    "concave points": ((0.05, 0.04), (0.012, 0.006), (0.11, 0.07)),
    "symmetry": ((0.18, 0.03), (0.02, 0.008), (0.3, 0.06)),
    "fractal dimension": ((0.06, 0.007), (0.004, 0.003), (0.085, 0.02)),
}
USUAL_SIZE_CUTS = (450.0, 700.0)  # square units of the mean area


class Data:
    """Features on a common scale and labels (1 = malignant): development records, held-out test."""

    def __init__(self, options):
        raw = load_breast_cancer()
        features, labels = raw.data, (raw.target == 0).astype(np.float32)
        self.sha256 = hashlib.sha256(raw.data.tobytes() + raw.target.tobytes()).hexdigest()
        self.records = len(labels)
        self.feature_names = [str(name) for name in raw.feature_names]
        dice = np.random.default_rng(options["split_seed"])
        test = stratified_groups(labels, [HELD_OUT, 1 - HELD_OUT], dice) == 0
        size = features[:, self.feature_names.index(TUMOUR_SIZE)]
        if options["target_epsilon"]:
            self.mean, self.scale = usual_scale(self.feature_names)
            self.size_cuts = USUAL_SIZE_CUTS
        else:
            self.mean, self.scale = features[~test].mean(axis=0), features[~test].std(axis=0)
            self.size_cuts = np.quantile(size[~test], [1 / 3, 2 / 3])
        standard = ((features - self.mean) / self.scale).astype(np.float32)
        self.x, self.y = standard[~test], labels[~test]
        self.test_x, self.test_y = standard[test], labels[test]
        self.test_sizes = size[test]
        folds = options["folds"]
        self.fold_of = stratified_groups(self.y, [1 / folds] * folds, dice)
        others = [np.flatnonzero(self.fold_of != fold) for fold in range(folds)]
        shortest = min(len(rows) for rows in others)
        self.rows_of_member = np.stack([rows[:shortest] for rows in others])


def usual_scale(feature_names):
    """Return the usual value and the usual spread of each feature, known before any record is."""
    rows = {}
    for measure, (mean, error, worst) in USUAL.items():
        rows |= {f"mean {measure}": mean, f"{measure} error": error, f"worst {measure}": worst}
    scale = np.array([rows[name] for name in feature_names], float)
    return scale[:, 0], scale[:, 1]


def stratified_groups(labels, shares, dice):
    """Deal every class to groups of the given shares; return the group of each record."""
    group = np.empty(len(labels), dtype=int)
    edges = np.cumsum(shares)[:-1]
    for label in (0, 1):
        rows = dice.permutation(np.flatnonzero(labels == label))
        for number, part in enumerate(np.split(rows, (edges * len(rows)).round().astype(int))):
            group[part] = number
    return group


class Batches:
    """Which records each member sees at a step: a pure function of seed and step.

    So a resumed run needs no saved position, and sees exactly what a straight run would.
    """

    def __init__(self, rows_of_member, options):
        self.rows, self.seed = rows_of_member, options["seed"]
        self.size = options["batch_size"]
        self.per_epoch = rows_of_member.shape[1] // self.size
        self._epoch, self._order = -1, None

    def at(self, step):
        """Return an array (members, batch) of record numbers."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            dice = np.random.default_rng([self.seed, 1, epoch])
            self._epoch, self._order = epoch, dice.permuted(self.rows, axis=1)
        return self._order[:, place * self.size : (place + 1) * self.size]
