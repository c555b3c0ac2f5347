"""How long a text is for the person who writes it: characters as they are seen, not code points."""

import re
import unicodedata
from itertools import pairwise

from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence

JOINER = "\u200d"  # glues two signs into one, as in the picture of a family
SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)  # two of them are one flag
# A black flag and letters that nobody sees are the flag of a region, such as Scotland's.
REGION_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,6}\U000e007f")
NON_JOINER = "\u200c"  # parts letters in Persian and others
# What pages and PDF files break lines with, besides "\n".
LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")


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


def tidy(text: str) -> str:
    """Return the text as it is kept: composed letters (NFC), one kind of line break, no ends."""
    return unicodedata.normalize("NFC", LINE_BREAKS.sub("\n", text)).strip()


def find_unseen(text: str, *, is_line: bool) -> tuple[int, str] | None:
    """Return place and code of the first character that nobody sees, or None.

    Control characters and marks that turn the direction of writing make a text read otherwise
    than it is stored. What glues pictures or letters may stay, and line breaks outside of lines.
    """
    allowed = (JOINER, NON_JOINER) if is_line else (JOINER, NON_JOINER, "\n", "\t")
    plain = REGION_FLAG.sub(lambda flag: "x" * len(flag[0]), text)
    for place, sign in enumerate(plain):
        if sign not in allowed and unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co"):
            return place, f"U+{ord(sign):04X}"
    return None


def check_written(field: str, text: str, *, most: int) -> None:
    """Refuse, as `InvalidInput`, a text that says nothing, or more than so many characters."""
    check_seen(field, text)
    length = count_characters(text.strip())
    if not 0 < length <= most:
        facts = {"length": length, "most": most}
        problem = Sentence("The text has {length} characters; use 1 to {most}.", facts)
        raise InvalidInput(field=field, problem=problem)


def check_length(field: str, text: str, *, most: int) -> None:
    """Refuse, as `InvalidInput`, a text of more than so many characters."""
    length = count_characters(text)
    if length > most:
        facts = {"length": length, "most": most}
        problem = Sentence("The text has {length} characters; use at most {most}.", facts)
        raise InvalidInput(field=field, problem=problem)


def check_seen(field: str, text: str) -> None:
    """Refuse, as `InvalidInput`, a text of several lines with a character that nobody sees."""
    if unseen := find_unseen(tidy(text), is_line=False):
        place, code = unseen
        problem = Sentence(
            "Character {place} is {code}, which nobody sees. Remove it.",
            {"place": place + 1, "code": code},
        )
        raise InvalidInput(field=field, problem=problem)
