"""Steering a cluster that places jobs itself: whose rank is raised now, and who may be stopped.

Slurm decides which job starts where. It is told of each group whether it is owed something: then
its jobs go before those of all others. Lags, claims and bounds are the kernel's own (`fairness`);
only what follows from them is coarser, for two ranks are all that is needed:

- A group is raised while it is owed, and lowered when two looks in a row find that it is not.
  Where several are raised, none may run so much that another has no room for its target.
- Where the partition preempts, a group whose claim is pressing may have borrowers stopped. Until
  it has its target it may run no more than that, else it would stop everybody at once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self

from allmende.domain.scheduling.demands import measure_group
from allmende.domain.scheduling.fairness import FairnessState, GroupState, advance, lag_bound
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import MICRONODES, Path, Share, ShareTree


@dataclass(frozen=True, kw_only=True)
class QueuedJob:
    """A job as a cluster's queue shows it, whoever submitted it and how."""

    account: str
    qos: str
    nodes: int
    is_running: bool
    is_eligible: bool = True  # of one that waits: it would start if nodes were free


@dataclass(frozen=True, kw_only=True)
class ClusterLook:
    """What a cluster showed of a partition."""

    nodes_in_service: int
    jobs: tuple[QueuedJob, ...]


@dataclass(frozen=True, kw_only=True)
class Level:
    """What a cluster is told of a group."""

    group_id: str
    is_raised: bool = False
    may_stop: tuple[str, ...] = ()  # the groups whose jobs may be stopped for it
    most_nodes: int | None = None  # that it may run at once; None: no limit is set


class Wheel(Protocol):
    """By what a cluster is steered. Both can be repeated at will."""

    def look(self) -> ClusterLook:
        """Return what runs and waits now. Refused where the cluster does not answer."""

    def set_levels(self, levels: Sequence[Level]) -> tuple[str, ...]:
        """Tell the cluster what differs from what it was told; return the groups concerned."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What a group had since the first look: the difference of two looks is what it had between."""

    delivered_node_seconds: int = 0
    entitled_micronode_seconds: int = 0
    met_micronode_seconds: int = 0  # of what it was entitled to

    def after(self, group: GroupState, seconds: int) -> "Totals":
        """Return the totals when a group has stood like this for so long."""
        running = group.running_nodes * MICRONODES
        return Totals(
            delivered_node_seconds=self.delivered_node_seconds + group.running_nodes * seconds,
            entitled_micronode_seconds=self.entitled_micronode_seconds
            + group.rate_micronodes * seconds,
            met_micronode_seconds=self.met_micronode_seconds
            + min(running, group.rate_micronodes) * seconds,
        )


