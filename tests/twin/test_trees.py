"""Share trees of four levels: access share, group, project, user; ceilings at each of them."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings

from allmende.domain.scheduling.shares import Share, ShareTree
from allmende.twin import measures
from allmende.twin.findings import Findings
from allmende.twin.replay import replay
from allmende.twin.shares import Grouping
from tests.twin.test_replay import HALF_LIFE, SEEDS, path_of, simulate
from tests.twin.workshop import random_trace

NODES = 16
SHARES = (
    Share(path=("union",), guarantee_ppm=400_000, ceiling_ppm=700_000, widest_job_nodes=4),
    Share(path=("national",), ceiling_ppm=600_000),
    Share(path=("union", "sme"), guarantee_ppm=250_000, ceiling_ppm=500_000, widest_job_nodes=4),
    Share(path=("union", "science"), weight=3, ceiling_ppm=450_000),
    Share(path=("national", "industry"), ceiling_ppm=550_000),
    Share(path=("union", "sme", "g1"), ceiling_ppm=350_000),
    Share(path=("national", "industry", "g2"), ceiling_ppm=400_000, weight=2),
    Share(path=("union", "sme", "g1", "u1"), ceiling_ppm=260_000),
    Share(path=("national", "industry", "g2", "u2"), ceiling_ppm=300_000, weight=5),
)
TREE = ShareTree(shares=SHARES, group_depth=2)


def play(trace, tree, groups):
    return replay(
        trace,
        policy="allmende",
        grouping=Grouping(tree=tree, group_of_job=groups),
        findings=Findings(),
        half_life_seconds=HALF_LIFE,
    )


def most_running(replayed, path):
    """Return the most nodes that a place in the tree ever ran at once."""
    trace, starts = replayed.trace, replayed.starts
    mine = np.array([path_of(replayed, j)[: len(path)] == path for j in range(starts.size)])
    starts, nodes = starts[mine], trace.nodes[mine]
    ends = starts + trace.seconds[mine]
    return max((int(nodes[(starts <= at) & (at < ends)].sum()) for at in starts), default=0)


@given(seed=SEEDS)
@settings(max_examples=40)
def test_every_level_keeps_its_ceiling_and_live_planning_is_the_same(seed):
    rng = Random(seed)
    trace = random_trace(rng, nodes=8, jobs=60)  # no wider than 4
    trace = replace(trace, machine_nodes=NODES)
    groups = np.array([rng.randint(0, 2) for _ in range(60)])
    replayed = play(trace, TREE, groups)
    assert (replayed.starts >= 0).all()
    for share in SHARES:
        assert most_running(replayed, share.path) <= share.ceiling_nodes(NODES)
    assert replayed.starts.tolist() == simulate(replayed)[0]


@pytest.mark.parametrize("share", SHARES, ids=lambda share: "/".join(share.path))
def test_the_ceiling_of_each_level_is_what_holds_alone(share):
    bare = tuple(
        replace(each, ceiling_ppm=share.ceiling_ppm if each is share else 1_000_000)
        for each in SHARES
    )
    rows = (*share.path, *("union", "sme", "g1", "u1")[len(share.path) :])
    if share.path[0] == "national":
        rows = (*share.path, *("national", "industry", "g2", "u2")[len(share.path) :])
    trace = random_trace(Random(1), nodes=8, jobs=60)
    ones = np.ones(60, dtype=np.int64)
    trace = replace(
        trace,
        machine_nodes=NODES,
        arrivals=np.zeros(60, dtype=np.int64),
        nodes=ones,
        users=ones * int(rows[3][1:]),
        unix_groups=ones * int(rows[2][1:]),
    )
    tree = ShareTree(shares=bare, group_depth=2)
    group = [each.path for each in tree.groups].index(rows[:2])
    replayed = play(trace, tree, ones * group)
    assert most_running(replayed, share.path) == share.ceiling_nodes(NODES)


def test_a_hundred_thousand_people_are_laid_out_and_played():
    people, nodes = 100_000, 512
    rng = np.random.default_rng(1)
    trace = random_trace(Random(1), jobs=1).select(np.zeros(people, dtype=int))
    users = np.arange(people)
    groups = users % 3
    trace = replace(
        trace,
        machine_nodes=nodes,
        numbers=users,
        arrivals=np.sort(rng.integers(0, people, people)),
        seconds=rng.integers(60, 600, people),
        limits=np.full(people, 600),
        nodes=np.ones(people, dtype=np.int64),
        users=users,
        unix_groups=users % 3000,
    )
    capped = tuple(
        Share(path=(*TREE.groups[n % 3].path, f"g{n % 3000}", f"u{n}"), ceiling_ppm=900_000)
        for n in range(people)
    )
    tree = ShareTree(shares=(*SHARES[:5], *capped), group_depth=2)
    replayed = play(trace, tree, groups)
    figures = measures.measure(replayed)
    assert figures.jobs == people
    busy = measures.measure(replayed).groups
    assert all(g.worst_lag_node_seconds <= g.lag_bound_node_seconds for g in busy if g.guarantee)
