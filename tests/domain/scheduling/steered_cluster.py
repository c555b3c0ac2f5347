"""A small cluster that schedules like Slurm, second by second: rank, then order, with backfill.

The first jobs of the order get reservations that nothing behind them may delay; the rest start
where they fit. What the controller says comes into force some seconds after its look.
"""

from dataclasses import dataclass, field, replace
from random import Random

from allmende.domain.scheduling.demands import measure_group
from allmende.domain.scheduling.fairness import FairnessState, advance
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import Share, ShareTree, check_admission
from allmende.domain.scheduling.steering import (
    ClusterLook,
    Level,
    Memory,
    QueuedJob,
    steer,
    steered_bound,
)

RESERVED_JOBS = 6
FOREIGN = "lender"


@dataclass(frozen=True, kw_only=True)
class ModelJob:
    group: str
    nodes: int
    limit: int
    seconds: int  # that it really runs
    arrives: int
    number: int


@dataclass(kw_only=True)
class Running:
    job: ModelJob
    ends: int
    ends_by: int  # as far as the scheduler knows


@dataclass(frozen=True, kw_only=True)
class World:
    tree: ShareTree
    capacity: int
    policy: Policy
    jobs: tuple[ModelJob, ...]
    cycle: int = 1  # seconds between two scheduling passes; there is one at every end, too
    look: int = 1
    latency: int = 0

    @property
    def reaction(self) -> int:
        # A look may come just before a change, and the next one takes it as having just come.
        return 2 * self.look + self.latency + self.cycle


@dataclass(kw_only=True)
class Cluster:
    world: World
    is_steered: bool = True
    now: int = 0
    pending: list[ModelJob] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    in_force: dict[str, Level] = field(default_factory=dict)
    said: list[tuple[int, tuple[Level, ...]]] = field(default_factory=list)
    memory: Memory = field(default_factory=lambda: Memory.begin(0))

    def worst_ratio(self) -> float:
        """Run it to the end; return the largest lag of any group as a part of its bound."""
        world, truth = self.world, FairnessState.begin(0)
        arrivals = sorted(world.jobs, key=lambda job: job.arrives)
        worst = 0.0
        while arrivals or self.pending or self.running:
            assert self.now < 2000, "it never ends"
            left = [each for each in self.running if each.ends > self.now]
            has_ended, self.running = len(left) < len(self.running), left
            while arrivals and arrivals[0].arrives <= self.now:
                self.pending.append(arrivals.pop(0))
            if self.is_steered:
                self._steer()
            if has_ended or self.now % world.cycle == 0:
                self._schedule()
            groups = [self._measure(share, truth) for share in world.tree.groups]
            self.now += 1
            truth = advance(truth, until=self.now, groups=groups, running={}, policy=world.policy)
            for path, lag in truth.lags.items():
                worst = max(worst, lag / self.bound(world.tree.get_group(path)))
        return worst

    def bound(self, share: Share) -> int:
        return steered_bound(
            share,
            capacity_nodes=self.world.capacity,
            policy=self.world.policy,
            reaction_seconds=self.world.reaction,
        )

    def _steer(self) -> None:
        world = self.world
        if self.now % world.look == 0:
            decided = steer(
                self.memory,
                self._look(),
                at_seconds=self.now,
                tree=world.tree,
                policy=world.policy,
                group_of={},
                reaction_seconds=world.reaction,
            )
            self.memory = decided.memory
            self.said.append((self.now + world.latency, decided.levels))
        while self.said and self.said[0][0] <= self.now:
            self.in_force = {level.group_id: level for level in self.said.pop(0)[1]}

    def _look(self) -> ClusterLook:
        running = [(each.job, True) for each in self.running]
        waiting = [(job, False) for job in self.pending]
        return ClusterLook(
            nodes_in_service=self.world.capacity,
            jobs=tuple(
                QueuedJob(account="", qos=job.group, nodes=job.nodes, is_running=runs)
                for job, runs in running + waiting
            ),
        )

    def _measure(self, share: Share, truth: FairnessState):
        waiting = sum(job.nodes for job in self.pending if job.group == share.path[0])
        return measure_group(
            share,
            (self._nodes_of(share.path[0]), waiting),
            capacity_nodes=self.world.capacity,
            fairness=truth,
            policy=self.world.policy,
        )

    def _nodes_of(self, group: str) -> int:
        return sum(each.job.nodes for each in self.running if each.job.group == group)

    def _level(self, group: str) -> Level:
        return self.in_force.get(group, Level(group_id=group))

    def _schedule(self) -> None:
        order = sorted(
            self.pending,
            # The groups with a guarantee come last unless raised: their past usage weighs most.
            key=lambda job: (
                not self._level(job.group).is_raised,
                job.group != FOREIGN,
                job.number,
            ),
        )
        length = max((each.ends_by for each in self.running), default=0) - self.now
        longest = self.world.policy.max_time_limit_seconds
        free = [self.world.capacity] * (max(0, length) + longest * (RESERVED_JOBS + 2))
        for each in self.running:
            self._take(free, each.job.nodes, 0, each.ends_by - self.now)
        reserved = 0
        for job in order:
            most = self._level(job.group).most_nodes
            if most is not None and self._nodes_of(job.group) + job.nodes > most:
                continue
            start = self._find_start(free, job)
            if start > 0 and self._level(job.group).may_stop:
                start = self._stop_others(free, job, start)
            if start == 0:
                self._start(job)
            elif reserved == RESERVED_JOBS:
                continue
            else:
                reserved += 1
            self._take(free, job.nodes, start, start + job.limit)

    def _find_start(self, free: list[int], job: ModelJob) -> int:
        found = 0
        for at in range(len(free)):
            if free[at] < job.nodes:
                found = at + 1
            elif at + 1 - found == job.limit:
                break
        return found

    def _take(self, free: list[int], nodes: int, begin: int, end: int) -> None:
        for at in range(begin, min(end, len(free))):
            free[at] -= nodes

    def _start(self, job: ModelJob) -> None:
        self.pending.remove(job)
        ends = self.now + min(job.seconds, job.limit)
        self.running.append(Running(job=job, ends=ends, ends_by=self.now + job.limit))

    def _stop_others(self, free: list[int], job: ModelJob, start: int) -> int:
        """Stop jobs of those who may be stopped, the latest first, until this one fits."""
        grace = self.world.policy.max_grace_seconds
        may_stop = self._level(job.group).may_stop
        for each in reversed(self.running):
            if start <= grace:
                break
            if each.job.group in may_stop and each.ends > self.now + grace:
                self._take(free, -each.job.nodes, grace, each.ends_by - self.now)
                each.ends = each.ends_by = self.now + grace
                again = replace(each.job, arrives=self.now + grace)
                self.pending.append(again)  # its work begins anew
                start = self._find_start(free, job)
        return start