@dataclass(frozen=True, kw_only=True)
class GroupFigures:
    """How a group stood at a look. Nodes, rates and lags are exact: millionths of a node."""

    group_id: str
    running_nodes: int
    waiting_nodes: int
    rate_micronodes: int
    lag_micronode_seconds: int
    worst_lag_micronode_seconds: int
    bound_micronode_seconds: int
    is_raised: bool
    may_stop: tuple[str, ...] = ()
    totals: Totals = Totals()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read back what `asdict` gave."""
        totals = Totals(**value["totals"])
        return cls(**{**value, "may_stop": tuple(value["may_stop"]), "totals": totals})


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is carried from one look to the next: small, immutable, and a plain JSON value."""

    fairness: FairnessState
    groups: tuple[GroupState, ...] = ()  # as they stood at the last look, and stand until the next
    owed: frozenset[str] = frozenset()
    raised: frozenset[str] = frozenset()
    totals: Mapping[str, Totals] = field(default_factory=dict)  # by group

    @classmethod
    def begin(cls, at_seconds: int) -> Self:
        """Return the memory of a partition at which nobody ever looked."""
        return cls(fairness=FairnessState.begin(at_seconds))

    def to_json(self) -> dict[str, Any]:
        """Return a value that JSON can hold; `from_json` reads it back."""
        return {
            "fairness": self.fairness.to_json(),
            "groups": [asdict(group) | {"path": list(group.path)} for group in self.groups],
            "owed": sorted(self.owed),
            "raised": sorted(self.raised),
            "totals": {group_id: asdict(total) for group_id, total in self.totals.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        return cls(
            fairness=FairnessState.from_json(value["fairness"]),
            groups=tuple(
                GroupState(**{**group, "path": tuple(group["path"])}) for group in value["groups"]
            ),
            owed=frozenset(value["owed"]),
            raised=frozenset(value["raised"]),
            totals={group_id: Totals(**total) for group_id, total in value["totals"].items()},
        )


@dataclass(frozen=True, kw_only=True)
class Steering:
    """What follows from a look."""

    memory: Memory
    levels: tuple[Level, ...]  # of every group with a guarantee
    figures: tuple[GroupFigures, ...]  # of every group


def steer(
    memory: Memory,
    look: ClusterLook,
    *,
    at_seconds: int,
    tree: ShareTree,
    policy: Policy,
    group_of: Mapping[str, str],
    reaction_seconds: int,
) -> Steering:
    """Return the lags at a look, and what the cluster is to be told.

    What the last look showed is taken to have held until this one. `group_of` says the group of an
    account whose jobs name another QOS than a group's; what belongs to no group only takes nodes.
    """
    until = max(at_seconds, memory.fairness.at_seconds)  # a clock set back stands still here
    fairness = advance(
        memory.fairness, until=until, groups=memory.groups, running={}, policy=policy
    )
    totals = _add_up(memory, seconds=until - memory.fairness.at_seconds)
    capacity = look.nodes_in_service
    running, waiting = _count(look.jobs, tree, group_of)
    groups = tuple(
        measure_group(
            share,
            (running.get(share.path, 0), waiting.get(share.path, 0)),
            capacity_nodes=capacity,
            fairness=fairness,
            policy=policy,
        )
        for share in tree.groups
    )
    owed = frozenset(group.path[0] for group in groups if group.is_owed)
    raised = owed | memory.owed
    levels = _levels(groups, tree, policy, capacity, raised)
    kept = Memory(fairness=fairness, groups=groups, owed=owed, raised=raised, totals=totals)
    return Steering(
        memory=kept,
        levels=levels,
        figures=_figures(
            kept,
            {level.group_id: level for level in levels},
            {
                share.path: steered_bound(
                    share, capacity_nodes=capacity, policy=policy, reaction_seconds=reaction_seconds
                )
                for share in tree.groups
            },
        ),
    )


def _add_up(memory: Memory, *, seconds: int) -> dict[str, Totals]:
    return {
        group.path[0]: memory.totals.get(group.path[0], Totals()).after(group, seconds)
        for group in memory.groups
    }


def _figures(
    memory: Memory, levels: Mapping[str, Level], bounds: Mapping[Path, int]
) -> tuple[GroupFigures, ...]:
    return tuple(
        GroupFigures(
            group_id=group.path[0],
            running_nodes=group.running_nodes,
            waiting_nodes=group.demand_nodes - group.running_nodes,
            rate_micronodes=group.rate_micronodes,
            lag_micronode_seconds=group.lag_micronode_seconds,
            worst_lag_micronode_seconds=memory.fairness.worst_lags.get(group.path, 0),
            bound_micronode_seconds=bounds[group.path],
            is_raised=group.path[0] in memory.raised,
            may_stop=levels[group.path[0]].may_stop if group.path[0] in levels else (),
            totals=memory.totals.get(group.path[0], Totals()),
        )
        for group in memory.groups
    )


def steered_bound(
    share: Share, *, capacity_nodes: int, policy: Policy, reaction_seconds: int
) -> int:
    """Return the lag in micronode-seconds that a group is not to pass; 0 without a guarantee.

    The kernel's bound, and what a whole claim adds up to while nobody has reacted yet.
    """
    if not share.guarantee_ppm:
        return 0
    bound = lag_bound(share, capacity_nodes=capacity_nodes, policy=policy)
    return bound + share.claim_micronodes(capacity_nodes) * reaction_seconds


def _count(
    jobs: Sequence[QueuedJob], tree: ShareTree, group_of: Mapping[str, str]
) -> tuple[dict[Path, int], dict[Path, int]]:
    """Return the running and the eligible waiting nodes by group.

    A job wider than its group's guarantee covers is nobody's debt.
    """
    running: dict[Path, int] = {}
    waiting: dict[Path, int] = {}
    for job in jobs:
        share = tree.find_share((job.qos,)) or tree.find_share((group_of.get(job.account, ""),))
        if share is None:
            continue
        if job.is_running:
            running[share.path] = running.get(share.path, 0) + job.nodes
        elif job.is_eligible and (not share.guarantee_ppm or job.nodes <= share.widest_job_nodes):
            waiting[share.path] = waiting.get(share.path, 0) + job.nodes
    return running, waiting


def _levels(
    groups: Collection[GroupState],
    tree: ShareTree,
    policy: Policy,
    capacity_nodes: int,
    raised: Collection[str],
) -> tuple[Level, ...]:
    rooms = _rooms([g for g in groups if g.path[0] in raised], tree, capacity_nodes)
    borrowers = [g.path[0] for g in groups if _borrows(g, tree, capacity_nodes)]
    levels = []
    for group in groups:
        share, name = tree.get_group(group.path), group.path[0]
        if not share.guarantee_ppm:
            continue
        target = share.target_nodes(capacity_nodes)
        stops = policy.preemption and group.is_pressing and group.running_nodes < target
        levels.append(
            Level(
                group_id=name,
                is_raised=name in raised,
                may_stop=tuple(each for each in borrowers if stops and each != name),
                most_nodes=target if stops else rooms.get(name),
            )
        )
    return tuple(levels)


def _rooms(raised: Collection[GroupState], tree: ShareTree, capacity_nodes: int) -> dict[str, int]:
    """Return by raised group the most nodes that it may run; nothing where only one is raised.

    Each has room for its target, or for as much of it as it asks for. What is left is split among
    those who ask for more, so that no node is kept for nobody.
    """
    if len(raised) < 2:
        return {}
    rooms = {
        g.path[0]: min(tree.get_group(g.path).target_nodes(capacity_nodes), g.demand_nodes)
        for g in raised
    }
    asking = [g.path[0] for g in raised if g.demand_nodes > rooms[g.path[0]]] or list(rooms)
    each, rest = divmod(max(0, capacity_nodes - sum(rooms.values())), len(asking))
    for place, name in enumerate(asking):
        rooms[name] += each + (place < rest)
    return rooms


def _borrows(group: GroupState, tree: ShareTree, capacity_nodes: int) -> bool:
    """Say whether jobs of a group may be stopped, whichever the cluster picks."""
    share = tree.get_group(group.path)
    if not share.guarantee_ppm:
        return True
    return group.running_nodes > share.target_nodes(capacity_nodes)
