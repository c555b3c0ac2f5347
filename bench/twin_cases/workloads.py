"""An invented workload as large as JUPITER's, and projects in four groups with guarantees."""

from dataclasses import replace

import numpy as np

from allmende.domain.scheduling.shares import Share, ShareTree, parts_per_million
from allmende.twin.shares import Grouping
from allmende.twin.traces import Ints, Trace

JUPITER_NODES = 5_938
LOAD = 0.95
HOUR, DAY = 3_600, 24 * 3_600
LARGEST_POWER = 10  # 1,024 nodes
NARROWER = 0.7  # each width is so much rarer than half of it
POWERS_OF_TWO = 0.9  # of all jobs
MEDIAN_SECONDS, SPREAD = 1_800, 1.5  # of the log-normal run times

PROJECTS = 1_000
# name, guarantee, widest job that it covers, part of the jobs that are narrow enough
GROUPS = (
    ("sme", 0.22, 128, 0.20),
    ("startup", 0.10, 64, 0.15),
    ("industry", 0.15, 512, 0.15),
    ("science", 0.20, 1_024, 0.50),
)
PEOPLE = 100_000


def invent(*, jobs: int, load: float = LOAD, seed: int = 1) -> Trace:
    """Return a workload that asks for this part of the machine while jobs arrive."""
    rng = np.random.default_rng(seed)
    nodes = _widths(rng, jobs)
    drawn = MEDIAN_SECONDS * np.exp(SPREAD * rng.standard_normal(jobs))
    seconds = np.clip(drawn, 60, DAY).astype(np.int64)
    asked = seconds * rng.uniform(1, 4, jobs)
    limits = np.minimum(np.ceil(asked / HOUR).astype(np.int64) * HOUR, DAY)
    between = (nodes * seconds).mean() / (load * JUPITER_NODES)
    arrivals = np.cumsum(rng.exponential(between, jobs)).astype(np.int64)
    groups = _groups_of(rng, nodes)
    projects = groups + len(GROUPS) * _active_projects(rng, jobs)
    return Trace(
        name=f"invented, {jobs:,} jobs",
        machine_nodes=JUPITER_NODES,
        numbers=np.arange(1, jobs + 1),
        arrivals=arrivals,
        seconds=seconds,
        limits=limits,
        nodes=nodes,
        users=projects,
        unix_groups=projects,
        queues=groups,
    )


def _widths(rng: np.random.Generator, jobs: int) -> Ints:
    """Draw widths: mostly powers of two, the others up to the same power."""
    powers = np.arange(LARGEST_POWER + 1)
    weights = NARROWER**powers
    widths = 1 << rng.choice(powers, size=jobs, p=weights / weights.sum())
    odd = rng.random(jobs) > POWERS_OF_TWO
    widths[odd] = rng.integers(1, widths[odd] + 1)
    return widths.astype(np.int64)


def _groups_of(rng: np.random.Generator, nodes: Ints) -> Ints:
    """Draw a group for each job; one that is too wide for its group belongs to the widest."""
    groups = rng.choice(len(GROUPS), size=nodes.size, p=[part for *_, part in GROUPS])
    widest = np.array([widest for _, _, widest, _ in GROUPS])
    groups[nodes > widest[groups]] = int(widest.argmax())
    return groups.astype(np.int64)


def _active_projects(rng: np.random.Generator, jobs: int) -> Ints:
    """Draw the project inside its group: a few are far more active than the others."""
    return (rng.random(jobs) ** 2 * (PROJECTS // len(GROUPS))).astype(np.int64)


def share_tree() -> ShareTree:
    """Return the four groups with their guarantees."""
    return ShareTree(
        shares=tuple(
            Share(path=(name,), guarantee_ppm=parts_per_million(part), widest_job_nodes=widest)
            for name, part, widest, _ in GROUPS
        )
    )


def group_by_queue(trace: Trace) -> Grouping:
    """Return the grouping of an invented workload."""
    return Grouping(tree=share_tree(), group_of_job=trace.queues)


def invent_people(*, jobs: int) -> tuple[Trace, Grouping]:
    """Return a workload of 100,000 people in a tree of four levels, with ceilings at each."""
    trace = invent(jobs=jobs)
    people = PEOPLE // PROJECTS  # of each project
    users = trace.unix_groups * people + np.random.default_rng(2).integers(0, people, jobs)
    trace = replace(trace, users=users)
    access = ("union", "national")
    groups = tuple(
        replace(group, path=(access[n % 2], *group.path), ceiling_ppm=parts_per_million(0.9))
        for n, group in enumerate(share_tree().groups)
    )
    rows = np.unique(np.stack([trace.queues, trace.unix_groups, users], axis=1), axis=0)
    below = {
        (*groups[group].path, f"g{project}", *rest)
        for group, project, user in rows.tolist()
        for rest in ((), (f"u{user}",))
    }
    shares = (
        *(
            Share(
                path=(name,),
                guarantee_ppm=parts_per_million(0.5),
                ceiling_ppm=parts_per_million(0.95),
                widest_job_nodes=1,
            )
            for name in access
        ),
        *groups,
        *(Share(path=path, ceiling_ppm=parts_per_million(0.8)) for path in sorted(below)),
    )
    tree = ShareTree(shares=shares, group_depth=2)
    return trace, Grouping(tree=tree, group_of_job=trace.queues)
