"""The guarantee under attack: random small worlds, made worse step by step by hill climbing.

Each world is replayed by the real kernel. What is made larger is the worst lag of a guaranteed
group: as a part of its bound, or beyond claim x longest limit, which any wait for nodes may cost.
For longer than the tests do: `make attack ARGS="--seconds 300 --seed 1"`.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import NamedTuple

import numpy as np

from allmende.domain.scheduling import compiled
from allmende.domain.scheduling.fairness import lag_bound, pressing_threshold
from allmende.domain.scheduling.shares import MICRONODES, Share, ShareTree
from allmende.twin import replay as twin
from allmende.twin.findings import Findings
from allmende.twin.replay import Replay
from allmende.twin.shares import Grouping
from allmende.twin.traces import Trace

FEWEST_NODES, MOST_NODES = 4, 12
FEWEST_JOBS, MOST_JOBS = 10, 60
HALF_LIFE_SECONDS = 50
USERS = 3
STARTS = 300  # random worlds, of which the worst is made worse
PATIENCE = 1_000  # changes without a gain before it starts again
NO_THRESHOLD = 1 << 60


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A group's guarantee, and the widest job that it covers; a borrower has none."""

    guarantee_ppm: int
    widest: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the world knows it: the kernel never sees how long it really runs."""

    arrives: int
    nodes: int
    limit: int
    seconds: int
    group: int
    user: int


@dataclass(frozen=True, kw_only=True)
class World:
    """One attack: a machine, its groups, and the jobs that come."""

    nodes: int
    longest_limit: int
    claims: tuple[Claim, ...]
    jobs: tuple[Job, ...]

    @property
    def tree(self) -> ShareTree:
        return ShareTree(
            shares=tuple(
                Share(path=(f"g{g}",), guarantee_ppm=c.guarantee_ppm, widest_job_nodes=c.widest)
                for g, c in enumerate(self.claims)
            )
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "World":
        value = json.loads(text)
        claims = tuple(Claim(**row) for row in value.pop("claims"))
        return cls(claims=claims, jobs=tuple(Job(**row) for row in value.pop("jobs")), **value)


class Lag(NamedTuple):
    """How bad a lag is; where it breaks the bound, both figures are above 1."""

    ratio: float  # lag ÷ ((claim + widest job) x longest limit)
    depth: float  # (lag - claim x longest limit) ÷ (widest job x longest limit), or less than 0


@dataclass
class Found:
    """The worst world so far, and how many were tried."""

    world: World
    ratio: float = 0.0
    depth: float = float("-inf")
    tried: int = 0
    seconds: float = 0.0


@contextmanager
def compiled_kernel() -> Iterator[None]:
    """Replay with the compiled kernel: 10 jobs take half the time, 60 a seventh."""
    before, compiled.COMPILE_FROM_JOBS = compiled.COMPILE_FROM_JOBS, 0
    try:
        yield
    finally:
        compiled.COMPILE_FROM_JOBS = before


@contextmanager
def without_pressing_claims() -> Iterator[None]:
    """Replay with a kernel that reserves for heads, but never calls a claim pressing."""
    before, twin.pressing_threshold = twin.pressing_threshold, lambda *_: NO_THRESHOLD
    try:
        yield
    finally:
        twin.pressing_threshold = before


def play(world: World) -> Replay:
    """Replay a world with the kernel."""
    jobs = sorted(world.jobs, key=lambda job: job.arrives)
    names = {"arrives": "arrivals", "limit": "limits", "user": "users"}
    columns = {
        names.get(name, name): np.array([getattr(job, name) for job in jobs], dtype=np.int64)
        for name in ("arrives", "nodes", "limit", "seconds", "user")
    }
    ones = np.ones(len(jobs), dtype=np.int64)
    trace = Trace(
        name="attack",
        machine_nodes=world.nodes,
        numbers=np.arange(len(jobs)),
        unix_groups=ones,
        queues=ones,
        **columns,
    )
    groups = np.array([job.group for job in jobs], dtype=np.int64)
    return twin.replay(
        trace,
        policy="allmende",
        grouping=Grouping(tree=world.tree, group_of_job=groups),
        findings=Findings(),
        half_life_seconds=HALF_LIFE_SECONDS,
        max_time_limit_seconds=world.longest_limit,
    )


def worst_lag(world: World) -> Lag:
    """Return how bad the lag of the worst guaranteed group is, by either figure."""
    replayed = play(world)
    lags = []
    for share in replayed.tree.groups:
        if share.guarantee_ppm:
            bound = lag_bound(share, capacity_nodes=world.nodes, policy=replayed.limits)
            room = pressing_threshold(share, replayed.limits)
            lag = replayed.kernel_worst_lags[share.path]
            # Jobs of one node never wait for a second one: climbing there leads to 0, not beyond.
            depth = (lag - (bound - room)) / room if share.widest_job_nodes > 1 else -bound
            lags.append(Lag(lag / bound, depth))
    return Lag(*map(max, zip(*lags, strict=True)))


# -- worlds made at random


def random_world(rng: Random) -> World:
    """Return a world whose guarantees fit, often to the last node: any, or a trap."""
    is_trap = rng.random() < 0.5
    nodes = rng.randint(FEWEST_NODES, MOST_NODES)
    groups = 1 if is_trap else rng.randint(1, 3)
    claims = random_claims(rng, nodes, groups=groups, widest=2 if is_trap else nodes)
    borrowers = [Claim(guarantee_ppm=0, widest=nodes)] * rng.choice([1, 1, 2])
    world = World(
        nodes=nodes,
        longest_limit=rng.choice([20, 60, 100]),
        claims=(*claims, *borrowers),
        jobs=(),
    )
    if is_trap:
        return replace(world, jobs=random_trap(rng, world))
    count = rng.randint(FEWEST_JOBS, MOST_JOBS)
    return replace(world, jobs=tuple(random_job(rng, world) for _ in range(count)))


def random_claims(rng: Random, nodes: int, *, groups: int, widest: int) -> list[Claim]:
    """Return guarantees with sum of (claim + widest job) <= nodes."""
    claims: list[Claim] = []
    room = nodes * MICRONODES
    for left in range(groups, 0, -1):
        part = room // left
        if part < 2 * MICRONODES:
            continue
        width = rng.randint(1, min(widest, part // MICRONODES - 1))
        most = (part - width * MICRONODES) // nodes
        ppm = most if rng.random() < 0.5 else rng.randint(1, most)
        claims.append(Claim(guarantee_ppm=ppm, widest=width))
        room -= ppm * nodes + width * MICRONODES
    return claims


def random_job(rng: Random, world: World) -> Job:
    """Return any job."""
    group = rng.randrange(len(world.claims))
    limit = rng.choice([world.longest_limit, rng.randint(1, world.longest_limit)])
    return Job(
        arrives=rng.randint(0, 3 * world.longest_limit),
        nodes=rng.randint(1, world.claims[group].widest),
        limit=limit,
        seconds=rng.choice([limit, rng.randint(1, limit)]),
        group=group,
        user=rng.randint(1, USERS),
    )


def random_trap(rng: Random, world: World) -> tuple[Job, ...]:
    """Return jobs of which long, narrow ones of borrowers meet short, wide ones of who is owed.

    Nodes that come free one by one are no help to a wide head (docs/decisions/pressing-claims.md).
    """
    longest = world.longest_limit
    short = rng.randint(1, max(1, longest // 2))
    jobs = []
    for number in range(MOST_JOBS):
        job = random_job(rng, world)
        if world.claims[job.group].guarantee_ppm:
            width = world.claims[job.group].widest
            job = replace(job, arrives=1, nodes=width, limit=short, seconds=short)
        else:
            seconds = longest if number > 2 * world.nodes else rng.randint(1, longest)
            job = replace(job, arrives=0, nodes=1, limit=longest, seconds=seconds)
        jobs.append(job)
    return tuple(jobs)


# -- changes to a world


def change_one(rng: Random, world: World) -> World:
    """Change one property of one job."""
    place = rng.randrange(len(world.jobs))
    job, other = world.jobs[place], random_job(rng, world)
    name = rng.choice(["arrives", "nodes", "limit", "seconds", "group", "user"])
    value = getattr(other, name)
    if name in ("arrives", "seconds", "limit") and rng.random() < 0.5:
        value = max(1, getattr(job, name) + rng.choice([-5, -2, -1, 1, 2, 5]))
    changed = replace(job, **{name: value})
    return replace(world, jobs=(*world.jobs[:place], changed, *world.jobs[place + 1 :]))


def add_job(rng: Random, world: World) -> World:
    """Add any job."""
    return replace(world, jobs=(*world.jobs, random_job(rng, world)))


def remove_jobs(rng: Random, world: World) -> World:
    """Take some jobs away."""
    gone = set(rng.sample(range(len(world.jobs)), rng.randint(1, 3)))
    return replace(world, jobs=tuple(j for i, j in enumerate(world.jobs) if i not in gone))


def copy_later(rng: Random, world: World) -> World:
    """Copy some jobs, at other times."""
    shift = rng.randint(0, world.longest_limit)
    copied = rng.sample(world.jobs, rng.randint(1, min(6, len(world.jobs))))
    later = tuple(replace(job, arrives=job.arrives + shift) for job in copied)
    return replace(world, jobs=world.jobs + later)


def shift_block(rng: Random, world: World) -> World:
    """Let all jobs that come between two seconds, of one group or of all, come at another time."""
    longest = world.longest_limit
    begin = rng.randint(0, 3 * longest)
    until, shift = begin + rng.randint(1, longest), rng.randint(-longest, longest)
    group = rng.choice([None, rng.randrange(len(world.claims))])
    return replace(
        world,
        jobs=tuple(
            replace(job, arrives=max(0, job.arrives + shift))
            if begin <= job.arrives < until and group in (None, job.group)
            else job
            for job in world.jobs
        ),
    )


def stretch(rng: Random, world: World) -> World:
    """Give some jobs the longest limit; some of them also run that long."""
    part = rng.random()
    longer = dict.fromkeys(rng.choice([("limit",), ("limit", "seconds")]), world.longest_limit)
    jobs = (replace(job, **longer) if rng.random() < part else job for job in world.jobs)
    return replace(world, jobs=tuple(jobs))


def change_claims(rng: Random, world: World) -> World:
    """Give the guaranteed groups other guarantees and widths."""
    guaranteed = sum(claim.guarantee_ppm > 0 for claim in world.claims)
    claims = random_claims(rng, world.nodes, groups=guaranteed, widest=world.nodes)
    if len(claims) != guaranteed:
        return world
    return replace(world, claims=(*claims, *world.claims[guaranteed:]))


CHANGES = (change_one,) * 6 + (add_job, remove_jobs) * 2 + (copy_later, shift_block, stretch)


def change(rng: Random, world: World) -> World:
    """Return the world with one to three changes, back within its limits."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind = change_claims if rng.random() < 0.03 else rng.choice(CHANGES)
        changed = kind(rng, world)
        if FEWEST_JOBS <= len(changed.jobs) <= MOST_JOBS:
            world = changed
    return replace(world, jobs=tuple(within_limits(job, world) for job in world.jobs))


