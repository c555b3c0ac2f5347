"""What the model is compared with: an n-gram model, compressors, and a naive Bayes classifier."""

import lzma
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

ORDER = 6  # bytes; a word of six bytes fits into one number of 64 bits
ZLIB_WINDOW = 32_768  # bytes that deflate looks back, and LZMA2 at its ordinary level
LZMA_WINDOW = 8 * 2**20


class KneserNey:
    """Interpolated Kneser-Ney over bytes (Chen & Goodman 1999), one discount for each length.

    Counts are sorted arrays: a gram is a number, its bytes side by side, the last one lowest.
    """

    def __init__(self, texts, order=ORDER):
        self.order = order
        grams = np.concatenate([grams_of(text.encode(), order) for text in texts])
        self.levels, counted = [None] * order, np.unique(grams, return_counts=True)
        for length in range(order, 0, -1):
            self.levels[length - 1] = Level(*counted)
            # Below the longest, a gram counts once for each byte that it was seen after.
            shorter = counted[0] & mask(length - 1)
            counted = np.unique(shorter, return_counts=True)

    def bits(self, text):
        """Return how many bits each byte of a text costs; before the text stands an end of line."""
        grams = grams_of(text.encode(), self.order)
        chance = np.full(len(grams), 1 / 256)
        for length in range(1, self.order + 1):
            chance = self.levels[length - 1].mix(grams & mask(length), chance)
        return -np.log2(chance)


class Level:
    """Grams of one length: counts, sums by what stands before the last byte, and a discount."""

    def __init__(self, grams, counts):
        self.grams, self.counts = grams, counts
        once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
        self.discount = once / (once + 2 * twice) if once else 0.5
        self.pasts, starts = np.unique(grams >> np.uint64(8), return_index=True)
        self.totals = np.add.reduceat(counts, starts)
        self.kinds = np.diff([*starts, len(grams)])

    def mix(self, grams, lower):
        """Return the chance of each gram's last byte, given that of the next shorter level."""
        count = look_up(self.grams, self.counts, grams)
        past = grams >> np.uint64(8)
        total = look_up(self.pasts, self.totals, past)
        kinds = look_up(self.pasts, self.kinds, past)
        known = np.maximum(count - self.discount, 0) + self.discount * kinds * lower
        return np.where(total > 0, known / np.maximum(total, 1), lower)


def grams_of(content, order):
    """Return for each byte the number made of it and those before; an end of line comes first."""
    padded = np.frombuffer(b"\n" * (order - 1) + content, np.uint8).astype(np.uint64)
    grams = np.zeros(len(content), np.uint64)
    for place in range(order):
        grams = (grams << np.uint64(8)) | padded[place : place + len(content)]
    return grams


def mask(length):
    """Return the number that keeps the last bytes of a gram."""
    return np.uint64(256**length - 1)


def look_up(keys, values, wanted):
    """Return the value of each wanted key, 0 where it is not there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


def gzip_bits(known, texts):
    """Return the bits that each text costs deflate after the end of the known text."""
    window = known.encode()[-ZLIB_WINDOW:]
    sizes = []
    for text in texts:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=window)
        sizes.append(8 * len(packer.compress(text.encode()) + packer.flush()))
    return np.array(sizes, float)


def xz_bits(known, texts):
    """Return the bits that each text adds to the end of the known text, packed by LZMA2."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
    window = known.encode()[-LZMA_WINDOW:]

    def size(text):
        content = window + text.encode()
        return len(lzma.compress(content, lzma.FORMAT_RAW, filters=filters))

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # packing holds no lock of Python's
        alone, *together = pool.map(size, ["", *texts])
    return np.array([8 * (each - alone) for each in together], float)


class NaiveBayes:
    """Multinomial naive Bayes over strings of 1 to 4 characters, with add-one-tenth smoothing."""

    LONGEST, SMOOTHING = 4, 0.1

    def __init__(self, sentences, labels, classes):
        self.index = {}
        rows = [
            [self.index.setdefault(part, len(self.index)) for part in self.parts(sentence)]
            for sentence in sentences
        ]
        counts = np.full((classes, len(self.index)), self.SMOOTHING)
        for row, label in zip(rows, labels, strict=True):
            np.add.at(counts[label], row, 1)
        self.log_chance = np.log(counts / counts.sum(axis=1, keepdims=True))
        self.log_share = np.log(np.bincount(labels, minlength=classes) / len(labels))

    def classify(self, sentences):
        """Return the likeliest class of each sentence; strings never seen say nothing."""
        said = []
        for sentence in sentences:
            known = [self.index[part] for part in self.parts(sentence) if part in self.index]
            said.append(np.argmax(self.log_share + self.log_chance[:, known].sum(axis=1)))
        return np.array(said)

    def parts(self, sentence):
        """Return every string of 1 to 4 neighbouring characters, blanks at both ends."""
        text = f" {sentence.lower()} "
        return [
            text[start : start + length]
            for length in range(1, self.LONGEST + 1)
            for start in range(len(text) - length + 1)
        ]
