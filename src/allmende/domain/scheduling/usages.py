"""Decayed usage, kept so that time alone changes no order.

Every usage shrinks by half in one half-life. Instead of shrinking all of them all the time, new
usage is booked larger the later it happens: 2^((t - epoch) / half-life) per node-second. The ratio
of any two usages is the same, and a row changes only when its owner computes. All arithmetic is on
integers that fit into 64 bits, so that every platform, compiled or not, computes the same order.
Numba-subset Python (see `compiled.py`).
"""

from math import isqrt
from typing import Any

FRACTION_BITS = 24
SCALE_BITS = 30
USAGE_BITS = 4  # usages are node-seconds times 2^4
REBASE_HALF_LIVES = 4
LONGEST_HALF_LIFE_SECONDS = 1 << 25  # a good year; longer ones would not fit into 64 bits

# log2(e) = 1 / ln 2, times 2^10. What all usages are multiplied by changes no order.
LOG2_E_BITS = 10
LOG2_E = 1477
PRECISION_BITS = 22


def _roots_of_two() -> tuple[int, ...]:
    # 2^(1/2), 2^(1/4), 2^(1/8) … times 2^30, each the integer square root of the one before; with
    # more bits on the way, so that the last of them is right too.
    roots = [2 << 60]
    for _ in range(FRACTION_BITS):
        roots.append(isqrt(roots[-1] << 60))
    return tuple(root >> (60 - SCALE_BITS) for root in roots[1:])


ROOTS_OF_TWO = _roots_of_two()


def power_of_two(seconds: Any, half_life_seconds: Any) -> Any:
    """Return 2^(seconds / half-life) times 2^30, for seconds >= 0."""
    whole = seconds // half_life_seconds
    rest = seconds - whole * half_life_seconds
    fraction = (rest << FRACTION_BITS) // half_life_seconds
    value = 1 << SCALE_BITS
    place = FRACTION_BITS - 1
    for root in ROOTS_OF_TWO:
        if (fraction >> place) & 1:
            value = (value * root) >> SCALE_BITS
        place -= 1
    return value << whole


def booked_usage(seconds: Any, half_life_seconds: Any) -> Any:
    """Return what one node running from the epoch for so many seconds has booked.

    It is the integral of 2^(t / half-life), so what is booked between two instants is the
    difference of two values: it does not matter how often one books.
    """
    power = power_of_two(seconds, half_life_seconds) >> (SCALE_BITS - PRECISION_BITS)
    return (half_life_seconds * power * LOG2_E) >> (LOG2_E_BITS + PRECISION_BITS - USAGE_BITS)


def decayed_node_seconds(usage: int, *, age_seconds: int, half_life_seconds: int) -> int:
    """Return a usage as it weighs now, in node-seconds; its age counts from the epoch."""
    power: int = power_of_two(age_seconds, half_life_seconds)
    return (usage << (SCALE_BITS - USAGE_BITS)) // power
