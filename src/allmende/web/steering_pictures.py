"""The lag of a group against its bound as SVG, over the hours that were looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from allmende.services.steering import GroupCourse, LagMark
from allmende.web.curves import BOTTOM, HEIGHT, LEFT, POINTS_MAX, RIGHT, TABLE_ROWS, TOP, WIDTH
from allmende.web.wording import write_short
from allmende.wiring.languages import write_instant

BASE = HEIGHT - BOTTOM


@dataclass(frozen=True)
class LagDrawing:
    """The lag, its bound, and when nothing was known; and its twin, a table of some looks."""

    course: GroupCourse
    line: str
    under: str
    bound: str
    unknown: tuple[str, ...]
    tip: tuple[float, float]
    highest: str
    rows: tuple[LagMark, ...]

    @property
    def begins(self) -> str:
        """Return in words when the drawing begins."""
        return write_instant(self.course.marks[0].at)


def draw_lag(course: GroupCourse) -> LagDrawing:
    """Place every look; the bound is always within the drawing, so that the distance is seen."""
    marks = _thin(course.marks)
    most = max(course.bound_node_seconds, *(mark.lag_node_seconds for mark in marks), 1.0)
    begin = marks[0].at
    whole = (marks[-1].at - begin).total_seconds() or 1.0

    def place(at: datetime, lag: float) -> tuple[float, float]:
        x = LEFT + (at - begin).total_seconds() / whole * (WIDTH - LEFT - RIGHT)
        return round(x, 1), round(TOP + (1 - lag / most) * (BASE - TOP), 1)

    places = [place(mark.at, mark.lag_node_seconds) for mark in marks]
    line = "M" + "L".join(f"{x} {y}" for x, y in places)
    _, height = place(begin, course.bound_node_seconds)
    gaps = [
        (here[0], there[0])
        for mark, here, there in zip(marks, places, places[1:], strict=False)
        if not mark.is_known
    ]
    return LagDrawing(
        course=course,
        line=line,
        under=f"{line}L{places[-1][0]} {BASE}L{places[0][0]} {BASE}Z",
        bound=f"M{LEFT} {height}H{WIDTH - RIGHT}",
        unknown=tuple(f"M{left} {TOP}H{right}V{BASE}H{left}Z" for left, right in gaps),
        tip=places[-1],
        highest=write_short(most),
        rows=_choose(course.marks),
    )


def _thin(marks: Sequence[LagMark]) -> list[LagMark]:
    """Return at most as many looks as can be seen: of each stretch the one with the largest lag.

    The first and the last stay, and so does whatever begins or ends a silence.
    """
    every = -(-len(marks) // POINTS_MAX)
    if every == 1:
        return list(marks)
    kept = [marks[0]]
    for begin in range(1, len(marks) - 1, every):
        stretch = marks[begin : min(begin + every, len(marks) - 1)]
        largest = max(stretch, key=lambda mark: mark.lag_node_seconds)
        kept += [mark for mark in stretch if mark is largest or not mark.is_known]
    return [*kept, marks[-1]]


def _choose(marks: Sequence[LagMark]) -> tuple[LagMark, ...]:
    every = -(-len(marks) // TABLE_ROWS)
    return (*marks[:-1:every], marks[-1])
