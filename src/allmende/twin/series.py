"""A value for every hour: carbon of the grid, a price, or which hours of the day are wanted.

Hour 0 begins at midnight (UTC) of the day of the first submission. Where a series ends, it begins
anew: 24 values are every day alike, one value is a constant.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from allmende.twin.traces import Ints, Trace

HOUR_SECONDS, DAY_SECONDS = 3600, 24 * 3600
MOST_HOURS = 1_000_000
LARGEST_VALUE = 1_000_000
# Values are counted in thousandths, so that equal means are equal: floats would not add up alike.
PARTS = 1000
HOURS_OF_DAY = re.compile(r"(\d\d):00-(\d\d):00")


@dataclass(frozen=True)
class Series:
    """The values in thousandths, hour by hour."""

    thousandths: Ints

    @property
    def is_constant(self) -> bool:
        """Say whether every hour has the same value."""
        return bool((self.thousandths == self.thousandths[0]).all())

    def values_at(self, hours: Ints) -> Any:
        """Return the values of hours since hour 0."""
        return self.thousandths[hours % self.thousandths.size] / PARTS

    def integrate(self, seconds: Any) -> Any:
        """Return the sum of the thousandths of all seconds from hour 0 on; less than two periods
        are exact in 64 bits.
        """
        hour, rest = np.divmod(seconds, HOUR_SECONDS)
        turns, place = np.divmod(hour, self.thousandths.size)
        before = np.concatenate([[0], np.cumsum(self.thousandths)])
        whole = (turns * before[-1] + before[place]) * HOUR_SECONDS
        return whole + self.thousandths[place] * rest


def constant(value: float) -> Series:
    """Return a series that never changes."""
    return _series([value])


def _series(values: list[float]) -> Series:
    return Series(np.rint(np.array(values) * PARTS).astype(np.int64))


def origin(trace: Trace) -> int:
    """Return the second of the trace at which hour 0 begins."""
    since_midnight = (trace.begins_at + int(trace.arrivals[0])) % DAY_SECONDS
    return int(trace.arrivals[0]) - since_midnight


def read_series(value: Any, folder: Path) -> Series:
    """Return what a scenario calls a series: a number, or a file of hours and values beside it.

    `ValueError` says what is wrong.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return constant(_check_value(float(value), str(value)))
    if not isinstance(value, str) or not value:
        raise ValueError("it must be a number, or a CSV file with the columns hour and value")
    return _read_csv(folder / value)


def read_hours(value: Any, folder: Path) -> Series:
    """Return a series from hours of the day such as 10:00-16:00, which are wanted, or a file."""
    match = HOURS_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return read_series(value, folder)
    begin, end = int(match[1]), int(match[2])
    if begin > 23 or end > 24 or begin == end:
        raise ValueError(f"{value} are no hours of the day")
    length = (end - begin) % 24 or 24
    return _series([0.0 if (hour - begin) % 24 < length else 1.0 for hour in range(24)])


def _read_csv(path: Path) -> Series:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"hour", "value"} <= set(reader.fieldnames or ()):
                raise ValueError(f"{path.name} needs the columns hour and value")
            rows = [_read_row(path.name, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{path.name} cannot be read: {problem}") from problem
    values = dict(rows)
    if not rows:
        raise ValueError(f"{path.name} has no hours")
    if len(values) < len(rows):
        raise ValueError(f"{path.name} has an hour twice")
    absent = next((hour for hour in range(len(values)) if hour not in values), None)
    if absent is not None:
        raise ValueError(f"{path.name} has no hour {absent}; hours are counted from 0")
    return _series([values[hour] for hour in range(len(values))])


def _read_row(name: str, line: int, row: dict[str, Any]) -> tuple[int, float]:
    try:
        hour, value = int(row["hour"]), float(row["value"])
    except (TypeError, ValueError) as problem:
        raise ValueError(f"{name}, line {line}: hour and value must be numbers") from problem
    if not 0 <= hour < MOST_HOURS:
        raise ValueError(f"{name}, line {line}: hour must lie between 0 and {MOST_HOURS}")
    return hour, _check_value(value, f"{name}, line {line}: value")


def _check_value(value: float, name: str) -> float:
    if not abs(value) <= LARGEST_VALUE:  # also what is no number
        raise ValueError(f"{name} must lie between -{LARGEST_VALUE} and {LARGEST_VALUE}")
    return value
