"""Byte-pair encoding (Sennrich et al. 2016) over the bytes of words, learnt from the corpus.

Token 0 to 255 are bytes, so that any text can be written; then come the merges, then one tag for
each variety. A tag stands before every sentence and after the last: it says what comes.
"""

import heapq
import itertools
import json
import re
from collections import Counter, defaultdict

# A word takes the blank before it along; merges never cross words.
WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s+")


class Tokenizer:
    """Turns text into token numbers and back."""

    def __init__(self, merges, varieties):
        self.merges, self.varieties = [tuple(pair) for pair in merges], list(varieties)
        self.rank = {pair: number for number, pair in enumerate(self.merges)}
        self.pieces = [bytes([byte]) for byte in range(256)]
        for left, right in self.merges:
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self.first_tag = len(self.pieces)
        self.size = self.first_tag + len(self.varieties)
        self._words = {}

    def tag(self, variety):
        """Return the token that stands before a sentence of the variety with this number."""
        return self.first_tag + variety

    def encode(self, text):
        """Return the tokens of a text without tags."""
        return [token for word in WORD.findall(text) for token in self._encode_word(word)]

    def encode_passage(self, variety, text):
        """Return a passage with its tags: they take the place of the ends of lines."""
        tag = self.tag(variety)
        tokens = [tag]
        for sentence in text.splitlines():
            tokens += [*self.encode(sentence), tag]
        return tokens

    def decode(self, tokens):
        """Return the text; a tag is the end of a line, half a character a replacement sign."""
        pieces = (self.pieces[t] if t < self.first_tag else b"\n" for t in tokens)
        return b"".join(pieces).decode(errors="replace")

    def _encode_word(self, word):
        known = self._words.get(word)
        if known is None:
            known = self._words[word] = self._merge(list(word.encode()))
        return known

    def _merge(self, parts):
        # The merge learnt first goes first, as in training.
        while len(parts) > 1:
            best = min(itertools.pairwise(parts), key=self._rank_of)
            if best not in self.rank:
                break
            parts = merged(parts, best, 256 + self.rank[best])
        return parts

    def _rank_of(self, pair):
        return self.rank.get(pair, len(self.merges))

    def to_json(self):
        """Return the tokenizer as text, one entry for each merge and variety."""
        return json.dumps({"merges": self.merges, "varieties": self.varieties})

    @classmethod
    def from_json(cls, text):
        """Return the tokenizer that `to_json` wrote."""
        return cls(**json.loads(text))


def merged(parts, pair, token):
    """Return the parts with each occurrence of the pair, from the left, made one token."""
    result, place = [], 0
    while place < len(parts):
        if tuple(parts[place : place + 2]) == pair:
            result.append(token)
            place += 2
        else:
            result.append(parts[place])
            place += 1
    return result


def learn_merges(texts, count):
    """Return the merges: again and again the pair of neighbours that is most frequent.

    Ties go to the smaller pair, so that the same texts always give the same merges.
    """
    frequency = Counter(word for text in texts for word in WORD.findall(text))
    # Words seen once are most of all words, and teach next to nothing about what is frequent.
    words = [(list(word.encode()), times) for word, times in frequency.items() if times > 1]
    pairs, holders = Counter(), defaultdict(set)
    for number, (parts, times) in enumerate(words):
        for pair in itertools.pairwise(parts):
            pairs[pair] += times
            holders[pair].add(number)
    merges, queue = [], [(-times, pair) for pair, times in pairs.items()]
    heapq.heapify(queue)
    while len(merges) < count and queue:
        times, best = heapq.heappop(queue)
        if -times != pairs[best]:  # the count fell since it was put there
            if pairs[best] > 0:
                heapq.heappush(queue, (-pairs[best], best))
            continue
        if pairs[best] < 2:
            break
        merges.append(best)
        changed = set()
        # Only words that hold the pair change, and only their pairs are counted anew.
        for number in holders.pop(best):
            parts, times = words[number]
            for pair in itertools.pairwise(parts):
                pairs[pair] -= times
            parts = merged(parts, best, 255 + len(merges))
            words[number] = (parts, times)
            for pair in itertools.pairwise(parts):
                pairs[pair] += times
                holders[pair].add(number)
                changed.add(pair)
        for pair in changed:
            heapq.heappush(queue, (-pairs[pair], pair))
    return merges
