"""The flat arrays of one plan: tree, groups, jobs, borrowers, reservations, profile.

This layout is what the compiled kernel works on; `layouts.py` fills it from a snapshot.
"""

from typing import NamedTuple

from allmende.domain.scheduling.profiles import Ints, Profile

MICRO = 1_000_000
FOREVER = 1 << 62

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


class Tree(NamedTuple):
    """Places of the share tree, parents before children; -1 is above the top."""

    parents: Ints
    ceilings: Ints
    running: Ints


class Groups(NamedTuple):
    """Groups in the order of the tree; `first` to `last` are their jobs in the order they go."""

    rates: Ints
    running: Ints
    left: Ints  # running, without those asked to stop
    has_lag: Ints
    lag_ranks: Ints
    usage_ranks: Ints
    pressing: Ints  # 0 is the longest pressing
    targets: Ints  # most that a pressing group runs or keeps before others have their turn
    kept: Ints  # nodes kept for a pressing group now
    cursors: Ints  # the first undecided job
    last: Ints
    done: Ints  # its head has been dealt with


class Jobs(NamedTuple):
    """Eligible pending jobs, group by group, in the order they go; and what became of them."""

    leaves: Ints
    nodes: Ints
    limits: Ints
    ranks: Ints
    verdicts: Ints
    starts_at: Ints
    behind: Ints
    start_order: Ints
    groups: Ints


class Borrowers(NamedTuple):
    """Running jobs that may be stopped, least work lost per freed node first."""

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


class Board(NamedTuple):
    """All arrays of one plan; `settings` is indexed by the names below."""

    tree: Tree
    groups: Groups
    jobs: Jobs
    borrowers: Borrowers
    reservations: Reservations
    profile: Profile
    scratch: Profile
    settings: Ints


NOW, BACKFILL, TARGET, PREEMPTION, FREE, STARTS = range(6)
