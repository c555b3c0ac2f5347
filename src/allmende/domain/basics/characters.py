"""How long a text is for the person who writes it: characters as they are seen, not code points."""

import unicodedata
from itertools import pairwise

JOINER = "\u200d"  # glues two signs into one, as in the picture of a family
SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)  # two of them are one flag


def count_characters(text: str) -> int:
    """Return how many characters a person sees; a line break is one, an accent none of its own.

    This covers letters with marks, flags and joined pictures; scripts whose clusters need a table
    (such as Hangul written in parts that do not compose) may count for more.
    """
    seen = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    return sum(_starts(before, sign) for before, sign in pairwise(" " + seen)) - _pairs(seen)


def _starts(before: str, sign: str) -> bool:
    """Say whether a sign begins a character instead of belonging to the one before it."""
    is_mark = unicodedata.category(sign).startswith("M")
    return not (is_mark or sign == JOINER or before == JOINER or ord(sign) in SKIN_TONES)


def _pairs(text: str) -> int:
    """Return how many second letters of flags there are."""
    pairs = run = 0
    for sign in text:
        run = run + 1 if ord(sign) in FLAG_LETTERS else 0
        pairs += run > 0 and run % 2 == 0
    return pairs
