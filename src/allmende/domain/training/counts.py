"""Large numbers as people write them: 70e9, 70B, 15T, 7.000.000.000."""

import re
from decimal import Decimal

from allmende.domain.basics.refusals import Refusal

SUFFIXES = {"": 0, "k": 3, "m": 6, "b": 9, "bn": 9, "t": 12}
LARGEST = 10**18
PARAMETERS_MAX = 10**15
GPUS_MAX = 10**6
# Groups of three digits with one separator throughout, or digits with at most one mark of decimals.
_GROUPED = re.compile(r"\d{1,3}(?:([.,_'])\d{3})(?:\1\d{3})+|\d{1,3}[_']\d{3}")
_COUNT = re.compile(r"(\d+(?:[.,]\d+)?|\.\d+)(?:e\+?(\d{1,2}))?([a-z]*)")


class NoCount(Refusal):
    """{field}: "{text}" is no number. Write it like 70e9, 70B (billion) or 15T (trillion)."""

    status = 422


class CountOutOfRange(Refusal):
    """{field}: {text} is not between 1 and {most}."""

    status = 422


def read_count(field: str, text: str, *, most: int = LARGEST) -> int:
    """Return the whole number that somebody wrote; `field` names it in a refusal.

    B is a billion (10^9) and T a trillion (10^12), as in the names of models. `NoCount` for what
    is no number, `CountOutOfRange` for what no training has.
    """
    squeezed = "".join(text.split())
    if squeezed.startswith("-"):
        raise CountOutOfRange(field=field, text=text[:40], most=f"{most:.0e}")
    plain = squeezed.lower()
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"\D", "", plain)
    found = _COUNT.fullmatch(plain)
    if not found or found[3] not in SUFFIXES:
        raise NoCount(field=field, text=text[:40])
    power = int(found[2] or 0) + SUFFIXES[found[3]]
    number = Decimal(found[1].replace(",", ".")).scaleb(power)
    if not 1 <= number <= most:
        raise CountOutOfRange(field=field, text=text[:40], most=f"{most:.0e}")
    return int(number)
