"""The course of a run: what its training code reported, kept small however much that was."""

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

POINTS_PER_METRIC = 1000
MOST_METRICS = 40
MOST_MARKS = 256
LONGEST_LINE_BYTES = 64 * 1024
LONGEST_NAME = 80
LARGEST_NUMBER = 1e15  # of steps, or of seconds: beyond it nobody can calculate
WINDOWS = 8  # into which the recent part of an attempt is divided, to see how its pace varies
FEWEST_WINDOWS = 3
YOUNG_SECONDS = 10  # before, nobody can say how its pace varies

# Stands in progress that travels, once, where lines of it were left out.
THINNED = b'{"thinned": true}'

Point = tuple[int, float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """What the training code said once."""

    at: float  # unix seconds
    step: int
    total: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TimeLeft:
    """How long a run still takes, from the fastest and the slowest of its recent paces."""

    least_seconds: int
    most_seconds: int


class WholeLines:
    """Cuts what comes piece by piece into whole lines; one that is too long is passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._skips_line = False

    def cut(self, content: bytes) -> list[bytes]:
        """Return the lines that are whole now; a half one waits for its other half."""
        *lines, rest = (self._rest + content).split(b"\n")
        if lines and self._skips_line:
            del lines[0]
            self._skips_line = False
        self._rest = b"" if self._skips_line else rest
        if len(rest) > LONGEST_LINE_BYTES:
            self.skip()
        return lines

    def skip(self) -> None:
        """Pass over what comes up to the end of the line in which it begins."""
        self._rest, self._skips_line = b"", True


class Course:
    """Takes a progress file piece by piece, and keeps no more of it than a page can show."""

    def __init__(self) -> None:
        self.last: Line | None = None
        self.curves: dict[str, list[Point]] = {}
        self.left_out_bytes = 0  # of the file, which nobody read
        self.left_out_metrics = False
        self.was_thinned = False  # on its way here
        self._marks: list[tuple[float, int]] = []  # instant and step, of this attempt
        self._gap_seconds = 0.0  # between two marks, at least
        self._lines = WholeLines()

    def take(self, content: bytes) -> None:
        """Take what was written next; a half-written last line waits for its other half."""
        for text in self._lines.cut(content):
            line = parse_line(text)
            if line is not None:
                self._add(line)
            elif text == THINNED:
                self.was_thinned = True

    def skip(self, left_out_bytes: int) -> None:
        """Note that a part of the file is passed over; the line in which it ends goes with it."""
        self.left_out_bytes += left_out_bytes
        self._lines.skip()

    @property
    def is_part(self) -> bool:
        """Say whether the job said more than was taken."""
        return self.left_out_bytes > 0 or self.left_out_metrics or self.was_thinned

    @property
    def seconds_left(self) -> int | None:
        """Return what is left at the pace of this attempt; None while nobody can tell."""
        last = self.last
        if last is None or last.total <= 0 or not self._marks:
            return None
        pace = _pace(self._marks[0], (last.at, last.step))
        return _seconds((last.total - last.step) / pace) if pace else None

    @property
    def time_left(self) -> TimeLeft | None:
        """Return the range of what is left; None while too little was seen to know it."""
        if self.last is None or self.last.total <= 0:
            return None
        steps = self.last.total - self.last.step
        paces = self._list_paces((self.last.at, self.last.step))
        if len(paces) < FEWEST_WINDOWS or self._marks[-1][0] - self._marks[0][0] < YOUNG_SECONDS:
            return None
        return TimeLeft(
            least_seconds=_seconds(steps / max(paces)), most_seconds=_seconds(steps / min(paces))
        )

    def _list_paces(self, last: tuple[float, int]) -> list[float]:
        """Return the steps per second in equal windows of the recent half of this attempt."""
        marks = self._marks
        begin, end = marks[0][0], last[0]
        recent = (begin + end) / 2 if len(marks) > WINDOWS else begin
        opened = [recent + (end - recent) * number / WINDOWS for number in range(WINDOWS)]
        places = [bisect_right(marks, (at, LARGEST_NUMBER)) - 1 for at in opened]
        ends = [*dict.fromkeys(marks[max(0, place)] for place in places), last]
        paces = [_pace(begin, end) for begin, end in pairwise(ends)]
        return [pace for pace in paces if pace > 0]

    def _add(self, line: Line) -> None:
        if self.last is not None and line.step < self.last.step:
            self._go_back(line.step)
        self.last = line
        self._mark(line.at, line.step)
        for name, value in line.metrics.items():
            if name not in self.curves and len(self.curves) >= MOST_METRICS:
                self.left_out_metrics = True
                continue
            points = self.curves.setdefault(name, [])
            if points and points[-1][0] == line.step:
                points.pop()
            points.append((line.step, value))
            if len(points) >= 2 * POINTS_PER_METRIC:
                self.curves[name] = list(thin(points))

    def _go_back(self, step: int) -> None:
        """Forget what is done again: a run that resumed begins anew at its checkpoint."""
        self._marks.clear()
        for points in self.curves.values():
            while points and points[-1][0] >= step:
                points.pop()

    def _mark(self, at: float, step: int) -> None:
        """Keep marks evenly over the time of the attempt, however many lines come in a second."""
        if self._marks and at < self._marks[-1][0]:  # the clock was set back: it tells no pace
            self._marks.clear()
        if not self._marks:
            self._gap_seconds = 0.0
        elif step <= self._marks[-1][1] or at - self._marks[-1][0] < self._gap_seconds:
            return
        self._marks.append((at, step))
        if len(self._marks) > MOST_MARKS:
            del self._marks[1::2]
            self._gap_seconds = (at - self._marks[0][0]) / len(self._marks)


def parse_line(text: bytes) -> Line | None:
    """Return what a line says; a job may write what it likes: what is no progress is skipped."""
    try:
        line = json.loads(text)
        at, step, total = float(line["t"]), int(line["step"]), int(line.get("total", 0))
        metrics = _numbers(line.get("metrics", {}))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        return None
    if not all(0 <= number < LARGEST_NUMBER for number in (at, step, total)):
        return None
    return Line(at=at, step=step, total=total, metrics=metrics)


def thin(points: Sequence[Point], most: int = POINTS_PER_METRIC) -> tuple[Point, ...]:
    """Return at most `most` points, in order: the ends, and of each part its least and its most.

    So whatever stands out still does.
    """
    if len(points) <= most:
        return tuple(points)
    # By steps, not by points: a course that is thinned again and again stays even.
    parts: dict[int, list[Point]] = {}
    first, span = points[0][0], max(1, points[-1][0] - points[0][0])
    for point in points[1:-1]:
        number = (point[0] - first) * ((most - 2) // 2) // (span + 1)
        parts.setdefault(number, []).append(point)
    kept = [points[0]]
    for part in parts.values():
        kept += sorted({min(part, key=_value), max(part, key=_value)})
    return (*kept, points[-1])


def _value(point: Point) -> float:
    return point[1]


def _pace(begin: tuple[float, int], end: tuple[float, int]) -> float:
    seconds, steps = end[0] - begin[0], end[1] - begin[1]
    return steps / seconds if seconds > 0 and steps > 0 else 0.0


def _seconds(left: float) -> int:
    return int(min(max(0.0, left), LARGEST_NUMBER))


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {
        str(name)[:LONGEST_NAME]: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
