"""An invented workload: nobody's jobs, but arrivals, widths and run times as machines like it see.

The same seed gives the same jobs. Arrivals follow the day and the week, widths are mostly powers
of two, run times are log-normal (Lublin and Feitelson 2003 found these in recorded workloads),
and limits are what people write: a round multiple of what they need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from allmende.twin.traces import Ints, Trace

DAY_SECONDS = 24 * 3600
# Demand by hour of the day and by day of the week, against the mean; the trace begins on a Monday.
HOURS = (5, 4, 3, 3, 3, 4, 6, 9, 13, 17, 19, 19, 17, 18, 20, 20, 18, 15, 12, 10, 9, 8, 7, 6)
WEEKDAYS = (11, 12, 12, 12, 11, 6, 6)
# A person asks for one and a half times to eight times of what the job takes.
LIMIT_FACTORS = (1.5, 2.0, 3.0, 4.0, 8.0)
SPREAD = 1.1  # standard deviation of the logarithm of run times
POWERS_OF_TWO = 0.85  # part of the jobs whose width is one
USERS_PER_GROUP = 24
USERS_PER_PROJECT = 3
JOBS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a group asks for: its part of all node-seconds, and the widest job it submits."""

    name: str
    part: float
    widest_job_nodes: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a workload is made of; `load` is all node-seconds asked for ÷ those of the machine."""

    machine_nodes: int
    seconds: int
    load: float
    median_seconds: int
    longest_seconds: int
    seed: int


def invent(recipe: Recipe, demands: Sequence[Demand]) -> Trace:
    """Return jobs of all groups in order of submission; `queues` are groups, in their order.

    A group whose part is nothing submits nothing.
    """
    whole = recipe.load * recipe.machine_nodes * recipe.seconds
    parts = []
    for number, demand in enumerate(demands):
        # A stream of its own for each group: another share of one changes not the jobs of others.
        random = np.random.default_rng([recipe.seed, number])
        wanted = demand.part * whole
        if wanted > 0:
            parts.append((number, *_jobs_of_group(recipe, demand, wanted, random)))
    queues = np.concatenate([np.full(nodes.size, number) for number, nodes, *_ in parts])
    nodes, seconds, limits, users, arrivals = (
        np.concatenate([part[place] for part in parts]) for place in range(1, 6)
    )
    order = np.lexsort((queues, arrivals))
    users = queues * USERS_PER_GROUP + users
    columns = (arrivals, seconds, limits, nodes, users, users // USERS_PER_PROJECT, queues)
    arrivals, seconds, limits, nodes, users, projects, queues = (
        column[order].astype(np.int64) for column in columns
    )
    return Trace(
        name="invented",
        machine_nodes=recipe.machine_nodes,
        numbers=np.arange(1, order.size + 1, dtype=np.int64),
        arrivals=arrivals,
        seconds=seconds,
        limits=limits,
        nodes=nodes,
        users=users,
        unix_groups=projects,
        queues=queues,
        labels=tuple(demand.name for demand in demands),
    )


def estimate_jobs(recipe: Recipe, demands: Sequence[Demand]) -> int:
    """Return about how many jobs that would be."""
    whole = recipe.load * recipe.machine_nodes * recipe.seconds
    jobs = 0.0
    for number, demand in enumerate(demands):
        random = np.random.default_rng([recipe.seed, number])
        nodes, seconds, *_ = _draw(recipe, demand.widest_job_nodes, random)
        jobs += demand.part * whole / float((nodes * seconds).mean())
    return round(jobs)


def _jobs_of_group(recipe: Recipe, demand: Demand, wanted: float, random: Any) -> tuple[Ints, ...]:
    """Return columns of so many jobs that together they ask for what is wanted."""
    drawn: list[tuple[Ints, ...]] = []
    asked = 0
    while asked < wanted:
        columns = _draw(recipe, demand.widest_job_nodes, random)
        drawn.append(columns)
        asked += int((columns[0] * columns[1]).sum())
    nodes, seconds, limits, users = (np.concatenate(c) for c in zip(*drawn, strict=True))
    count = max(1, int(np.searchsorted(np.cumsum(nodes * seconds), wanted)))
    arrivals = _arrivals(count, recipe.seconds, random)
    return nodes[:count], seconds[:count], limits[:count], users[:count], arrivals


def _draw(recipe: Recipe, widest: int, random: Any) -> tuple[Ints, ...]:
    size = JOBS_AT_ONCE
    # Every power of two up to the widest is as likely as the next, but narrower ones somewhat more.
    top = max(0, int(widest).bit_length() - 1)
    exponents = random.triangular(0, 0.3 * top, top, size) if top else np.zeros(size)
    powers = 2 ** np.rint(exponents).astype(np.int64)
    odd = np.maximum(1, np.rint(2.0**exponents)).astype(np.int64)
    nodes = np.minimum(np.where(random.random(size) < POWERS_OF_TWO, powers, odd), widest)
    run = random.lognormal(np.log(recipe.median_seconds), SPREAD, size)
    seconds = np.clip(np.rint(run), 1, recipe.longest_seconds).astype(np.int64)
    factors = np.array(LIMIT_FACTORS)[random.integers(0, len(LIMIT_FACTORS), size)]
    step = max(1, recipe.longest_seconds // 96)  # a quarter of an hour of a day
    limits = np.ceil(seconds * factors / step).astype(np.int64) * step
    # Few people submit much, many submit little.
    users = np.minimum(random.zipf(1.6, size), USERS_PER_GROUP) - 1
    limits = np.maximum(seconds, np.minimum(limits, recipe.longest_seconds))
    return nodes, seconds, limits, users


def _arrivals(count: int, seconds: int, random: Any) -> Ints:
    """Return instants that follow the hours of the day and the days of the week."""
    hours = np.arange(-(-seconds // 3600))
    weights = np.array(HOURS)[hours % 24] * np.array(WEEKDAYS)[(hours // 24) % 7]
    steps = np.concatenate([[0.0], np.cumsum(weights / weights.sum())])
    places = np.sort(random.random(count))
    instants = np.interp(places, steps, np.arange(hours.size + 1) * 3600.0)
    return np.minimum(instants.astype(np.int64), seconds - 1)
