"""A burn-down as SVG: what was used, what will be, and the award, over the project's calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.accounting.burn_downs import BurnDown, Mark
from allmende.domain.basics.periods import Period
from allmende.web.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TABLE_ROWS, TOP, WIDTH
from allmende.web.wording import write_short

Place = tuple[float, float]
BASE = HEIGHT - BOTTOM


@dataclass(frozen=True)
class BurnDownDrawing:
    """The lines of the chart, and its twin: a table of some days."""

    used: str
    under: str
    awarded: str
    even: str
    forecast: str  # "" when the period is over, and on its first day
    tip: Place
    highest: str
    rows: tuple[Mark, ...]


@dataclass(frozen=True)
class _Canvas:
    """The calendar goes right, hours go up."""

    period: Period
    highest_seconds: int

    def place(self, at: datetime, seconds: int) -> Place:
        whole = self.period.seconds or 1
        part = min(1.0, max(0.0, (at - self.period.starts_at).total_seconds() / whole))
        x = LEFT + part * (WIDTH - LEFT - RIGHT)
        y = TOP + (1 - max(0, seconds) / self.highest_seconds) * (BASE - TOP)
        return round(x, 1), round(y, 1)


def draw_burn_down(burn: BurnDown) -> BurnDownDrawing:
    """Place every line; the forecast is the range between the two estimates."""
    courses = burn.list_courses()
    awards = [mark.awarded_seconds for mark in burn.marks]
    highest = max(*awards, *(seconds for _, seconds in courses), 1)
    canvas, end = _Canvas(burn.period, highest), burn.period.ends_at
    used = [canvas.place(mark.at, mark.used_seconds) for mark in burn.marks]
    awarded = [canvas.place(mark.at, mark.awarded_seconds) for mark in burn.marks]
    slow, fast = (
        [*([canvas.place(at, seconds)] if at else []), canvas.place(end, seconds)]
        for at, seconds in (courses[0], courses[-1])
    )
    wedge = [used[-1], *slow, *reversed(fast)]
    return BurnDownDrawing(
        used=_line(used),
        under=f"{_line(used)}L{used[-1][0]} {BASE}L{used[0][0]} {BASE}Z",
        awarded=_steps([*awarded, canvas.place(end, burn.awarded_seconds)]),
        even=_line(
            [canvas.place(burn.period.starts_at, 0), canvas.place(end, burn.awarded_seconds)]
        ),
        forecast=f"{_line(wedge)}Z" if burn.ahead_seconds and not burn.is_young else "",
        tip=used[-1],
        highest=write_short(highest / 3600),
        rows=_choose(burn.marks),
    )


def _line(places: Sequence[Place]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in places)


def _steps(places: Sequence[Place]) -> str:
    (x, y), *rest = places
    return f"M{x} {y}" + "".join(f"H{x}V{y}" for x, y in rest)


def _choose(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    every = -(-len(marks) // TABLE_ROWS)
    return (*marks[:-1:every], marks[-1])
