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
    preemptions: int
    lost_node_seconds: int
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
    preemptions: int
    lost_node_seconds: int  # done by jobs that were stopped, since their last checkpoint
    groups: tuple[GroupFigures, ...]
    begins_at: int
    interval_seconds: int
    bill: Bill | None = None  # energy, where the power of a node is known


def measure(replayed: Replay, power: Power | None = None) -> Figures:
    """Return the figures of a replay; jobs that never started count only as demand."""
    trace, starts = replayed.trace, replayed.starts
    waits = (starts - replayed.eligible)[starts != NEVER]
    _, _, ends = replayed.runs
    begins_at = int(trace.arrivals[0])
    simulated = max(1, int(ends.max(initial=0)) - begins_at)
    interval = -(-simulated // POINTS)
    everybody = np.ones(trace.arrivals.size, dtype=bool)
    ran, lost = _count_work(replayed, everybody)
    groups = tuple(
        _measure_group(replayed, g, (begins_at, interval), ran - lost)
        for g in range(len(replayed.grouping.tree.groups))
    )
    return Figures(
        jobs=waits.size,
        simulated_seconds=simulated,
        utilisation=ran / (simulated * trace.machine_nodes),
        utilisation_while_submitting=_while_submitting(replayed),
        wait_seconds_mean=_mean(waits),
        wait_seconds_median=_percentile(waits, 50),
        wait_seconds_p90=_percentile(waits, 90),
        bounded_slowdown_mean=_mean(_bounded_slowdowns(replayed, everybody)),
        preemptions=len(replayed.cut),
        lost_node_seconds=lost,
        groups=groups,
        begins_at=begins_at,
        interval_seconds=interval,
        bill=make_bill(replayed, power) if power else None,
    )


def _count_work(replayed: Replay, mine: Any) -> tuple[int, int]:
    """Return the node-seconds that some jobs ran, and what of it was lost when they stopped."""
    nodes = np.where(mine, replayed.trace.nodes, 0)
    places, begins, ends = replayed.runs
    lost = nodes[replayed.cut[:, 0]] * replayed.lost_seconds
    return int((nodes[places] * (ends - begins)).sum()), int(lost.sum())


def _while_submitting(replayed: Replay) -> float:
    """Return the utilisation up to the last submission: without the tail that one job can make."""
    trace = replayed.trace
    places, begins, ends = replayed.runs
    last = trace.arrivals[-1]
    ran = np.minimum(ends, last) - np.minimum(begins, last)
    window = max(1, int(last - trace.arrivals[0]))
    return int((ran * trace.nodes[places]).sum()) / (window * trace.machine_nodes)


def _measure_group(replayed: Replay, g: int, grid: tuple[int, int], delivered: int) -> GroupFigures:
    trace, starts = replayed.trace, replayed.starts
    share = replayed.grouping.tree.groups[g]
    mine = replayed.grouping.group_of_job == g
    waits = (starts - replayed.eligible)[mine & (starts != NEVER)]
    course = _follow_group(replayed, mine, share.guarantee_ppm, grid)
    ran, lost = _count_work(replayed, mine)
    return GroupFigures(
        path=share.path,
        jobs=waits.size,
        guarantee=share.guarantee_ppm / MICRONODES,
        demand_node_seconds=int((trace.nodes * trace.seconds)[mine].sum()),
        delivered_node_seconds=ran - lost,
        entitled_node_seconds=int(course.totals[1]),
        share=(ran - lost) / delivered if delivered else 0.0,
        worst_lag_node_seconds=int(course.totals[0]) / MICRO,
        lag_bound_node_seconds=bound_node_seconds(replayed, share) if share.guarantee_ppm else 0.0,
        wait_seconds_mean=_mean(waits),
        wait_seconds_p90=_percentile(waits, 90),
        bounded_slowdown_mean=_mean(_bounded_slowdowns(replayed, mine)),
        preemptions=int(mine[replayed.cut[:, 0]].sum()),
        lost_node_seconds=lost,
        course=course,
    )


def _follow_group(replayed: Replay, mine: Any, guarantee: int, grid: tuple[int, int]) -> Course:
    """Follow a group's jobs; `grid` is the first second, and the seconds in an interval."""
    trace = replayed.trace
    is_mine = mine[replayed.runs[0]]
    places, begins, ends = (column[is_mine] for column in replayed.runs)
    cut = replayed.cut[mine[replayed.cut[:, 0]]]
    came = mine & (replayed.eligible != NEVER)
    nodes = trace.nodes
    events = np.concatenate(
        [
            _events(replayed.eligible[came], 0, nodes[came]),
            _events(begins, nodes[places], -nodes[places]),
            _events(ends, -nodes[places], 0),
            _events(cut[:, 2], 0, nodes[cut[:, 0]]),
            _changes_before(replayed, int(ends.max(initial=grid[0]))),
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


def _events(seconds: Any, running: Any, waiting: Any) -> Any:
    """Return events at these seconds: how many nodes more, or less, run and wait from then on."""
    columns = (np.broadcast_to(column, seconds.shape) for column in (seconds, running, waiting, 0))
    return np.stack(tuple(columns), axis=1)


def _changes_before(replayed: Replay, end: int) -> Any:
    """Return the changes of capacity as events, as far as the group's own reach."""
    rows, nodes = [], replayed.trace.machine_nodes
    for second, after in replayed.changes:
        if second <= end:
            rows.append((second, 0, 0, after - nodes))
            nodes = after
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _bounded_slowdowns(replayed: Replay, mine: Any) -> Any:
    """Return the time from when a job could start to its end, as a multiple of the run time."""
    ended = mine & (replayed.begun != NEVER)
    spent = (replayed.begun + replayed.rests - replayed.eligible)[ended]
    return np.maximum(1.0, spent / np.maximum(replayed.trace.seconds[ended], BOUND_SECONDS))


def _mean(values: Any) -> float:
    return float(values.mean()) if values.size else 0.0


def _percentile(values: Any, percent: int) -> float:
    return float(np.percentile(values, percent)) if values.size else 0.0
