"""Curves as SVG, drawn here: they print, follow the colours, and need no script."""

from collections.abc import Sequence
from dataclasses import dataclass

from allmende.domain.training.courses import thin
from allmende.services import runs
from allmende.web.wording import write_number

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 50, 8, 12, 30
POINTS_MAX = 240
TABLE_ROWS = 12


@dataclass(frozen=True)
class Drawing:
    """A metric over the steps: the drawing and its twin, a table of a few points."""

    name: str
    path: str
    area: str
    tip: tuple[float, float]
    highest: str
    lowest: str
    first_step: str
    last_step: str
    last: str
    rows: tuple[tuple[str, str], ...]


def draw_curves(curves: Sequence[runs.Curve]) -> list[Drawing]:
    """Return a drawing for each metric that has at least two points."""
    drawn = [curve for curve in curves if len(curve.points) > 1]
    return [_draw(curve.name, thin(curve.points, POINTS_MAX)) for curve in drawn]


def _draw(name: str, points: Sequence[tuple[int, float]]) -> Drawing:
    steps, values = [step for step, _ in points], [value for _, value in points]
    low, high = min(values), max(values)
    width = (steps[-1] - steps[0]) or 1
    height = (high - low) or 1

    def place(step: int, value: float) -> tuple[float, float]:
        x = LEFT + (step - steps[0]) / width * (WIDTH - LEFT - RIGHT)
        y = TOP + (high - value) / height * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    places = [place(step, value) for step, value in points]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    shown = points[:: -(-len(points) // TABLE_ROWS)]
    if shown[-1] != points[-1]:
        shown = [*shown, points[-1]]
    return Drawing(
        name=name,
        path=path,
        area=f"{path}L{places[-1][0]} {HEIGHT - BOTTOM}L{places[0][0]} {HEIGHT - BOTTOM}Z",
        tip=places[-1],
        highest=_short(high),
        lowest=_short(low),
        first_step=write_number(steps[0]),
        last_step=write_number(steps[-1]),
        last=_short(values[-1]),
        rows=tuple((write_number(step), _short(value)) for step, value in shown),
    )


def _short(value: float) -> str:
    return write_number(float(f"{value:.4g}"))
