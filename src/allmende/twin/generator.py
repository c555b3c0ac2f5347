"""Workloads like a recorded one: of any length, for any machine, with any demand.

A trace is taken apart into visits, the jobs that a user submits with at most twenty minutes between
one and the next. The visits of a user in one week stay together. To generate is to deal these
user-weeks anew onto weeks, and each visit onto a second of its hour. So whatever lies within a
visit stays as it was: widths, limits and run times together, bursts, habits, groups and queues; and
people keep their hours and their busy and their quiet weeks. The thought is that of Zakay and
Feitelson, "Workload resampling for performance evaluation of parallel job schedulers" (2014).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allmende.domain.basics.refusals import Refusal
from allmende.twin import widths
from allmende.twin.traces import Ints, Trace

HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400
MONDAY = 3 * DAY  # Unix time begins on a Thursday
VISIT_GAP_SECONDS = 1200
CYCLES_SEEN = 2  # a trace of one weekend says nothing about weeks

# A user of so many visits keeps as many of their hours as are drawn from everybody's.
TRUSTED_VISITS = 24

# People hold back when others fill the machine, which independent users would not. Of so many
# random deals of a user's weeks, the one that meets the fewest other node-seconds is taken. 1 makes
# weeks that are fuller and emptier than recorded ones, 16 makes them all alike.
DEALS = 3

MOST_JOBS = 50_000_000
MOST_DAYS = 36_525


class TraceTooSmall(Refusal):
    """The trace {trace} says nothing about arrivals: it needs two jobs at different seconds."""

    status = 422


class DemandInvalid(Refusal):
    """A demand of {demand} cannot be generated. Give a number above 0; 1 is as in the trace."""

    status = 422


class LengthInvalid(Refusal):
    """Give either a number of jobs or a number of days, above 0; of days at most {most_days}."""

    status = 422


class MachineInvalid(Refusal):
    """A machine of {nodes} nodes runs nothing. Give a whole number above 0."""

    status = 422


class SeedInvalid(Refusal):
    """The seed {seed} cannot be used. Give a whole number, 0 or above."""

    status = 422


class TooManyJobs(Refusal):
    """That would be {jobs} jobs; at most {most} are made at once.

    Ask for a shorter time or less demand.
    """

    status = 422


class WorkloadEmpty(Refusal):
    """So little demand in so short a time makes no job. Ask for a longer time or more demand."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trace taken apart. Places of visits are among jobs by user, those of weeks among visits."""

    jobs: Trace  # by user, then by arrival
    begins_at: int  # Unix instant of the first arrival
    span_seconds: int
    cycle_seconds: int  # a week; less where the trace is too short to know weeks
    delays: Ints  # of each job, from the begin of its visit
    visit_first: Ints
    visit_jobs: Ints
    visit_user: Ints
    visit_hour: Ints  # in the cycle
    week_first: Ints
    week_visits: Ints
    week_user: Ints
    week_work: NDArray[np.float64]  # node-seconds
    hourly_rates: NDArray[np.float64]  # visits that begin, for each hour of the cycle
    powers_of_two: bool

    @property
    def load(self) -> float:
        """Return the offered load: node-seconds of the jobs ÷ those of the machine."""
        return offered_load(self.jobs, self.span_seconds)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What to generate: so many seconds, with so many times the recorded arrivals."""

    machine_nodes: int
    seconds: int
    arrivals_factor: float


def offered_load(trace: Trace, seconds: int) -> float:
    """Return the part of a machine that jobs would keep busy over so many seconds."""
    work = float((trace.nodes * trace.seconds).sum())
    return work / (max(seconds, 1) * trace.machine_nodes)


def fit(trace: Trace) -> Model:
    """Take a trace apart into users, weeks and visits; `TraceTooSmall`."""
    span = int(trace.arrivals[-1] - trace.arrivals[0]) if trace.arrivals.size else 0
    if span <= 0:
        raise TraceTooSmall(trace=trace.name)
    begins_at = trace.begins_at + int(trace.arrivals[0])
    cycle = next((c for c in (WEEK, DAY) if span >= CYCLES_SEEN * c), HOUR)
    jobs = trace.select(np.lexsort((trace.arrivals, trace.users)))
    is_new_user = _begins(jobs.users)
    is_late = np.diff(jobs.arrivals, prepend=jobs.arrivals[0]) > VISIT_GAP_SECONDS
    first, count = _runs(is_new_user | is_late)
    user = (np.cumsum(is_new_user) - 1)[first]
    since_monday = jobs.arrivals[first] + trace.begins_at + MONDAY
    hour = since_monday % cycle // HOUR
    week_first, week_visits = _runs(_begins(user) | _begins(since_monday // cycle))
    work = np.add.reduceat((jobs.nodes * jobs.seconds).astype(np.float64), first[week_first])
    return Model(
        jobs=jobs,
        begins_at=begins_at,
        span_seconds=span,
        cycle_seconds=cycle,
        delays=jobs.arrivals - np.repeat(jobs.arrivals[first], count),
        visit_first=first,
        visit_jobs=count,
        visit_user=user,
        visit_hour=hour,
        week_first=week_first,
        week_visits=week_visits,
        week_user=user[week_first],
        week_work=work,
        hourly_rates=_hourly_rates(hour, begins_at, span, cycle),
        powers_of_two=widths.prefer_powers_of_two(trace),
    )


def arrivals_factor(model: Model, machine_nodes: int, demand: float) -> float:
    """Return how many times the recorded arrivals make so many times the recorded load.

    That is the demand itself, unless the machine is so small that jobs become a larger part of it.
    """
    aims = widths.aim(model.jobs.nodes, (model.jobs.machine_nodes, machine_nodes))
    work, seconds = float((aims * model.jobs.seconds).sum()), model.jobs.seconds
    return demand * work / float((np.maximum(aims, 1) * seconds).sum())


def generate(
    model: Model,
    *,
    seed: int,
    jobs: int | None = None,
    days: float | None = None,
    machine_nodes: int | None = None,
    demand: float = 1.0,
) -> Trace:
    """Return a workload like the fitted one; equal arguments return equal jobs.

    It has so many jobs, or lasts so many days, or else as long as the trace. Its offered load is
    `demand` times that of the trace: over whole weeks exactly so in expectation. Refuses what makes
    no sense: see the classes above.
    """
    nodes = model.jobs.machine_nodes if machine_nodes is None else machine_nodes
    if nodes < 1:
        raise MachineInvalid(nodes=nodes)
    if not 0 < demand < math.inf:
        raise DemandInvalid(demand=demand)
    if seed < 0:
        raise SeedInvalid(seed=seed)
    factor = arrivals_factor(model, nodes, demand)
    seconds = _seconds(model, factor, jobs, days)
    while True:
        order = _Order(machine_nodes=nodes, seconds=seconds, arrivals_factor=factor)
        trace = _deal(model, order, np.random.Generator(np.random.PCG64(seed)))
        if jobs is None or trace.numbers.size >= jobs:
            break
        seconds += seconds // 2 + 1
    if not trace.numbers.size:
        raise WorkloadEmpty()
    return trace if jobs is None else trace.select(slice(jobs))


def _seconds(model: Model, factor: float, jobs: int | None, days: float | None) -> int:
    """Return how long to generate, after checks; for a number of jobs, most likely long enough."""
    rate = factor * model.jobs.numbers.size / model.span_seconds
    is_sound = (jobs is None or jobs > 0) and (days is None or 0 < days <= MOST_DAYS)
    if not is_sound or (jobs is not None and days is not None):
        raise LengthInvalid(most_days=MOST_DAYS)
    seconds = float(model.span_seconds) if days is None else days * DAY
    expected = rate * seconds if jobs is None else jobs
    if expected > MOST_JOBS:
        raise TooManyJobs(jobs=round(expected), most=MOST_JOBS)
    if jobs is not None:
        seconds = 1.1 * jobs / rate
        if seconds > MOST_DAYS * DAY:
            raise WorkloadEmpty()
    return max(1, math.ceil(seconds))


def _deal(model: Model, order: _Order, rng: np.random.Generator) -> Trace:
    """Deal user-weeks onto weeks, visits onto seconds, and put the jobs in order."""
    cycle = model.cycle_seconds
    phase = (model.begins_at + MONDAY) % cycle
    before = -(-int(model.delays.max()) // cycle)  # weeks whose visits reach into the first one
    weeks = before - (-(phase + order.seconds) // cycle)
    copies = order.arrivals_factor * cycle * weeks / model.span_seconds
    dealt = _copy(model, copies, rng)
    week = _deal_weeks(model, dealt, weeks, rng) - before

    visits = _expand(model.week_first[dealt], model.week_visits[dealt])
    begins = np.repeat(week, model.week_visits[dealt]) * cycle - phase
    begins += _hours(model, visits, rng) * HOUR + rng.integers(0, HOUR, visits.size)
    chances = rng.random(visits.size)

    count = model.visit_jobs[visits]
    places = _expand(model.visit_first[visits], count)
    arrivals = np.repeat(begins, count) + model.delays[places]
    inside = np.flatnonzero((arrivals >= 0) & (arrivals < order.seconds))
    inside = inside[np.argsort(arrivals[inside], kind="stable")]
    jobs = model.jobs.select(places[inside])
    machines = (model.jobs.machine_nodes, order.machine_nodes)
    nodes = widths.scale_widths(
        jobs.nodes,
        machines,
        np.repeat(chances, count)[inside],
        powers_of_two=model.powers_of_two,
    )
    return replace(
        jobs,
        machine_nodes=order.machine_nodes,
        numbers=np.arange(1, inside.size + 1),
        arrivals=arrivals[inside],
        nodes=nodes,
        dependencies=None,
        begins_at=model.begins_at,
    )


def _copy(model: Model, copies: float, rng: np.random.Generator) -> Ints:
    """Return user-weeks, each `copies` times on average, in order of users, else at random.

    Drawn evenly along their work (systematic sampling), so that a short workload has its share of
    heavy weeks and its load is near the one wanted.
    """
    steps = np.floor(copies * np.arange(model.week_work.size + 1) + rng.random())
    by_work = np.argsort(model.week_work, kind="stable")
    dealt = np.repeat(by_work, np.diff(steps).astype(np.int64))
    return dealt[np.lexsort((rng.random(dealt.size), model.week_user[dealt]))]


def _deal_weeks(model: Model, dealt: Ints, weeks: int, rng: np.random.Generator) -> Ints:
    """Return a week for each user-week: a user's in different ones, as far as there are so many."""
    answer, load, work = np.empty_like(dealt), np.zeros(weeks), model.week_work[dealt]
    first, count = _runs(_begins(model.week_user[dealt]))
    by_work = np.argsort(-np.add.reduceat(work, first)) if dealt.size else first
    for user in by_work.tolist():
        mine = slice(first[user], first[user] + count[user])
        deals = [_some_weeks(int(count[user]), weeks, rng) for _ in range(DEALS)]
        answer[mine] = min(deals, key=lambda deal: float(work[mine] @ load[deal]))
        np.add.at(load, answer[mine], work[mine])
    return answer


