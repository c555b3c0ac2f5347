"""How good is the classifier, how sure are we, and for whom is it worse.

Every function takes labels (1 = malignant) and probabilities. Nothing here names a patient, and a
group of fewer than five is not reported: outputs leave the site, data do not.
"""

import numpy as np

SMALLEST_GROUP = 5
INTERVAL = (2.5, 97.5)
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def auroc(labels, probabilities):
    """Return the chance that a malignant case scores above a benign one; ties count half."""
    positives = np.count_nonzero(labels)
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = mean_ranks[inverse][labels == 1].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def sensitivity(labels, decisions):
    """Return the share of malignant cases that were found."""
    return share(decisions[labels == 1])


def specificity(labels, decisions):
    """Return the share of benign cases that were left alone."""
    return share(~decisions[labels == 0])


def share(flags):
    """Return the share of true flags; not a number when there are none."""
    return float(np.mean(flags)) if len(flags) else float("nan")


def balanced_accuracy(labels, probabilities):
    """Return the mean of sensitivity and specificity at one half."""
    decisions = probabilities >= 0.5
    return (sensitivity(labels, decisions) + specificity(labels, decisions)) / 2


def brier(labels, probabilities):
    """Return the mean squared distance between probability and truth; 0 is perfect."""
    return float(np.mean((probabilities - labels) ** 2)) if len(labels) else float("nan")


def threshold_for_specificity(labels, probabilities, wanted):
    """Return the lowest threshold that leaves at least the wanted share of benign cases alone."""
    benign = np.sort(probabilities[labels == 0])
    allowed = int(np.floor((1 - wanted) * len(benign) + 1e-9))  # benign cases that may score above
    return float(np.nextafter(benign[len(benign) - allowed - 1], np.inf))


def sensitivity_at_95_specificity(labels, probabilities):
    """Return the best sensitivity that is possible with a specificity of at least 0.95."""
    if np.all(labels == labels[0]):
        return float("nan")
    threshold = threshold_for_specificity(labels, probabilities, 0.95)
    return sensitivity(labels, probabilities >= threshold)


def calibration_table(labels, probabilities, bins=10):
    """Return rows (from, to, cases, mean probability, share malignant) of equal width."""
    edges = np.linspace(0, 1, bins + 1)
    of_bin = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        inside = of_bin == number
        cases = int(np.count_nonzero(inside))
        if cases:
            observed = float(labels[inside].mean())
            predicted = float(probabilities[inside].mean())
            rows.append(
                (float(edges[number]), float(edges[number + 1]), cases, predicted, observed)
            )
    return rows


def expected_calibration_error(labels, probabilities):
    """Return the mean distance between said and seen, weighted by cases (Guo et al. 2017)."""
    rows = calibration_table(labels, probabilities)
    return sum(cases * abs(said - seen) for _, _, cases, said, seen in rows) / len(labels)


MEASURES = {
    "auroc": auroc,
    "balanced_accuracy": balanced_accuracy,
    "brier": brier,
    "expected_calibration_error": expected_calibration_error,
    "sensitivity_at_95_specificity": sensitivity_at_95_specificity,
}


def measure_all(labels, probabilities, *, seed, resamples=1000):
    """Return each measure with its 95 % bootstrap interval (percentile; cases drawn anew)."""
    dice = np.random.default_rng([seed, 95])
    draws = dice.integers(len(labels), size=(resamples, len(labels)))
    result = {}
    for name, measure in MEASURES.items():
        values = np.array([measure(labels[draw], probabilities[draw]) for draw in draws])
        low, high = np.nanpercentile(values, INTERVAL)
        result[name] = {
            "value": measure(labels, probabilities),
            "low": float(low),
            "high": float(high),
        }
    return result


def net_benefit(labels, probabilities, threshold):
    """Return true less false alarms per case, a false one weighed by the odds of the threshold.

    Who acts from a probability of 0.2 on takes four false alarms for one case found.
    """
    acts = probabilities >= threshold
    found, false = np.mean(acts & (labels == 1)), np.mean(acts & (labels == 0))
    return float(found - false * threshold / (1 - threshold))


def decision_curve(labels, probabilities, baseline, *, seed, resamples=1000):
    """Return the net benefit at each threshold probability (Vickers & Elkin 2006).

    Beside it the baseline and acting on everybody; acting on nobody is worth 0 at every threshold.
    """
    dice = np.random.default_rng([seed, 96])
    draws = dice.integers(len(labels), size=(resamples, len(labels)))
    everybody, rows = np.ones(len(labels)), []
    for threshold in THRESHOLDS:
        values = [net_benefit(labels[draw], probabilities[draw], threshold) for draw in draws]
        low, high = np.percentile(values, INTERVAL)
        value = net_benefit(labels, probabilities, threshold)
        rows.append(
            {
                "threshold": threshold,
                "model": {"value": value, "low": float(low), "high": float(high)},
                "baseline": round(net_benefit(labels, baseline, threshold), 4),
                "everybody": round(net_benefit(labels, everybody, threshold), 4),
            }
        )
    return rows


def subgroup_table(labels, probabilities, *, sizes, cuts, threshold):
    """Return how well it works for small, middle and large tumours; cuts come from development."""
    of_group = np.digitize(sizes, cuts)
    rows = []
    for number, name in enumerate(("small", "middle", "large")):
        inside = of_group == number
        truth, said = labels[inside], probabilities[inside]
        malignant = int(np.count_nonzero(truth))
        benign = len(truth) - malignant
        decisions = said >= threshold
        rows.append(
            {
                "group": name,
                "cases": reported(len(truth), len(truth)),
                "malignant": reported(malignant, malignant),
                "auroc": reported(auroc(truth, said), min(malignant, benign)),
                "brier": reported(brier(truth, said), len(truth)),
                "sensitivity": reported(sensitivity(truth, decisions), malignant),
                "specificity": reported(specificity(truth, decisions), benign),
            }
        )
    return rows


def reported(value, cases):
    """Return the value, or None where it would speak of fewer than five people."""
    return value if cases >= SMALLEST_GROUP else None


def report_calibration(rows):
    """Return the reliability table, without the figures of bins of fewer than five cases."""
    return [
        {
            "probability": f"{low:.1f}–{high:.1f}",
            "cases": cases if cases >= SMALLEST_GROUP else f"<{SMALLEST_GROUP}",
            "mean probability": reported(round(said, 4), cases),
            "share malignant": reported(round(seen, 4), cases),
        }
        for low, high, cases, said, seen in rows
    ]


def render_table(rows):
    """Return rows of figures as CSV."""
    lines = [",".join(name.replace(" ", "_") for name in rows[0])]
    lines += [",".join("" if cell is None else str(cell) for cell in row.values()) for row in rows]
    return "\n".join(lines) + "\n"
