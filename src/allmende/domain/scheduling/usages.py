"""Decayed usage, kept so that time alone changes no order.

Every usage shrinks by half in one half-life. Instead of shrinking all of them all the time, new
usage is booked larger the later it happens: 2^((t - epoch) / half-life) per node-second. The ratio
of any two usages is the same, and a row changes only when its owner computes. All arithmetic is on
integers, so that every platform computes the same order.
"""

from math import isqrt

FRACTION_BITS = 48
SCALE_BITS = 60
USAGE_BITS = 20  # usages are node-seconds times 2^20
REBASE_HALF_LIVES = 64

# log2(e) = 1 / ln 2, as an integer fraction.
LOG2_E_NUMERATOR = 1_442_695_040_888_963_407
LOG2_E_DENOMINATOR = 1_000_000_000_000_000_000


def _roots_of_two() -> tuple[int, ...]:
    # 2^(1/2), 2^(1/4), 2^(1/8) … times 2^60, each the integer square root of the one before.
    roots = [2 << SCALE_BITS]
    for _ in range(FRACTION_BITS):
        roots.append(isqrt(roots[-1] << SCALE_BITS))
    return tuple(roots[1:])


ROOTS_OF_TWO = _roots_of_two()


def power_of_two(seconds: int, half_life_seconds: int) -> int:
    """Return 2^(seconds / half-life) times 2^60, for seconds >= 0."""
    whole, rest = divmod(seconds, half_life_seconds)
    fraction = (rest << FRACTION_BITS) // half_life_seconds
    value = 1 << SCALE_BITS
    for place, root in enumerate(ROOTS_OF_TWO, start=1):
        if fraction >> (FRACTION_BITS - place) & 1:
            value = value * root >> SCALE_BITS
    return value << whole


def booked_usage(seconds: int, half_life_seconds: int) -> int:
    """Return what one node running from the epoch for so many seconds has booked.

    It is the integral of 2^(t / half-life), so what is booked between two instants is the
    difference of two values: it does not matter how often one books.
    """
    area = half_life_seconds * power_of_two(seconds, half_life_seconds) * LOG2_E_NUMERATOR
    return area // LOG2_E_DENOMINATOR >> (SCALE_BITS - USAGE_BITS)


def decayed_node_seconds(usage: int, *, age_seconds: int, half_life_seconds: int) -> int:
    """Return a usage as it weighs now, in node-seconds; its age counts from the epoch."""
    return (usage << (SCALE_BITS - USAGE_BITS)) // power_of_two(age_seconds, half_life_seconds)
