"""The flat arrays that the kernel works on: tree, groups, leaves, jobs, who runs, what is reserved.

A board lives on: jobs are pushed, start and end, and a decision touches what changed. `layouts.py`
makes one from a snapshot, the twin makes one from a trace; `loops.py` decides on both.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allmende.domain.scheduling.profiles import Ints, Profile

MICRO = 1_000_000
FOREVER = 1 << 62
NEVER = -1

# Verdicts on jobs
(
    UNDECIDED,
    STARTED,
    HEAD,
    HEAD_UNDATED,
    CEILING,
    NODES_BUSY,
    RESERVED_BEHIND,
    KEPT,
    CAPACITY,
    OFF,
) = range(10)
NO_BACKFILL, EASY, CONSERVATIVE = range(3)
NOT_PRESSING = -1
NO_NODES = 1 << 30  # wider than any machine: nobody waits here


class Tree(NamedTuple):
    """Places of the share tree; -1 is above the top."""

    parents: Ints
    ceilings: Ints
    running: Ints
    scales: Ints  # common multiple of all weights ÷ weight
    usages: Ints  # as booked when the running nodes last changed
    booked: Ints  # what one node had booked by then


class Groups(NamedTuple):
    """Groups in the order of the tree; their leaves with waiting jobs stand in `Board.heap`."""

    places: Ints
    shares: Ints  # guarantee, in parts per million
    claims: Ints  # micronodes, of the capacity now
    rates: Ints  # micronodes: the smaller of claim and demand, at the beginning of a decision
    running: Ints
    waiting: Ints  # nodes of pending jobs
    left: Ints  # running, without those asked to stop
    lags: Ints  # micronode-seconds
    worst_lags: Ints
    thresholds: Ints  # the lag beyond which a claim is pressing
    pressing_since: Ints
    pressing: Ints  # its turn among pressing groups, 0 is the longest pressing
    widest: Ints
    targets: Ints  # most that a pressing group runs or keeps before others have their turn
    kept: Ints  # nodes kept for a pressing group now
    heads: Ints  # the first undecided job, in this decision
    done: Ints  # its head has been dealt with
    first: Ints  # where its part of the heap begins
    active: Ints  # how many leaves with waiting jobs stand there


class Leaves(NamedTuple):
    """Ends of the tree (a person in a project), each with its jobs in order of submission."""

    groups: Ints
    upper: Ints  # places below the group, the last one repeated where there are fewer than three
    middle: Ints
    lower: Ints
    demoted: Ints  # 1: goes after every leaf of its group that is not
    offsets: Ints  # where its part of the index begins
    sizes: Ints  # slots in that part, a power of two
    ends: Ints  # the next unused slot
    firsts: Ints  # the first slot with a job
    cursors: Ints  # the first undecided slot, in the decision numbered `seen`
    seen: Ints
    counts: Ints
    heap_places: Ints
    upper_keys: Ints  # the order when last looked at; since then it can only have grown
    middle_keys: Ints
    lower_keys: Ints
    rank_keys: Ints


class Jobs(NamedTuple):
    """Jobs that wait or run, and what became of them."""

    leaves: Ints
    groups: Ints
    nodes: Ints
    freed: Ints  # nodes that come back into service when it ends
    given: Ints  # of those, while it runs: what others get, and its pressing group does not keep
    limits: Ints
    ranks: Ints  # by submission
    slots: Ints  # in the index, while it waits
    verdicts: Ints
    starts_at: Ints
    behind: Ints


class Borrowers(NamedTuple):
    """Running jobs that may be stopped, least work lost per freed node first."""

    jobs: Ints
    groups: Ints
    nodes: Ints
    freed: Ints
    ends: Ints
    ranks: Ints
    graces: Ints
    stopped_for: Ints


class Reservations(NamedTuple):
    """Nodes kept for a job; `kinds` is the verdict on a job that they keep waiting."""

    jobs: Ints
    starts: Ints
    ends: Ints
    nodes: Ints
    kinds: Ints
    used: Ints


class Running(NamedTuple):
    """Running jobs in the order in which they free their nodes at their limits, as EASY counts."""

    ends: Ints
    widths: Ints  # nodes that come free
    ranks: Ints
    jobs: Ints


class Queues(NamedTuple):
    """Who waits, by width and limit: a tree of minima for every leaf, and the jobs below it."""

    nodes: NDArray[np.int32]
    limits: NDArray[np.int32]
    jobs: NDArray[np.int32]


class Stairs(NamedTuple):
    """How many nodes a job may take now, by how long it runs: from a second on, no more than."""

    seconds: Ints
    nodes: Ints


class Board(NamedTuple):
    """All arrays of one partition; `settings` is indexed by the names below."""

    tree: Tree
    groups: Groups
    leaves: Leaves
    jobs: Jobs
    borrowers: Borrowers
    reservations: Reservations
    running: Running
    profile: Profile
    scratch: Profile
    stairs: Stairs
    queues: Queues
    heap: Ints  # leaves with waiting jobs, group by group, each group's part a heap
    start_order: Ints  # the jobs started by the last decision
    changes: Ints  # announced capacities: second, nodes, second, nodes …
    settings: Ints


(
    NOW,
    BACKFILL,
    TARGET,
    PREEMPTION,
    CAPACITY_NOW,
    FREE,
    STARTS,
    PENDING,  # jobs that wait
    RUNNING,  # jobs that run
    STEPS,  # of the stairs
    HELD_BACK,  # nodes kept for all pressing groups
    CHANGES,  # announced changes of capacity that are still to come
    INDEXED,  # slots of the index in use
    DECISION,  # number of this decision
    EXPLAINS,  # whether every job that waits is told why
    HAS_CEILINGS,
    BOOKED,  # usage that one node has booked since the epoch
    EPOCH,
    HALF_LIFE,
    COUNTS_USAGE,  # whether the order depends on usage at all
    FORESEEN,  # changes of capacity that were announced: nobody plans for a failure
    LONGEST,  # the longest limit: no job that starts now reaches further
    BORROWERS,  # rows of those that may be stopped
    SIZE,
) = range(24)


def ints(count: int, value: int = 0) -> Ints:
    """Return an array of 64-bit integers."""
    return np.full(count, value, dtype=np.int64)
