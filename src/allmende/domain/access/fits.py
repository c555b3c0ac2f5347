"""How well a reviewer's fields fit an application: the words they share, rare ones counting more.

Cosine of TF-IDF vectors. The inverse document frequency is smoothed over the whole pool, so that a
word which everybody uses still counts a little and a small pool never makes a perfect match.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt

WORD = re.compile(r"[^\W_]+")
WORD_LENGTH_MIN = 2
SHOWN_WORDS = 5
FULL = 1000  # a fit is in thousandths: whole numbers, so that an assignment is exact

# Words that say nothing of a field, in the two languages of the form.
FILLERS = frozenset(
    "an am and are as at auf aus be bei by das dem den der des die ein eine einen einer er es for"
    " from für has im in is ist it kann mit not of on or our sich sie sind so that the this to und"
    " uns von we wer werden which wie wir with zu zum zur".split()
)


@dataclass(frozen=True)
class Fit:
    """How well two texts fit, in thousandths, and the shared words that weigh most."""

    thousandths: int
    words: tuple[str, ...]


def split_words(text: str) -> list[str]:
    """Return the words of a text in any script, case aside: `Wärme`, `modèle` and `3D` are some."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = WORD.findall(plain)
    return [word for word in words if len(word) >= WORD_LENGTH_MIN and word not in FILLERS]


def measure_fits(
    applications: Mapping[str, str], reviewers: Mapping[str, str]
) -> dict[tuple[str, str], Fit]:
    """Return the fit of every application with every reviewer, by their ids."""
    counts = {("a", key): Counter(split_words(text)) for key, text in applications.items()}
    counts |= {("r", key): Counter(split_words(text)) for key, text in reviewers.items()}
    frequency = Counter(word for words in counts.values() for word in words)
    idf = {word: log((1 + len(counts)) / (1 + number)) + 1 for word, number in frequency.items()}
    vectors = {
        key: _unit({word: n * idf[word] for word, n in w.items()}) for key, w in counts.items()
    }
    return {
        (application, reviewer): _fit(vectors["a", application], vectors["r", reviewer])
        for application in applications
        for reviewer in reviewers
    }


def _unit(vector: Mapping[str, float]) -> dict[str, float]:
    length = sqrt(sum(value * value for value in vector.values())) or 1.0
    return {word: value / length for word, value in vector.items()}


def _fit(one: Mapping[str, float], other: Mapping[str, float]) -> Fit:
    shared = {word: one[word] * other[word] for word in one.keys() & other.keys()}
    heaviest = sorted(shared, key=lambda word: (-shared[word], word))
    return Fit(round(FULL * sum(shared.values())), tuple(heaviest[:SHOWN_WORDS]))
