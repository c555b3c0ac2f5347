"""What every group is owed: its lag, and the bound that the lag never passes.

Per group with a guarantee: claim = guarantee x capacity; demand = running + eligible pending nodes;
rate = min(claim, demand); the lag grows by (rate - running) node-seconds per second, never falls
below 0, and is 0 while nothing eligible is pending. So using more than one's guarantee costs no
claim, and idle time earns none.

A lag above `pressing_threshold` makes the group pressing: from then on every node that comes free
is its own until it runs its claim and one widest job. That is what makes the bound hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import MICRONODES, Path, Share
from allmende.domain.scheduling.usages import REBASE_HALF_LIVES, booked_usage, decayed_node_seconds


@dataclass(frozen=True, kw_only=True)
class GroupState:
    """How a group stands at an instant. Rates, claims and lags are exact: millionths of a node."""

    path: Path
    claim_micronodes: int
    rate_micronodes: int
    running_nodes: int
    demand_nodes: int  # running, and pending and eligible
    lag_micronode_seconds: int
    pressing_threshold: int  # micronode-seconds; 0 without a guarantee
    is_pressing: bool

    @property
    def is_below_rate(self) -> bool:
        """Say whether fewer nodes run than the group may claim now."""
        return self.running_nodes * MICRONODES < self.rate_micronodes

    @property
    def is_owed(self) -> bool:
        """Say whether the group gets its nodes before others."""
        return self.is_below_rate or self.lag_micronode_seconds > 0

    @property
    def has_waiting(self) -> bool:
        """Say whether an eligible job of the group is pending."""
        return self.demand_nodes > self.running_nodes

    @property
    def borrowed_nodes(self) -> int:
        """Return how many nodes run beyond the claim."""
        return max(0, self.running_nodes - self.claim_micronodes // MICRONODES)


@dataclass(frozen=True, kw_only=True)
class FairnessState:
    """The memory of the kernel between two plans: small, immutable, and a plain JSON value."""

    at_seconds: int
    usage_epoch_seconds: int
    lags: Mapping[Path, int] = field(default_factory=dict)
    worst_lags: Mapping[Path, int] = field(default_factory=dict)
    usages: Mapping[Path, int] = field(default_factory=dict)
    pressing_since: Mapping[Path, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, at_seconds: int) -> Self:
        """Return the state of a partition on which nothing ever ran."""
        return cls(at_seconds=at_seconds, usage_epoch_seconds=at_seconds)

    def decayed_usage(self, path: Path, policy: Policy) -> int:
        """Return the usage of a group, project or person as it weighs now, in node-seconds."""
        return decayed_node_seconds(
            self.usages.get(path, 0),
            age_seconds=self.at_seconds - self.usage_epoch_seconds,
            half_life_seconds=policy.usage_half_life_seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a value that JSON can hold; `from_json` reads it back."""
        tables = ("lags", "worst_lags", "usages", "pressing_since")
        return {
            "at_seconds": self.at_seconds,
            "usage_epoch_seconds": self.usage_epoch_seconds,
            **{name: [[list(k), v] for k, v in getattr(self, name).items()] for name in tables},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        fields: dict[str, Any] = {
            name: {tuple(path): number for path, number in rows} if isinstance(rows, list) else rows
            for name, rows in value.items()
        }
        return cls(**fields)


def pressing_threshold(share: Share, policy: Policy) -> int:
    """Return the lag in micronode-seconds beyond which a group's claim is pressing."""
    return share.widest_job_nodes * MICRONODES * policy.horizon_seconds


def lag_bound(share: Share, *, capacity_nodes: int, policy: Policy) -> int:
    """Return the lag in micronode-seconds that a guaranteed group never passes.

    (claim + widest job) x horizon. The horizon is the longest limit, or with preemption the longest
    of grace, response target and the limits of jobs that cannot be preempted. The proof is in
    docs/explanation/the-guarantee.md.
    """
    claim = share.claim_micronodes(capacity_nodes)
    return claim * policy.horizon_seconds + pressing_threshold(share, policy)


def advance(
    state: FairnessState,
    *,
    until: int,
    groups: Iterable[GroupState],
    running: Mapping[Path, int],
    policy: Policy,
) -> FairnessState:
    """Return the state at `until`, given what ran and waited since `state.at_seconds`.

    `groups` and `running` (nodes by leaf path) are what the last plan left, or
    `measure_groups` found after a job ended: they must have held during the whole interval.
    """
    assert until >= state.at_seconds, "time runs forwards"
    groups = tuple(groups)
    seconds = until - state.at_seconds
    lags = {g.path: _lag_after(g, state, seconds) for g in groups if g.claim_micronodes}
    lags = {path: lag for path, lag in lags.items() if lag}
    worst = {
        path: max(lags.get(path, 0), state.worst_lags.get(path, 0))
        for path in lags.keys() | state.worst_lags.keys()
    }
    thresholds = {g.path: g.pressing_threshold for g in groups}
    pressing = {
        path: state.pressing_since.get(path, until)
        for path, lag in lags.items()
        if lag > thresholds[path]
    }
    epoch, usages = _usages_after(state, until, running, policy)
    return FairnessState(
        at_seconds=until,
        usage_epoch_seconds=epoch,
        lags=dict(sorted(lags.items())),
        worst_lags=dict(sorted(worst.items())),
        usages=usages,
        pressing_since=dict(sorted(pressing.items())),
    )


def _lag_after(group: GroupState, state: FairnessState, seconds: int) -> int:
    if not group.has_waiting:
        return 0
    missing = group.rate_micronodes - group.running_nodes * MICRONODES
    return max(0, state.lags.get(group.path, 0) + missing * seconds)


def _usages_after(
    state: FairnessState, until: int, running: Mapping[Path, int], policy: Policy
) -> tuple[int, dict[Path, int]]:
    half_life = policy.usage_half_life_seconds
    epoch, at, usages = state.usage_epoch_seconds, state.at_seconds, dict(state.usages)
    nodes_of: dict[Path, int] = {}
    for leaf, nodes in running.items():
        for depth in range(1, len(leaf) + 1):
            nodes_of[leaf[:depth]] = nodes_of.get(leaf[:depth], 0) + nodes
    while True:
        # Keep the numbers small: at the end of an epoch, shift them all.
        last = min(until, epoch + REBASE_HALF_LIVES * half_life)
        booked = booked_usage(last - epoch, half_life) - booked_usage(at - epoch, half_life)
        for path, nodes in nodes_of.items():
            usages[path] = usages.get(path, 0) + nodes * booked
        if last - epoch < REBASE_HALF_LIVES * half_life:
            return epoch, {path: usage for path, usage in sorted(usages.items()) if usage}
        usages = {path: usage >> REBASE_HALF_LIVES for path, usage in usages.items()}
        epoch, at = last, last
