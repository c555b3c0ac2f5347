"""How the speed changes as the queue grows: one workload, submitted faster and faster."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.twin_cases.replays import replay_best
from bench.twin_cases.workloads import group_by_queue, invent

JOBS = 1_000_000
# Loads at which about 10, 100, 1,000 and 10,000 jobs wait on average. Above 1 the queue only
# grows while jobs arrive; in the order of `allmende` the same load leaves a shorter one.
LOADS = {"easy": (0.83, 0.945, 0.982, 1.015), "allmende": (0.885, 0.955, 1.04, 1.75)}
COLOURS = {"easy": "#1f6feb", "allmende": "#c2410c"}
WIDTH, HEIGHT, LEFT, BOTTOM = 640, 360, 80, 50


@dataclass(frozen=True, kw_only=True)
class Point:
    """The speed with so many jobs waiting on average over the whole replay."""

    policy: str
    load: float
    mean_queue: float
    jobs_per_second: float


def measure(*, jobs: int, times: int) -> list[Point]:
    """Replay the workload at every load."""
    return [
        _measure(policy, load, jobs=jobs, times=times)
        for policy, loads in LOADS.items()
        for load in loads
    ]


def _measure(policy: str, load: float, *, jobs: int, times: int) -> Point:
    trace = invent(jobs=jobs, load=load)
    grouping = group_by_queue(trace) if policy == "allmende" else None
    replayed, seconds = replay_best(trace, policy=policy, grouping=grouping, times=times)
    span = int((replayed.starts + trace.seconds).max() - trace.arrivals[0])
    waited = int((replayed.starts - trace.arrivals).sum())
    return Point(
        policy=policy,
        load=load,
        mean_queue=waited / span,
        jobs_per_second=trace.arrivals.size / seconds,
    )


def draw(points: list[Point], path: Path) -> None:
    """Draw speed over queue: the queue grows tenfold from line to line."""
    top = 1.1 * max(point.jobs_per_second for point in points)

    def place(point: Point) -> tuple[float, float]:
        x = LEFT + np.log10(max(1.0, point.mean_queue)) / 5 * (WIDTH - LEFT - 20)
        return float(x), (HEIGHT - BOTTOM) * (1 - point.jobs_per_second / top) + 10

    lines = []
    for power in range(6):
        x = LEFT + power / 5 * (WIDTH - LEFT - 20)
        lines.append(f'<path d="M{x:.0f} 10V{HEIGHT - BOTTOM + 10}" stroke="#ddd"/>')
        lines.append(f'<text x="{x:.0f}" y="{HEIGHT - 22}">{10**power:,}</text>')
    for part in range(5):
        y = (HEIGHT - BOTTOM) * (1 - part / 4 / 1.1) + 10
        speed = f"{part / 4 * top / 1.1:,.0f}"
        lines.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - 20}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 40}" y="{y + 4:.0f}">{speed}</text>')
    lines.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 4}">jobs waiting, mean</text>')
    lines.append(f'<text x="{LEFT + 40}" y="22">jobs/s</text>')
    for number, (policy, colour) in enumerate(COLOURS.items()):
        places = [place(point) for point in points if point.policy == policy]
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        lines.append(f'<polyline points="{corners}" fill="none" stroke="{colour}"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = HEIGHT - BOTTOM - 10 - 18 * number
        lines.append(f'<text x="{LEFT + 60}" y="{y}" fill="{colour}">{policy}</text>')
    style = 'font-family="sans-serif" font-size="12" text-anchor="middle"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *lines, "</svg>\n"]))
