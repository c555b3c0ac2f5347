"""The lag against its bound, and the nodes against the claim, case beside case, as SVG."""

from collections.abc import Iterable, Mapping

from bench.slurm_cases.courses import Course
from bench.slurm_cases.load import NODES, SECONDS

WIDTH, LEFT, GAP, TOP, HIGH, LOW = 300, 52, 30, 46, 150, 100
STYLE = (
    "text{font:12px sans-serif;fill:#222}.t{font-weight:bold}.m{fill:#555}"
    ".a{stroke:#888;fill:none}.l{stroke:#0b5fa5;fill:none;stroke-width:1.8}"
    ".b{stroke:#b3261e;fill:none;stroke-dasharray:5 4}.c{stroke:#b3261e;fill:none}"
    ".n{fill:#9cc3e4;stroke:none}"
)


def draw(courses: Mapping[str, Course]) -> str:
    """Return a picture with a column for each case."""
    total = LEFT + len(courses) * (WIDTH + GAP)
    height = TOP + HIGH + 40 + LOW + 40
    most = max(max(max(c.lags), c.bound) for c in courses.values()) * 1.05
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" role="img" '
        'aria-label="Lag of the guaranteed group against its bound, and its nodes against its '
        f'claim, in {len(courses)} cases">',
        f"<style>{STYLE}</style><rect width='100%' height='100%' fill='#fff'/>",
        f"<text x='8' y='{TOP - 26}' class='m'>Above: lag in node-seconds (blue) and its bound "
        "(dashed). Below: nodes of the SMEs (area) and what they could claim (line). "
        "Seconds from left to right.</text>",
    ]
    for number, (name, course) in enumerate(courses.items()):
        parts += _column(name, course, x=LEFT + number * (WIDTH + GAP), most=most)
    return "\n".join([*parts, "</svg>\n"])


def _column(name: str, course: Course, *, x: int, most: float) -> list[str]:
    below = TOP + HIGH + 40
    bound = _place(course.bound, most, TOP, HIGH)
    labels = [
        (x - 6, TOP + 10, f"{most:.0f}", "end"),
        (x - 6, TOP + HIGH, "0", "end"),
        (x - 6, below + 10, str(NODES), "end"),
        (x - 6, below + LOW, "0", "end"),
        (x, below + LOW + 18, "0 s", "start"),
        (x + WIDTH, below + LOW + 18, f"{SECONDS} s", "end"),
    ]
    return [
        f"<text class='t' x='{x}' y='{TOP - 8}'>{name}</text>",
        f"<path class='a' d='M{x} {TOP}V{TOP + HIGH}H{x + WIDTH}'/>",
        f"<path class='b' d='M{x} {bound}H{x + WIDTH}'/>",
        f"<path class='l' d='{_path(course.lags, most, x=x, top=TOP, high=HIGH)}'/>",
        f"<path class='n' d='{_path(course.running, NODES, x=x, top=below, high=LOW)}"
        f"L{x + WIDTH} {below + LOW}L{x} {below + LOW}Z'/>",
        f"<path class='c' d='{_path(course.entitled, NODES, x=x, top=below, high=LOW)}'/>",
        f"<path class='a' d='M{x} {below}V{below + LOW}H{x + WIDTH}'/>",
        *(
            f"<text class='m' x='{left}' y='{top}' text-anchor='{anchor}'>{words}</text>"
            for left, top, words, anchor in labels
        ),
    ]


def _path(values: Iterable[float], most: float, *, x: int, top: int, high: int) -> str:
    places = (
        f"{x + second / SECONDS * WIDTH:.1f} {_place(value, most, top, high)}"
        for second, value in enumerate(values)
    )
    return "M" + "L".join(places)


def _place(value: float, most: float, top: int, high: int) -> str:
    return f"{top + high - value / most * high:.1f}"
