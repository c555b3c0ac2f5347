"""Draw the strip fields of the front page: `python tools/draw_fields.py > .../figures/fields.svg`.

An open-field village seen from above: a commons cut into furlongs, the furlongs into strips.
The drawing is the same each time, because its dice have a fixed seed.
"""

import math
import random
import sys

Point = tuple[float, float]
Polygon = list[Point]

WIDTH, HEIGHT = 700, 760
LARGEST_FURLONG = 26_000
COLOURS = "aaabbbbccccddeeefg"
DICE = random.Random(1848)  # noqa: S311 - a drawing, not a secret


def area(polygon: Polygon) -> float:
    """Return the area of a polygon."""
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def cut(polygon: Polygon, at: Point, angle: float) -> tuple[Polygon, Polygon]:
    """Cut a convex polygon along the line through a point."""
    normal = (-math.sin(angle), math.cos(angle))
    left: Polygon = []
    right: Polygon = []
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        side1 = (x1 - at[0]) * normal[0] + (y1 - at[1]) * normal[1]
        side2 = (x2 - at[0]) * normal[0] + (y2 - at[1]) * normal[1]
        (left if side1 >= 0 else right).append((x1, y1))
        if side1 * side2 < 0:
            share = side1 / (side1 - side2)
            crossing = (x1 + (x2 - x1) * share, y1 + (y2 - y1) * share)
            left.append(crossing)
            right.append(crossing)
    return left, right


def long_axis(polygon: Polygon) -> float:
    """Return the direction of the longest side."""
    sides = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    (x1, y1), (x2, y2) = max(sides, key=lambda side: math.dist(*side))
    return math.atan2(y2 - y1, x2 - x1)


def middle(polygon: Polygon) -> Point:
    """Return the mean of the corners."""
    return (
        sum(x for x, _ in polygon) / len(polygon),
        sum(y for _, y in polygon) / len(polygon),
    )


def furlongs(polygon: Polygon) -> list[Polygon]:
    """Divide the land until each part is small enough to be ploughed."""
    if area(polygon) < LARGEST_FURLONG * DICE.uniform(0.7, 1.5):
        return [polygon]
    x, y = middle(polygon)
    at = (x + DICE.uniform(-22, 22), y + DICE.uniform(-22, 22))
    angle = long_axis(polygon) + math.pi / 2 + DICE.uniform(-0.28, 0.28)
    return [part for half in cut(polygon, at, angle) for part in furlongs(half)]


def strips(polygon: Polygon) -> list[Polygon]:
    """Cut a furlong into strips along its long side."""
    angle = long_axis(polygon)
    across = (-math.sin(angle), math.cos(angle))
    reach = [x * across[0] + y * across[1] for x, y in polygon]
    low, high = min(reach), max(reach)
    number = max(2, round((high - low) / DICE.uniform(17, 34)))
    rest, found = polygon, []
    for index in range(1, number):
        offset = low + (high - low) * (index + DICE.uniform(-0.2, 0.2)) / number
        strip, rest = cut(rest, (across[0] * offset, across[1] * offset), angle)[::-1]
        found.append(strip)
    return [part for part in [*found, rest] if len(part) > 2]


def main() -> None:
    """Write the drawing to standard output."""
    lean = 60
    land = [(-lean, -lean), (WIDTH + lean, -lean), (WIDTH + lean, HEIGHT + lean), (-lean, HEIGHT)]
    out = [
        f'<svg class="fields" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice"'
        ' aria-hidden="true" focusable="false">'
    ]
    plots: dict[str, list[str]] = {}
    for furlong in furlongs(land):
        last = ""
        for strip in strips(furlong):
            colour = DICE.choice([c for c in COLOURS if c != last])
            last = colour
            path = "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in strip) + "Z"
            plots.setdefault(colour, []).append(path)
    out += [f'<path class="plot {c}" d="{"".join(paths)}"/>' for c, paths in sorted(plots.items())]
    stream = "M-30 560C120 470 190 610 330 520S470 330 560 350S690 250 760 270"
    out += [f'<path class="bank" d="{stream}"/>', f'<path class="water" d="{stream}"/>', "</svg>"]
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