def _some_weeks(count: int, weeks: int, rng: np.random.Generator) -> Ints:
    rounds, rest = divmod(count, weeks)
    chosen = rng.choice(weeks, size=rest, replace=False)
    return np.concatenate([np.tile(rng.permutation(weeks), rounds), chosen])


def _hours(model: Model, visits: Ints, rng: np.random.Generator) -> Ints:
    """Return an hour for each visit: its own, or, of a user hardly known, one of everybody's."""
    known = np.bincount(model.visit_user)
    own = (known / (known + TRUSTED_VISITS))[model.visit_user[visits]]
    sums = np.cumsum(model.hourly_rates)
    drawn = np.searchsorted(sums, rng.random(visits.size) * sums[-1], side="right")
    drawn = np.minimum(drawn, sums.size - 1)  # the product may round up to the sum
    return np.where(rng.random(visits.size) < own, model.visit_hour[visits], drawn)


def _hourly_rates(hours: Ints, begins_at: int, span: int, cycle: int) -> NDArray[np.float64]:
    """Return how many visits begin in each hour of the cycle, for each time the trace saw it."""
    first, last = (begins_at + MONDAY) // HOUR, (begins_at + MONDAY + span) // HOUR
    seen = np.bincount(np.arange(first, last + 1) % (cycle // HOUR), minlength=cycle // HOUR)
    begun = np.bincount(hours, minlength=cycle // HOUR)
    return begun / np.maximum(seen, 1)


def _begins(values: Ints) -> Any:
    """Say where a value differs from the one before."""
    return np.diff(values, prepend=values[:1] - 1) != 0


def _runs(begins: Any) -> tuple[Ints, Ints]:
    """Return where each run begins and how long it is."""
    first = np.flatnonzero(begins)
    return first, np.diff(first, append=begins.size)


def _expand(first: Ints, count: Ints) -> Ints:
    """Return `first`, `first + 1` … of each run, `count` of them, one run after the other."""
    before = np.cumsum(count) - count
    return np.repeat(first - before, count) + np.arange(int(count.sum()))
