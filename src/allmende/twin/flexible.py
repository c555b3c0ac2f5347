"""Jobs that may wait for a better hour, and what the machine saved by it.

The live factory chooses by the same rule (`allmende.domain.scheduling.flexible`), job by job; here
all jobs of a trace are looked at together. What is saved is read from two whole replays, never
added up from claims of single jobs: a job that moves makes room, and others move into it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from allmende.domain.basics.sentences import Sentence
from allmende.twin.dependencies import NOBODY
from allmende.twin.power import UNITS, Power, last_end, make_bill, node_seconds, split_hours
from allmende.twin.replay import Replay
from allmende.twin.series import HOUR_SECONDS, Series, origin, read_hours
from allmende.twin.toml_tables import check_table, read_number
from allmende.twin.traces import Ints, Trace

KEYS = ("share", "slack_hours", "series", "seed")
MOST_SLACK_HOURS = 24 * 14
MOST_SEED = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Flexible:
    """Which jobs are flexible, by how much, and what is low in a good hour."""

    share: float  # of all jobs, chosen by a hash of their numbers
    slack_seconds: int
    series: Series
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Saving:
    """What flexible jobs did, against the same replay without them, over the same time.

    Means of the series are over all node-seconds that were busy; nothing is saved where no watts
    are known.
    """

    jobs: int
    shift_seconds_mean: float
    series_mean: float
    series_mean_without: float
    saved: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as one object."""
        return {
            "jobs": self.jobs,
            "shift_seconds_mean": self.shift_seconds_mean,
            "series_mean": self.series_mean,
            "series_mean_without": self.series_mean_without,
            "saved": dict(self.saved),
        }

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Say what came of it."""
        facts = {
            "jobs": self.jobs,
            "hours": round(self.shift_seconds_mean / HOUR_SECONDS, 1),
            "mean": float(f"{self.series_mean:.4g}"),
            "without": float(f"{self.series_mean_without:.4g}"),
        }
        first = Sentence(
            "{jobs} flexible jobs became eligible {hours} h later on average. Over all work of the "
            "machine, the mean of the series is {mean} instead of {without} in the same replay "
            "without them.",
            facts,
        )
        rest = (
            Sentence(
                "Saved by that, estimated: {amount} {unit}.",
                {"amount": float(f"{amount:.4g}"), "unit": UNITS[name]},
            )
            for name, amount in self.saved.items()
        )
        return (first, *rest)


def read_flexible(table: Any, folder: Path) -> Flexible:
    """Return what a [flexible] table says; `ValueError` says what is wrong with it."""
    check_table("flexible", table, KEYS)
    try:
        series = read_hours(table.get("series"), folder)
    except ValueError as problem:
        raise ValueError(f"series: {problem}") from problem
    return Flexible(
        share=read_number(table, "share", 0, 1),
        slack_seconds=round(read_number(table, "slack_hours", 0, MOST_SLACK_HOURS) * HOUR_SECONDS),
        series=series,
        seed=int(read_number({"seed": 0} | dict(table), "seed", 0, MOST_SEED)),
    )


def choose_jobs(trace: Trace, flexible: Flexible) -> Any:
    """Return which jobs are flexible; one that follows another never is."""
    # SplitMix64 (Steele, Lea, Flood 2014): equal numbers and seeds choose alike everywhere.
    bits = trace.numbers.astype(np.uint64) + np.uint64(flexible.seed << 32)
    bits = bits * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    chosen = (bits >> np.uint64(11)) / 2.0**53 < flexible.share
    if trace.dependencies is not None:
        chosen &= trace.dependencies.predecessors == NOBODY
    return chosen


def choose_starts(trace: Trace, flexible: Flexible) -> Ints:
    """Return from when on each job may start: at its submission, or for a flexible one at the
    instant of its slack where the mean of the series over its limit is lowest, the earliest of
    these. The same rule as `choose_start` of the live factory.
    """
    begin = origin(trace)
    starts = trace.arrivals.copy()
    chosen = choose_jobs(trace, flexible)
    submitted, limits = trace.arrivals[chosen], trace.limits[chosen]
    best, lowest = submitted.copy(), _sum_over(flexible.series, submitted - begin, limits)
    # The mean changes its slope only where one of its ends passes a full hour: nothing between two
    # such instants is lower than both.
    last = submitted + flexible.slack_seconds
    first_begins = submitted + (begin - submitted) % HOUR_SECONDS
    first_ends = submitted + (begin - submitted - limits) % HOUR_SECONDS
    candidates = [last]
    for hour in range(flexible.slack_seconds // HOUR_SECONDS + 1):
        candidates += [first_begins + hour * HOUR_SECONDS, first_ends + hour * HOUR_SECONDS]
    for instants in candidates:
        sums = _sum_over(flexible.series, instants - begin, limits)
        is_better = (sums < lowest) | ((sums == lowest) & (instants < best))
        is_better &= instants <= last
        best, lowest = np.where(is_better, instants, best), np.where(is_better, sums, lowest)
    starts[chosen] = best
    return starts


def _sum_over(series: Series, since: Ints, seconds: Ints) -> Any:
    """Return the sums of a series over so many seconds, from instants after hour 0 on."""
    phase = since % (series.thousandths.size * HOUR_SECONDS)
    return series.integrate(phase + seconds) - series.integrate(phase)


def measure_saving(
    replayed: Replay, without: Replay, flexible: Flexible, power: Power | None
) -> Saving:
    """Compare a replay with the same one without flexible jobs, both until the later end."""
    trace, until = replayed.trace, max(last_end(replayed), last_end(without))
    shifts = (replayed.eligible - trace.arrivals)[choose_jobs(trace, flexible)]
    saved: dict[str, float] = {}
    if power:
        bills = [make_bill(each, power, until=until) for each in (without, replayed)]
        saved = bills[0].less(bills[1])
    return Saving(
        jobs=int(shifts.size),
        shift_seconds_mean=float(shifts.mean()) if shifts.size else 0.0,
        series_mean=_mean_over_work(replayed, flexible.series, until),
        series_mean_without=_mean_over_work(without, flexible.series, until),
        saved=saved,
    )


def _mean_over_work(replayed: Replay, series: Series, until: int) -> float:
    first = origin(replayed.trace)
    borders = split_hours(int(replayed.trace.arrivals[0]), until, first)
    _, busy = node_seconds(replayed, borders)
    values = series.values_at((borders[:-1] - first) // HOUR_SECONDS)
    return float((busy * values).sum()) / max(1, int(busy.sum()))
