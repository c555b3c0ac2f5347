"""Draw the outline of Germany for the map of sites, once, from Natural Earth (public domain).

Source: npm package world-atlas 2.0.2 (ISC), file countries-10m.json. Usage:
`python tools/draw_germany.py countries-10m.json > src/allmende/web/templates/figures/germany.svg`
"""

import json
import sys
from pathlib import Path

from allmende.web.maps import HEIGHT, WIDTH, project

GERMANY = "276"
SMALLEST_RING = 12  # points; smaller islands vanish at this size anyway
TOLERANCE = 0.55  # in units of the drawing, about a pixel


def read_rings(path: Path) -> list[list[tuple[float, float]]]:
    """Return the outline as rings of points of the drawing."""
    atlas = json.loads(path.read_text())
    (scale_x, scale_y), (left, bottom) = (
        atlas["transform"]["scale"],
        atlas["transform"]["translate"],
    )

    def points(index: int) -> list[tuple[float, float]]:
        x = y = 0
        found = []
        for step_x, step_y in atlas["arcs"][index if index >= 0 else ~index]:
            x, y = x + step_x, y + step_y
            found.append(project(y * scale_y + bottom, x * scale_x + left))
        return found if index >= 0 else found[::-1]

    countries = atlas["objects"]["countries"]["geometries"]
    country = next(row for row in countries if row.get("id") == GERMANY)
    rings = []
    for polygon in country["arcs"]:
        ring: list[tuple[float, float]] = []
        for index in polygon[0]:
            ring += points(index)[1 if ring else 0 :]
        rings.append(ring)
    return rings


def simplify(ring: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Drop points that lie within the tolerance of the line they are on (Douglas, Peucker 1973)."""
    if len(ring) < 3:
        return ring
    (x1, y1), (x2, y2) = ring[0], ring[-1]
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    far, index = -1.0, 0
    for number, (x, y) in enumerate(ring[1:-1], start=1):
        if length == 0:
            away = ((x - x1) ** 2 + (y - y1) ** 2) ** 0.5
        else:
            away = abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length
        if away > far:
            far, index = away, number
    if far <= TOLERANCE:
        return [ring[0], ring[-1]]
    return simplify(ring[: index + 1])[:-1] + simplify(ring[index:])


def main() -> None:
    """Write the path to standard output."""
    rings = [simplify(ring) for ring in read_rings(Path(sys.argv[1])) if len(ring) >= SMALLEST_RING]
    path = "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring[:-1]) + "Z"
        for ring in rings
        if len(ring) > 3
    )
    sys.stdout.write(f'<path class="land" d="{path}"/>\n')
    sys.stderr.write(f"{WIDTH} x {HEIGHT}: {len(path)} characters\n")


if __name__ == "__main__":
    main()
