"""The worlds that attacks on the guarantee are made of: at random, and changed step by step."""

import json
from dataclasses import asdict, dataclass, replace
from random import Random

from allmende.domain.scheduling.shares import MICRONODES, Share, ShareTree

FEWEST_NODES, MOST_NODES = 4, 12
FEWEST_JOBS, MOST_JOBS = 10, 60
USERS = 3


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
    changes: tuple[tuple[int, int], ...] = ()  # announced: second, nodes from then on
    shortest_limit: int | None = None  # jobs with longer ones can be preempted; None: nobody can

    @property
    def fewest_nodes(self) -> int:
        """Return the least capacity, into which all targets fit."""
        return min(self.nodes, *(nodes for _, nodes in self.changes), self.nodes)

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
        jobs = tuple(Job(**row) for row in value.pop("jobs"))
        changes = tuple((second, nodes) for second, nodes in value.pop("changes"))
        return cls(claims=claims, jobs=jobs, changes=changes, **value)


# -- worlds made at random


def random_world(rng: Random, kind: str = "plain") -> World:
    """Return a world whose guarantees fit, often to the last node: any, or a trap."""
    is_trap = rng.random() < 0.5 and kind == "plain"
    nodes = rng.randint(FEWEST_NODES, MOST_NODES)
    world = World(nodes=nodes, longest_limit=rng.choice([20, 60, 100]), claims=(), jobs=())
    if kind == "announced":
        world = replace(world, changes=random_changes(rng, world))
    if kind == "preempted":
        world = replace(world, shortest_limit=rng.choice([10, 20]))
    groups = 1 if is_trap else rng.randint(1 if kind == "plain" else 2, 3)
    claims = random_claims(rng, world, groups=groups, widest=2 if is_trap else nodes)
    borrowers = [Claim(guarantee_ppm=0, widest=nodes)] * rng.choice([1, 1, 2])
    world = replace(world, claims=(*claims, *borrowers))
    if is_trap:
        return replace(world, jobs=random_trap(rng, world))
    if kind == "preempted" and rng.random() < 0.7:
        return replace(world, jobs=random_waves(rng, world))
    count = rng.randint(FEWEST_JOBS, MOST_JOBS)
    return replace(world, jobs=tuple(random_job(rng, world) for _ in range(count)))


def random_changes(rng: Random, world: World) -> tuple[tuple[int, int], ...]:
    """Return falls and rises of capacity; in the end all nodes are back."""
    fewest = rng.randint(max(2, world.nodes // 2), world.nodes)
    seconds = rng.sample(range(1, 4 * world.longest_limit), rng.randint(2, 7))
    levels = [rng.choice([fewest, world.nodes, rng.randint(fewest, world.nodes)]) for _ in seconds]
    return tuple(zip(sorted(seconds), [*levels[1:], world.nodes], strict=True))


def random_claims(rng: Random, world: World, *, groups: int, widest: int) -> list[Claim]:
    """Return guarantees with sum of (claim of all nodes + widest job) <= fewest nodes."""
    claims: list[Claim] = []
    nodes, room = world.nodes, world.fewest_nodes * MICRONODES
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


def random_waves(rng: Random, world: World) -> tuple[Job, ...]:
    """Return jobs of which those that nobody can stop meet one guaranteed group after the other."""
    assert world.shortest_limit is not None
    shortest, longest, jobs = world.shortest_limit, world.longest_limit, []
    for _ in range(world.nodes):
        job = replace(random_job(rng, world), group=len(world.claims) - 1)
        jobs.append(replace(job, arrives=0, nodes=1, limit=shortest, seconds=shortest))
    for g, claim in enumerate(world.claims):
        arrives = rng.choice([1, rng.randint(1, 2 * shortest)])
        for _ in range((MOST_JOBS - world.nodes) // len(world.claims)):
            job = replace(random_job(rng, world), arrives=arrives, group=g)
            nodes = claim.widest if claim.guarantee_ppm else 1
            jobs.append(replace(job, nodes=nodes, limit=longest, seconds=longest))
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
    claims = random_claims(rng, world, groups=guaranteed, widest=world.nodes)
    if len(claims) != guaranteed:
        return world
    return replace(world, claims=(*claims, *world.claims[guaranteed:]))


CHANGES = (change_one,) * 6 + (add_job, remove_jobs) * 2 + (copy_later, shift_block, stretch)


def change(rng: Random, world: World) -> World:
    """Return the world with one to three changes, back within its limits."""
    if world.changes and rng.random() < 0.2:
        changed = replace(world, changes=random_changes(rng, world))
        if changed.fewest_nodes >= world.fewest_nodes:
            return changed
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