def random_world(seed: int, *, groups: int = 1, preemption: bool = False) -> World:
    """Return a world in which others have long queues, and the guaranteed come in bursts."""
    dice = Random(seed)
    capacity = dice.randint(3 * groups, 10)
    shares = [Share(path=(FOREIGN,))]
    room = capacity
    for g in range(groups):
        widest = dice.randint(1, max(1, room - 1 - 2 * (groups - g - 1)) // 2 or 1)
        most = room - widest - 2 * (groups - g - 1)
        claim = dice.randint(1, max(1, most))
        room -= widest + claim
        shares.append(
            Share(
                path=(f"g{g}",),
                guarantee_ppm=claim * 1_000_000 // capacity,
                widest_job_nodes=widest,
            )
        )
    longest = dice.randint(4, 14)
    grace = dice.randint(0, 2)
    policy = Policy(
        max_time_limit_seconds=longest,
        usage_half_life_seconds=1000,
        preemption=preemption,
        response_target_seconds=dice.randint(grace, grace + 3) or 1,
        max_grace_seconds=grace,
        max_unpreemptible_limit_seconds=0 if preemption else None,
    )
    tree = ShareTree(shares=tuple(shares))
    check_admission(tree, capacity_nodes=capacity)
    return World(
        tree=tree,
        capacity=capacity,
        policy=policy,
        jobs=tuple(_jobs(dice, tree, capacity, longest)),
        cycle=dice.randint(1, 2),
        look=dice.randint(1, 3),
        latency=dice.randint(0, 2),
    )


def _jobs(dice: Random, tree: ShareTree, capacity: int, longest: int):
    number = 0
    for share in tree.groups:
        bursts = 1 if share.path[0] == FOREIGN else dice.randint(1, 3)
        for _ in range(bursts):
            arrives = 0 if share.path[0] == FOREIGN else dice.randint(0, 4 * longest)
            for _ in range(dice.randint(2, 14)):
                limit = dice.randint(1, longest)
                number += 1
                yield ModelJob(
                    group=share.path[0],
                    nodes=dice.randint(1, share.widest_job_nodes or capacity),
                    limit=limit,
                    seconds=dice.choice([limit, dice.randint(1, limit)]),
                    arrives=arrives + dice.randint(0, dice.choice([0, longest])),
                    number=number,
                )
