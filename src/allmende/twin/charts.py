"""Charts as SVG text: lines over time and bars, for print, for the dark, and without colours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 28
TICKS = 4
Write = Callable[[float], str]
DASHES = ("", "7 4", "2 3", "10 3 2 3", "1 5", "12 6")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A course over time; `values` stand at equal distances."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A height that a line is compared with."""

    name: str
    value: float


def short(value: float) -> str:
    """Return a number in few signs: 1,234 as it is, larger ones with k, M or G."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if sign == 'k' else size):.3g} {sign}"
    return f"{value:.4g}"


def draw_lines(
    title: str,
    lines: Sequence[Line],
    *,
    until: str,
    unit: str,
    limits: Sequence[Limit] = (),
    write: Write = short,
) -> str:
    """Return a chart of lines over time; colours and dashes follow their order."""
    values = [value for line in lines for value in line.values] + [limit.value for limit in limits]
    top = nice_top(max(values, default=0.0))
    parts = [
        _head(title),
        *_grid(top, unit, write),
        _label(WIDTH - RIGHT, HEIGHT - 8, until, "end"),
    ]
    for number, limit in enumerate(limits):
        y = _height(limit.value, top)
        parts.append(f'<path class="limit c{number}" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(_label(LEFT + 4, y - 4, limit.name, "start"))
    for number, line in enumerate(lines):
        step = (WIDTH - LEFT - RIGHT) / max(1, len(line.values) - 1)
        points = [
            f"{LEFT + place * step:.1f} {_height(value, top)}"
            for place, value in enumerate(line.values)
        ]
        dash = f' stroke-dasharray="{DASHES[number % len(DASHES)]}"' if number else ""
        parts.append(f'<path class="line c{number}"{dash} d="M{"L".join(points)}"/>')
    return "\n".join([*parts, "</svg>"])


def draw_bars(
    title: str, bars: Sequence[tuple[str, Sequence[float]]], *, unit: str, write: Write = short
) -> str:
    """Return groups of bars, side by side: (name, one value for each series)."""
    top = nice_top(max((value for _, values in bars for value in values), default=0.0))
    parts = [_head(title), *_grid(top, unit, write)]
    room = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    for place, (name, values) in enumerate(bars):
        width = min(48.0, 0.8 * room / max(1, len(values)))
        left = LEFT + place * room + (room - width * len(values)) / 2
        for number, value in enumerate(values):
            y = _height(value, top)
            x, height = left + number * width, HEIGHT - BOTTOM - y
            parts.append(
                f'<rect class="bar c{number}" x="{x:.1f}" y="{y}" '
                f'width="{width - 2:.1f}" height="{max(0.0, height):.1f}"/>'
            )
        parts.append(_label(LEFT + (place + 0.5) * room, HEIGHT - 8, name, "middle"))
    return "\n".join([*parts, "</svg>"])


def average(values: Sequence[float], most: int = 150) -> list[float]:
    """Return at most so many values, each the mean of its stretch."""
    every = -(-len(values) // most)
    stretches = [values[place : place + every] for place in range(0, len(values), every)]
    return [sum(stretch) / len(stretch) for stretch in stretches]


def nice_top(value: float) -> float:
    """Return a number at or above a value whose quarters are round."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(power * step for step in (1, 2, 4, 8, 10) if power * step >= value)


def _head(title: str) -> str:
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg role="img" {box} aria-label="{escape(title, quote=True)}">'


def _grid(top: float, unit: str, write: Write) -> list[str]:
    parts = []
    for tick in range(TICKS + 1):
        value = top * tick / TICKS
        y = _height(value, top)
        parts.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        words = f"{write(value)} {unit}".strip() if tick == TICKS else write(value)
        parts.append(_label(LEFT - 6, y + 4, words, "end"))
    return parts


def _height(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)


def _label(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
