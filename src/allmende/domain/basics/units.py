"""Quantities are integers in one unit; hours and kilowatt-hours exist only at the edge."""

from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import NewType

from allmende.domain.basics.refusals import Refusal

Seconds = NewType("Seconds", int)
Joules = NewType("Joules", int)
Cents = NewType("Cents", int)
Flop = NewType("Flop", int)

SECONDS_PER_HOUR = 3600
JOULES_PER_KWH = 3_600_000
# A hundred thousand years of one accelerator: nobody asks for more, and far more could be neither
# stored nor rounded.
HOURS_MAX = 10**9


class TooManyHours(Refusal):
    """That many hours cannot be counted here. Give at most {most}."""

    status = 422


class TimeUnit(StrEnum):
    """What a partition's compute time is counted in."""

    GPU_SECONDS = "gpu_seconds"
    NODE_SECONDS = "node_seconds"

    @property
    def hours_name(self) -> str:
        """Return the name of the unit in hours, as people write it."""
        return "GPU-h" if self is TimeUnit.GPU_SECONDS else "node-h"


def seconds_from_hours(hours: Decimal | int | str) -> int:
    """Return whole seconds for a number of hours; a commenced second counts.

    `TooManyHours` beyond what is counted here; `InvalidOperation` for what is no number.
    """
    exact = Decimal(hours)
    if abs(exact) > HOURS_MAX:
        raise TooManyHours(most=HOURS_MAX)
    return int((exact * SECONDS_PER_HOUR).to_integral_value(rounding=ROUND_CEILING))


def hours_from_seconds(seconds: int) -> Decimal:
    """Return exact hours, rounded to six digits for people and files."""
    return (Decimal(seconds) / SECONDS_PER_HOUR).quantize(Decimal("0.000001"))


def plain_hours(seconds: int) -> str:
    """Return hours as plain digits for sentences and files: no exponent, no noughts at the end."""
    return f"{hours_from_seconds(seconds).normalize():f}"


def count_hours(seconds: int) -> int | float:
    """Return hours as a number, which is written as the reader's language has it."""
    hours = hours_from_seconds(seconds)
    return int(hours) if hours == int(hours) else float(hours)


def kwh_from_joules(joules: int) -> Decimal:
    """Return kilowatt-hours, rounded to six digits for people and files."""
    return (Decimal(joules) / JOULES_PER_KWH).quantize(Decimal("0.000001"))
