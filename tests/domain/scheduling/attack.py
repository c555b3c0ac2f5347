"""The guarantee under attack: random small worlds, made worse step by step by hill climbing.

Each world is replayed by the real kernel. What is made larger is the worst lag of a guaranteed
group: as a part of its bound, or beyond claim x longest limit, which any wait for nodes may cost.
For longer than the tests do: `make attack ARGS="--seconds 300 --seed 1"`.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from allmende.domain.scheduling import boards, compiled
from allmende.domain.scheduling.fairness import lag_bound, pressing_threshold
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import Path
from allmende.twin import clock
from allmende.twin import replay as twin
from allmende.twin.findings import Findings
from allmende.twin.replay import Replay
from allmende.twin.shares import Grouping
from allmende.twin.traces import Trace
from tests.domain.scheduling.attack_worlds import World, change, random_world
from tests.domain.scheduling.simulation import Simulation, Work
from tests.domain.scheduling.worlds import a_machine, a_policy

HALF_LIFE_SECONDS = 50
HEARTBEAT_SECONDS = 5  # with preemption: a plan is made at least so often
GRACE_SECONDS = 5
KINDS = ("plain", "announced", "preempted")
STARTS = {"plain": 300, "announced": 300, "preempted": 30}  # of so many the worst is made worse
PATIENCE = 1_000  # changes without a gain before it starts again
NO_THRESHOLD = 1 << 60


class Lag(NamedTuple):
    """How bad a lag is; where it breaks the bound, both figures are above 1."""

    ratio: float  # lag ÷ ((claim + widest job) x horizon)
    depth: float  # (lag - claim x horizon) ÷ (widest job x horizon), or less than 0


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


def lay_trace(world: World) -> tuple[Trace, Grouping]:
    """Return the jobs of a world as the twin takes them."""
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
    return trace, Grouping(tree=world.tree, group_of_job=groups)


def play(world: World) -> Replay:
    """Replay a world with the kernel, as far as nobody is preempted and nothing is announced."""
    trace, grouping = lay_trace(world)
    return twin.replay(
        trace,
        policy="allmende",
        grouping=grouping,
        findings=Findings(),
        half_life_seconds=HALF_LIFE_SECONDS,
        max_time_limit_seconds=world.longest_limit,
    )


def play_announced(world: World) -> dict[Path, int]:
    """Replay a world in which all changes of capacity are announced; return the worst lags."""
    trace, grouping = lay_trace(world)
    played = twin.Play(
        trace,
        grouping,
        policy="allmende",
        half_life_seconds=HALF_LIFE_SECONDS,
        max_time_limit_seconds=world.longest_limit,
        changes=world.changes,
    )
    played.board.settings[boards.FORESEEN] = len(world.changes)
    played.go_on(clock.begin())
    worst = played.board.groups.worst_lags
    return {share.path: int(worst[g]) for g, share in enumerate(played.tree.groups)}


def play_preempted(world: World) -> dict[Path, int]:
    """Simulate a world in which long jobs yield; return the worst lags."""
    assert world.shortest_limit is not None
    works = [
        Work(
            id=f"w{number:03}",
            path=(f"g{job.group}", "p", f"u{job.user}"),
            arrives=job.arrives,
            nodes=job.nodes,
            limit=job.limit,
            seconds=job.seconds,
            preemptible=job.limit > world.shortest_limit,
            grace=GRACE_SECONDS,
        )
        for number, job in enumerate(world.jobs)
    ]
    simulation = Simulation(
        machine=a_machine(world.nodes),
        tree=world.tree,
        policy=policy_of(world),
        works=works,
        heartbeat=HEARTBEAT_SECONDS,
    )
    return dict(simulation.run().state.worst_lags)


def policy_of(world: World) -> Policy:
    """Return the policy that a world is played with."""
    preempts = world.shortest_limit is not None
    return a_policy(
        max_time_limit_seconds=world.longest_limit,
        usage_half_life_seconds=HALF_LIFE_SECONDS,
        preemption=preempts,
        response_target_seconds=GRACE_SECONDS if preempts else 0,
        max_grace_seconds=GRACE_SECONDS if preempts else 0,
        max_unpreemptible_limit_seconds=world.shortest_limit,
    )


def worst_lag(world: World) -> Lag:
    """Return how bad the lag of the worst guaranteed group is, by either figure."""
    policy, lags = policy_of(world), []
    if world.changes:
        worst = play_announced(world)
    elif world.shortest_limit is not None:
        worst = play_preempted(world)
    else:
        worst = play(world).kernel_worst_lags
    for share in world.tree.groups:
        if share.guarantee_ppm:
            bound = lag_bound(share, capacity_nodes=world.nodes, policy=policy)
            room, lag = pressing_threshold(share, policy), worst.get(share.path, 0)
            if world.shortest_limit is not None:
                bound += share.claim_micronodes(world.nodes) * HEARTBEAT_SECONDS
            # Jobs of one node never wait for a second one: climbing there leads to 0, not beyond.
            depth = (lag - (bound - room)) / room if share.widest_job_nodes > 1 else -bound
            lags.append(Lag(lag / bound, depth))
    return Lag(*map(max, zip(*lags, strict=True)))


# -- the attack


@dataclass
class Climb:
    """One attempt: from the worst of some random worlds, change by change, upwards."""

    world: World
    kind: str
    aim: int  # which of the figures of a lag it makes larger
    figure: float = float("-inf")
    tried: int = 0
    stale: int = 0

    def step(self, rng: Random) -> tuple[World, Lag]:
        """Try one more world; keep it if it is as bad: on a plateau that leads elsewhere."""
        self.tried += 1
        is_start = self.tried <= STARTS[self.kind]
        world = random_world(rng, self.kind) if is_start else change(rng, self.world)
        lag = worst_lag(world)
        figure = lag[self.aim]
        self.stale = 0 if is_start or figure > self.figure else self.stale + 1
        if figure >= self.figure:
            self.world, self.figure = world, figure
        return world, lag


def attack(
    *, seed: int, kind: str = "plain", seconds: float = float("inf"), worlds: int | None = None
) -> Found:
    """Try so many worlds of a kind, or for so many seconds; return the worst one found.

    Stops at the first world that breaks the bound.
    """
    rng, begun = Random(seed), time.perf_counter()
    worst = Found(world=random_world(rng, kind))
    climb = Climb(world=worst.world, kind=kind, aim=1)
    while worst.tried != worlds and worst.seconds < seconds and worst.ratio <= 1:
        if climb.stale > PATIENCE:
            climb = Climb(world=worst.world, kind=kind, aim=1 - climb.aim)
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
    parser.add_argument("--kind", choices=KINDS, help="of worlds; else all, in equal parts")
    asked = parser.parse_args(arguments)
    kinds = [asked.kind] if asked.kind else KINDS
    is_broken = False
    for kind in kinds:
        with compiled_kernel():
            worst_lag(random_world(Random(asked.seed), kind))  # loads what is compiled
            found = attack(seed=asked.seed, kind=kind, seconds=asked.seconds / len(kinds))
        rate = found.tried / found.seconds
        sys.stdout.write(
            f"{found.world.to_json()}\n"
            f"{kind}: {found.tried} worlds in {found.seconds:.0f} s, {rate:.0f} a second\n"
            f"worst lag beyond claim x horizon / what is left of the bound: {found.depth:.4f}\n"
            f"worst lag / bound: {found.ratio:.4f}\n"
        )
        if found.ratio > 1:
            sys.stdout.write("THE BOUND IS BROKEN by the world above.\n")
        is_broken = is_broken or found.ratio > 1
    return int(is_broken)


if __name__ == "__main__":
    raise SystemExit(main())
