"""Large numbers as people write them: 70e9, 70B, 15T, 7.000.000.000."""

import re
from decimal import Decimal

from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence

SUFFIXES = {"": 0, "k": 3, "m": 6, "b": 9, "bn": 9, "t": 12}
LARGEST = 10**18
PARAMETERS_MAX = 10**15
GPUS_MAX = 10**6
SHOWN = 40  # signs of what was written, in a refusal
# Groups of three digits with one separator throughout, or digits with at most one mark of decimals.
_GROUPED = re.compile(r"\d{1,3}(?:([.,_'])\d{3})(?:\1\d{3})+|\d{1,3}[_']\d{3}")
_COUNT = re.compile(r"(\d+(?:[.,]\d+)?|\.\d+)(?:e\+?(\d{1,2}))?([a-z]*)")


def read_count(field: str, text: str, *, most: int = LARGEST) -> int:
    """Return the whole number that somebody wrote; `field` names it in a refusal.

    B is a billion (10^9) and T a trillion (10^12), as in the names of models. `InvalidInput` for
    what is no number, and for what is below 1 or above `most`, a
    power of ten.
    """
    plain = "".join(text.split()).lower()
    sign = -1 if plain.startswith("-") else 1
    plain = plain.removeprefix("-")
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"\D", "", plain)
    found = _COUNT.fullmatch(plain)
    if not found or found[3] not in SUFFIXES:
        problem = Sentence(
            '"{text}" is no number. Write it like 70e9, 70B (billion) or 15T (trillion).',
            {"text": text[:SHOWN]},
        )
        raise InvalidInput(field=field, problem=problem)
    power = int(found[2] or 0) + SUFFIXES[found[3]]
    number = sign * Decimal(found[1].replace(",", ".")).scaleb(power)
    if not 1 <= number <= most:
        facts = {"text": text[:SHOWN], "most": f"10^{len(str(most)) - 1}"}
        problem = Sentence("{text} is not between 1 and {most}.", facts)
        raise InvalidInput(field=field, problem=problem)
    return int(number)
