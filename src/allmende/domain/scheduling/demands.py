"""Who may run at all, and what each group claims, demands and has."""

from collections.abc import Iterable, Mapping

from allmende.domain.scheduling.fairness import GroupState, pressing_threshold
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot, WaitReason
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import MICRONODES, Path, Share, is_too_wide


def count_running(running: Iterable[RunningJob]) -> dict[Path, int]:
    """Return the running nodes of every leaf."""
    nodes: dict[Path, int] = {}
    for job in running:
        nodes[job.path] = nodes.get(job.path, 0) + len(job.node_indices)
    return nodes


def count_places(leaves: Mapping[Path, int]) -> dict[Path, int]:
    """Return the running nodes of every place of the tree, from those of its leaves."""
    nodes: dict[Path, int] = {}
    for leaf, count in leaves.items():
        for depth in range(1, len(leaf) + 1):
            nodes[leaf[:depth]] = nodes.get(leaf[:depth], 0) + count
    return nodes


def find_bar(
    job: PendingJob, snapshot: Snapshot, policy: Policy, running: Mapping[Path, int]
) -> WaitReason | None:
    """Return what keeps a job from being eligible, or None; `running` is by place of the tree.

    Whatever cannot start however many nodes are free is not eligible, so it creates no debt.
    """
    machine, now = snapshot.machine, snapshot.now_seconds
    limit = policy.max_time_limit_seconds
    if not job.preemptible:
        limit = min(limit, policy.unpreemptible_limit_seconds)
    if not job.eligible:
        return WaitReason.HELD
    if is_too_wide(snapshot.tree, job.path, nodes=job.nodes):
        return WaitReason.TOO_WIDE
    if job.time_limit_seconds > limit:
        return WaitReason.TOO_LONG
    if not machine.can_hold(job.nodes, from_seconds=now, seconds=job.time_limit_seconds):
        return WaitReason.OUT_OF_SERVICE
    return WaitReason.CEILING if find_ceiling(job, snapshot, running) else None


def find_ceiling(job: PendingJob, snapshot: Snapshot, running: Mapping[Path, int]) -> Share | None:
    """Return the highest place whose ceiling a start of the job would break."""
    capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
    for depth in range(1, len(job.path) + 1):
        share = snapshot.tree.find_share(job.path[:depth])
        if share is not None:
            used = running.get(share.path, 0) + job.nodes
            if used > share.ceiling_nodes(capacity):
                return share
    return None


def measure_groups(snapshot: Snapshot, policy: Policy) -> tuple[GroupState, ...]:
    """Return how every group stands in a snapshot, before any decision."""
    running = count_places(count_running(snapshot.running))
    eligible = [job for job in snapshot.pending if not find_bar(job, snapshot, policy, running)]
    return group_states(snapshot, policy, running, eligible)


def group_states(
    snapshot: Snapshot,
    policy: Policy,
    running: Mapping[Path, int],
    eligible: Iterable[PendingJob],
) -> tuple[GroupState, ...]:
    """Return how every group stands, given what runs by place and what is eligible."""
    waiting: dict[Path, int] = {}
    for job in eligible:
        group = snapshot.tree.group_of(job.path)
        waiting[group] = waiting.get(group, 0) + job.nodes
    return tuple(
        _group_state(
            share, snapshot, policy, (running.get(share.path, 0), waiting.get(share.path, 0))
        )
        for share in snapshot.tree.groups
    )


def _group_state(
    share: Share, snapshot: Snapshot, policy: Policy, nodes: tuple[int, int]
) -> GroupState:
    running, waiting = nodes
    claim = share.claim_micronodes(snapshot.machine.capacity_at(snapshot.now_seconds))
    lag = snapshot.fairness.lags.get(share.path, 0) if waiting else 0
    return GroupState(
        path=share.path,
        claim_micronodes=claim,
        rate_micronodes=min(claim, (running + waiting) * MICRONODES),
        running_nodes=running,
        demand_nodes=running + waiting,
        lag_micronode_seconds=lag,
        pressing_threshold=pressing_threshold(share, policy) if claim else 0,
        is_pressing=bool(waiting) and share.path in snapshot.fairness.pressing_since,
    )
