"""An estimate is a range: what it is expected to be, and between what it most likely lies."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Range:
    """An estimate in whatever unit its name says; never out of order."""

    low: float
    expected: float
    high: float

    def __post_init__(self) -> None:
        assert self.low <= self.expected <= self.high, "a range is in order"

    def __mul__(self, other: "Range | float") -> "Range":
        """Return the product; of two ranges the extremes meet, so the result is cautious."""
        by = other if isinstance(other, Range) else Range(low=other, expected=other, high=other)
        return Range(
            low=self.low * by.low,
            expected=self.expected * by.expected,
            high=self.high * by.high,
        )

    def map(self, change: Callable[[float], float]) -> "Range":
        """Return the range with each of its numbers changed; the change must keep their order."""
        return Range(low=change(self.low), expected=change(self.expected), high=change(self.high))


def around(expected: float, *, factor: float) -> Range:
    """Return a range that reaches down and up by the same factor of 1 or more."""
    return Range(low=expected / factor, expected=expected, high=expected * factor)
