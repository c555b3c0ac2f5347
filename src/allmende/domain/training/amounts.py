"""An amount that a job asks for: one number, at least so much (4+), or from so much on (1..4)."""

import re
from collections.abc import Callable
from typing import NamedTuple

from allmende.domain.training.fields import BYTES_PER, Fields, show

UNBOUNDED = 2**62  # more than there is of anything
COUNT = re.compile(r"[1-9][0-9]{0,8}")
MEMORY = re.compile(r"([1-9][0-9]{0,11})([KMGTkmgt]?)(?:[Bb]|i[Bb]?)?")
# 4+, or 4.. as dstack has it, and 1..4
AMOUNT = re.compile(r"(?P<least>[^.+]+)(?P<to>\+|\.\.)?((?<=\.\.)(?P<most>[^.+]+))?")


class Amount(NamedTuple):
    """From `least` to `most`; without a `most` it is the one number."""

    least: int
    most: int | None = None


def read_count(section: Fields, key: str, default: int, *, bounded: bool = False) -> Amount:
    """Return a number of something; a `bounded` one may not be `4+`."""
    value = section.get(key)
    if value is None:
        return Amount(default)
    if not isinstance(value, str):
        return Amount(section.whole(key, default))
    found = parse_amount(value, parse_count)
    if bounded and (found is None or found.most == UNBOUNDED):
        section.find(
            key,
            "{key}: {value} is no whole number. Write for example 4 or 1..4.",
            value=show(value),
        )
    elif found is None:
        section.find(
            key,
            "{key}: {value} is no whole number. Write for example 4, 4+ or 1..4.",
            value=show(value),
        )
    else:
        return found
    return Amount(default)


def read_memory(section: Fields, key: str) -> Amount | None:
    """Return bytes; a bare number counts gibibytes. None when the key is missing."""
    value = section.get(key)
    if value is None:
        return None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    found = parse_amount(str(value), _parse_memory) if is_number or isinstance(value, str) else None
    if found is None:
        section.find(
            key,
            "{key}: {value} is no amount of memory. Write a number above zero, of GiB or with "
            "its unit M, G or T: for example 32, 512M, 32G+ or 8G..64G.",
            value=show(value),
        )
    return found


def parse_amount(text: str, parse: Callable[[str], int | None]) -> Amount | None:
    """Return the amount of a text; None where it is none, or where it ends before it begins."""
    match = AMOUNT.fullmatch(text)
    if match is None:
        return None
    least = parse(match["least"])
    most = parse(match["most"]) if match["most"] else None
    if least is None or (match["most"] and (most is None or most < least)):
        return None
    return Amount(least, most or (UNBOUNDED if match["to"] else None))


def render_amount(amount: Amount, render: Callable[[int], str] = str) -> str:
    """Return the text that `parse_amount` reads back."""
    if amount.most is None:
        return render(amount.least)
    if amount.most == UNBOUNDED:
        return f"{render(amount.least)}+"
    return f"{render(amount.least)}..{render(amount.most)}"


def parse_count(text: str) -> int | None:
    """Return a whole number above zero; None where a text is none."""
    return int(text) if COUNT.fullmatch(text) else None


def _parse_memory(text: str) -> int | None:
    match = MEMORY.fullmatch(text)
    return int(match[1]) * BYTES_PER[match[2].upper() or "G"] if match else None
