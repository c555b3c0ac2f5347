"""How fast the twin replays and the kernel decides, beside AccaSim on the same trace.

Everything is measured in this run: the recorded traces, the peer, a workload as large as JUPITER's,
growth with the queue, memory, live decisions. docs/reference/performance.md says how to read it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from allmende.twin.replay import compile_everything
from bench.twin_cases import growth, live, memory, peer
from bench.twin_cases.replays import TRACES, read_traces, replay_best
from bench.twin_cases.workloads import (
    GROUPS,
    PEOPLE,
    PROJECTS,
    group_by_queue,
    invent,
    invent_people,
)

TIMES = 3
JOBS = 1_000_000
PLOT = Path("var/bench/growth.svg")
JOBS_PER_SECOND = {
    "easy, HPC2N": 2_000_000,
    "easy, RICC": 300_000,
    "easy, JUPITER": 500_000,
    "allmende, JUPITER": 150_000,
}
PEER_TRACE, PEER_RATIO = "KTH", 1_000
BYTES_PER_JOB = 300
COLD_SECONDS, PLAN_SECONDS, P99_SECONDS = 1.0, 1.0, 0.050


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure, and the bound that it must reach or stay under, if there is one."""

    case: str
    value: float
    unit: str
    target: float | None = None
    is_upper: bool = False  # the target is the most, not the least

    @property
    def is_met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.is_upper else self.value >= self.target


def measure(console: Console) -> list[Result]:
    """Run every case; say on the console what is absent."""
    compile_everything()
    results = replay_recorded(console)
    results += replay_invented()
    points = growth.measure(jobs=JOBS, times=TIMES)
    growth.draw(points, PLOT)
    results += [
        Result(
            case=f"{point.policy}, load {point.load}, {point.mean_queue:,.0f} waiting",
            value=point.jobs_per_second,
            unit="jobs/s",
        )
        for point in points
    ]
    return results + measure_memory() + decide_live()


def replay_recorded(console: Console) -> list[Result]:
    """Replay the recorded traces, and the first of them beside the peer."""
    traces = read_traces()
    if not traces:
        console.print(f"No recorded traces in {TRACES}: left out.", style="yellow")
    results = []
    if PEER_TRACE in traces:
        try:
            results += _beside_peer(peer.compare(traces[PEER_TRACE], times=TIMES))
        except peer.PeerAbsent as problem:
            console.print(f"AccaSim {peer.VERSION} left out: {problem}", style="yellow")
    for name, trace in traces.items():
        _, seconds = replay_best(trace, policy="easy", grouping=None, times=TIMES)
        results.append(_speed(f"easy, {name}", trace.arrivals.size / seconds))
    return results


def _speed(case: str, jobs_per_second: float) -> Result:
    return Result(case=case, value=jobs_per_second, unit="jobs/s", target=JOBS_PER_SECOND.get(case))


def _beside_peer(figures: peer.Figures) -> list[Result]:
    jobs, own = figures.jobs, figures.own_seconds
    results = [_speed(f"easy, {PEER_TRACE}, in turns with AccaSim", jobs / own)]
    for how, seconds in (
        ("as it comes", figures.usual_seconds),
        ("writing nothing", figures.quiet_seconds),
    ):
        results += [
            _speed(f"AccaSim, {PEER_TRACE}, {how}", jobs / seconds),
            Result(case=f"÷ AccaSim, {how}", value=seconds / own, unit="times", target=PEER_RATIO),
        ]
    return results


def replay_invented() -> list[Result]:
    """Replay a workload as large as JUPITER's, with and without guarantees."""
    trace = invent(jobs=JOBS)
    results = []
    for policy, grouping in (("easy", None), ("allmende", group_by_queue(trace))):
        _, seconds = replay_best(trace, policy=policy, grouping=grouping, times=TIMES)
        results.append(_speed(f"{policy}, JUPITER", trace.arrivals.size / seconds))
    trace, grouping = invent_people(jobs=JOBS)
    _, seconds = replay_best(trace, policy="allmende", grouping=grouping, times=1)
    case = f"allmende, four levels, {PEOPLE:,} people"
    return [*results, _speed(case, trace.arrivals.size / seconds)]


def measure_memory() -> list[Result]:
    """Replay a very long workload in a process of its own."""
    figures = memory.measure()
    return [
        Result(
            case=f"peak memory, easy, {figures.jobs:,} jobs",
            value=figures.bytes_per_job,
            unit="bytes/job",
            target=BYTES_PER_JOB,
            is_upper=True,
        ),
        _speed(f"easy, {figures.jobs:,} jobs", figures.jobs / figures.loop_seconds),
    ]


def decide_live() -> list[Result]:
    """Decide on a long queue, from cold and after single changes."""
    figures = live.measure()
    rows: list[tuple[str, float, float | None]] = [
        ("from cold", figures.cold_seconds, COLD_SECONDS),
        ("a whole plan, with sentences", figures.plan_seconds, PLAN_SECONDS),
        ("after one change, p50", figures.p50_seconds, None),
        ("after one change, p99", figures.p99_seconds, P99_SECONDS),
    ]
    return [
        Result(case=f"live, {name}", value=1e3 * value, unit="ms", target=_ms(most), is_upper=True)
        for name, value, most in rows
    ]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds


def _row(result: Result) -> list[str]:
    sign = "≤" if result.is_upper else "≥"
    target = "" if result.target is None else f"{sign} {result.target:,.0f}"
    met = {None: "", True: "yes", False: "NO"}[result.is_met]
    digits = 0 if result.value >= 100 else 2
    return [result.case, f"{result.value:,.{digits}f}", result.unit, target, met]


def main() -> None:
    """Print a table for people and one line of JSON for programs."""
    console = Console()
    results = measure(console)
    table = Table("case", "figure", "unit", "target", "met", box=None)
    for result in results:
        table.add_row(*_row(result))
    console.print(f"Twin and kernel: the best of {TIMES}", style="bold")
    console.print(table)
    console.print(
        f"Live: {live.PENDING:,} jobs wait, {live.NODES:,} nodes, {PROJECTS:,} projects in "
        f"{len(GROUPS)} groups with guarantees."
    )
    console.print(f"Growth with the queue is drawn in {PLOT}.")
    print(json.dumps([asdict(each) | {"is_met": each.is_met} for each in results], default=_plain))


def _plain(value: Any) -> Any:
    return value.item()


if __name__ == "__main__":
    main()
