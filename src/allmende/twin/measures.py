"""What a schedule was worth: waits, shares, lags; read from the schedule alone.

Nothing here asks the kernel: lags are computed anew from who waited and ran when, so they hold for
every policy, and check the kernel's own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from allmende.domain.scheduling import compiled
from allmende.domain.scheduling.boards import MICRO, NEVER
from allmende.domain.scheduling.shares import MICRONODES, Path
from allmende.twin.courses import Course, follow
from allmende.twin.power import Bill, Power, make_bill
from allmende.twin.replay import Replay, bound_node_seconds, compiled_clock

BOUND_SECONDS = 10  # the usual floor of bounded slowdown (Feitelson and others 1997)
POINTS = 600


@dataclass(frozen=True, kw_only=True)
class GroupFigures:
    """How one group fared."""

    path: Path
    jobs: int
    guarantee: float
    demand_node_seconds: int
    delivered_node_seconds: int
    entitled_node_seconds: int
    share: float
    worst_lag_node_seconds: float
    lag_bound_node_seconds: float
    wait_seconds_mean: float
    wait_seconds_p90: float
    bounded_slowdown_mean: float
    course: Course


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How a schedule fared."""

    jobs: int
    simulated_seconds: int
    utilisation: float
    utilisation_while_submitting: float
    wait_seconds_mean: float
    wait_seconds_median: float
    wait_seconds_p90: float
    bounded_slowdown_mean: float
    groups: tuple[GroupFigures, ...]
    begins_at: int
    interval_seconds: int
    bill: Bill | None = None  # energy, where the power of a node is known


def measure(replayed: Replay, power: Power | None = None) -> Figures:
    """Return the figures of a replay; jobs that never started count only as demand."""
    trace, starts = replayed.trace, replayed.starts
    started = starts != NEVER
    waits = (starts - replayed.eligible)[started]
    ends = np.where(started, starts + trace.seconds, 0)
    begins_at = int(trace.arrivals[0])
    simulated = max(1, int(ends.max()) - begins_at)
    interval = -(-simulated // POINTS)
    work = trace.nodes * trace.seconds
    delivered = int(work[started].sum())
    slowdowns = _bounded_slowdowns(waits, trace.seconds[started])
    groups = tuple(
        _measure_group(replayed, g, (begins_at, interval), delivered)
        for g in range(len(replayed.grouping.tree.groups))
    )
    return Figures(
        jobs=int(started.sum()),
        simulated_seconds=simulated,
        utilisation=delivered / (simulated * trace.machine_nodes),
        utilisation_while_submitting=_while_submitting(replayed),
        wait_seconds_mean=_mean(waits),
        wait_seconds_median=_percentile(waits, 50),
        wait_seconds_p90=_percentile(waits, 90),
        bounded_slowdown_mean=_mean(slowdowns),
        groups=groups,
        begins_at=begins_at,
        interval_seconds=interval,
        bill=make_bill(replayed, power) if power else None,
    )


def _while_submitting(replayed: Replay) -> float:
    """Return the utilisation up to the last submission: without the tail that one job can make."""
    trace, starts = replayed.trace, replayed.starts
    last = trace.arrivals[-1]
    begun = np.where(starts == NEVER, last, np.minimum(starts, last))
    ran = np.minimum(begun + trace.seconds, last) - begun
    window = max(1, int(last - trace.arrivals[0]))
    return int((ran * trace.nodes).sum()) / (window * trace.machine_nodes)


def _measure_group(replayed: Replay, g: int, grid: tuple[int, int], delivered: int) -> GroupFigures:
    trace, starts = replayed.trace, replayed.starts
    share = replayed.grouping.tree.groups[g]
    mine = replayed.grouping.group_of_job == g
    started = mine & (starts != NEVER)
    work = trace.nodes * trace.seconds
    waits = (starts - replayed.eligible)[started]
    course = _follow_group(replayed, mine, share.guarantee_ppm, grid)
    mine_delivered = int(work[started].sum())
    return GroupFigures(
        path=share.path,
        jobs=int(started.sum()),
        guarantee=share.guarantee_ppm / MICRONODES,
        demand_node_seconds=int(work[mine].sum()),
        delivered_node_seconds=mine_delivered,
        entitled_node_seconds=int(course.totals[1]),
        share=mine_delivered / delivered if delivered else 0.0,
        worst_lag_node_seconds=int(course.totals[0]) / MICRO,
        lag_bound_node_seconds=bound_node_seconds(replayed, share) if share.guarantee_ppm else 0.0,
        wait_seconds_mean=_mean(waits),
        wait_seconds_p90=_percentile(waits, 90),
        bounded_slowdown_mean=_mean(_bounded_slowdowns(waits, trace.seconds[started])),
        course=course,
    )


def _follow_group(replayed: Replay, mine: Any, guarantee: int, grid: tuple[int, int]) -> Course:
    """Follow a group's jobs; `grid` is the first second, and the seconds in an interval."""
    trace, starts = replayed.trace, replayed.starts
    started = mine & (starts != NEVER)
    came = mine & (replayed.eligible != NEVER)
    nodes, zeros = trace.nodes, np.zeros_like(trace.nodes)
    ends = starts + trace.seconds
    events = np.concatenate(
        [
            np.stack([replayed.eligible, zeros, nodes, zeros], axis=1)[came],
            np.stack([starts, nodes, -nodes, zeros], axis=1)[started],
            np.stack([ends, -nodes, zeros, zeros], axis=1)[started],
            _changes_before(replayed, int(ends[started].max(initial=grid[0]))),
        ]
    )
    events = events[np.argsort(events[:, 0], kind="stable")]
    columns = (np.zeros(size, dtype=np.int64) for size in (POINTS + 1, POINTS + 1, POINTS + 1, 2))
    course = Course._make(columns)
    settings = np.array([guarantee, trace.machine_nodes, *grid])
    run: Any = follow
    if len(events) >= compiled.COMPILE_FROM_JOBS:
        run = compiled_clock().functions["follow"]
    run(events, settings, course)
    return course


def _changes_before(replayed: Replay, end: int) -> Any:
    """Return the changes of capacity as events, as far as the group's own reach."""
    rows, nodes = [], replayed.trace.machine_nodes
    for second, after in replayed.changes:
        if second <= end:
            rows.append((second, 0, 0, after - nodes))
            nodes = after
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _bounded_slowdowns(waits: Any, seconds: Any) -> Any:
    floor = np.maximum(seconds, BOUND_SECONDS)
    return np.maximum(1.0, (waits + seconds) / floor)


def _mean(values: Any) -> float:
    return float(values.mean()) if values.size else 0.0


def _percentile(values: Any, percent: int) -> float:
    return float(np.percentile(values, percent)) if values.size else 0.0