def within_limits(job: Job, world: World) -> Job:
    """Return the job as admission lets it in."""
    limit = min(job.limit, world.longest_limit)
    widest = world.claims[job.group].widest
    if job.limit == limit and job.nodes <= widest and job.seconds <= limit:
        return job
    return replace(job, limit=limit, nodes=min(job.nodes, widest), seconds=min(job.seconds, limit))


# -- the attack


@dataclass
class Climb:
    """One attempt: from the worst of some random worlds, change by change, upwards."""

    world: World
    aim: int  # which of the figures of a lag it makes larger
    figure: float = float("-inf")
    tried: int = 0
    stale: int = 0

    def step(self, rng: Random) -> tuple[World, Lag]:
        """Try one more world; keep it if it is as bad: on a plateau that leads elsewhere."""
        self.tried += 1
        is_start = self.tried <= STARTS
        world = random_world(rng) if is_start else change(rng, self.world)
        lag = worst_lag(world)
        figure = lag[self.aim]
        self.stale = 0 if is_start or figure > self.figure else self.stale + 1
        if figure >= self.figure:
            self.world, self.figure = world, figure
        return world, lag


def attack(*, seed: int, seconds: float = float("inf"), worlds: int | None = None) -> Found:
    """Try so many worlds, or for so many seconds; return the worst one found.

    Stops at the first world that breaks the bound.
    """
    rng, begun = Random(seed), time.perf_counter()
    worst = Found(world=random_world(rng))
    climb = Climb(world=worst.world, aim=1)
    while worst.tried != worlds and worst.seconds < seconds and worst.ratio <= 1:
        if climb.stale > PATIENCE:
            climb = Climb(world=worst.world, aim=1 - climb.aim)
        world, lag = climb.step(rng)
        if lag.ratio > worst.ratio:
            worst.world, worst.ratio = world, lag.ratio
        worst.depth = max(worst.depth, lag.depth)
        worst.tried += 1
        worst.seconds = time.perf_counter() - begun
    return worst


def main(arguments: list[str] | None = None) -> int:
    """Attack for a while; say what was found. The exit code is 1 where the bound was broken."""
    parser = argparse.ArgumentParser(description="Attack the guarantee.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    with compiled_kernel():
        worst_lag(random_world(Random(asked.seed)))  # loads what is compiled
        found = attack(seed=asked.seed, seconds=asked.seconds)
    rate = found.tried / found.seconds
    sys.stdout.write(
        f"{found.world.to_json()}\n"
        f"{found.tried} worlds in {found.seconds:.0f} s, {rate:.0f} a second\n"
        f"worst lag beyond claim x longest limit / what is left of the bound: {found.depth:.4f}\n"
        f"worst lag / bound: {found.ratio:.4f}\n"
    )
    if found.ratio > 1:
        sys.stdout.write("THE BOUND IS BROKEN by the world above.\n")
    return int(found.ratio > 1)


if __name__ == "__main__":
    raise SystemExit(main())
