"""Who may run at all, and what each group claims, demands and has."""

from collections.abc import Iterable, Mapping

from allmende.domain.scheduling.fairness import FairnessState, GroupState, pressing_threshold
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot, WaitReason
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import MICRONODES, NO_CEILING, Path, Share, is_too_wide


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


class Gate:
    """What keeps jobs of a snapshot from being eligible.

    A queue is long, but its jobs are alike: what they share is asked once.
    """

    def __init__(self, snapshot: Snapshot, policy: Policy, running: Mapping[Path, int]) -> None:
        """`running` is by place of the tree."""
        self.snapshot, self.running = snapshot, running
        self.capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
        longest = policy.max_time_limit_seconds
        self.longest_seconds = {
            True: longest,
            False: min(longest, policy.unpreemptible_limit_seconds),
        }
        self._rooms: dict[Path, int] = {}
        self._bars: dict[tuple[Path, int, int, bool], WaitReason | None] = {}

    def find_bar(self, job: PendingJob) -> WaitReason | None:
        """Return what keeps a job from being eligible, or None.

        Whatever cannot start however many nodes are free is not eligible, so it creates no debt.
        """
        if not job.eligible:
            return WaitReason.HELD
        group = self.snapshot.tree.group_of(job.path)
        kind = (group, job.nodes, job.time_limit_seconds, job.preemptible)
        if kind not in self._bars:
            self._bars[kind] = self._find_lasting_bar(job)
        return self._bars[kind] or (None if self.has_room(job) else WaitReason.CEILING)

    def has_room(self, job: PendingJob) -> bool:
        """Say whether a start of the job would break no ceiling."""
        room = self._rooms.get(job.path)
        if room is None:
            room = self._rooms[job.path] = self._room_of(job.path)
        return job.nodes <= room

    def find_ceiling(self, job: PendingJob) -> Share:
        """Return the highest place whose ceiling a start of the job would break; there is one."""
        return next(
            share
            for share in self._list_shares(job.path)
            if self.running.get(share.path, 0) + job.nodes > share.ceiling_nodes(self.capacity)
        )

    def _find_lasting_bar(self, job: PendingJob) -> WaitReason | None:
        snapshot, seconds = self.snapshot, job.time_limit_seconds
        if is_too_wide(snapshot.tree, job.path, nodes=job.nodes):
            return WaitReason.TOO_WIDE
        if seconds > self.longest_seconds[job.preemptible]:
            return WaitReason.TOO_LONG
        now, machine = snapshot.now_seconds, snapshot.machine
        fits = machine.can_hold(job.nodes, from_seconds=now, seconds=seconds)
        return None if fits else WaitReason.OUT_OF_SERVICE

    def _room_of(self, path: Path) -> int:
        rooms = (
            share.ceiling_nodes(self.capacity) - self.running.get(share.path, 0)
            for share in self._list_shares(path)
        )
        return min(rooms, default=NO_CEILING)

    def _list_shares(self, path: Path) -> list[Share]:
        """Return the rows of the tree on the way to a path, the highest first."""
        tree = self.snapshot.tree
        found = (tree.find_share(path[:depth]) for depth in range(1, len(path) + 1))
        return [share for share in found if share is not None]


def measure_groups(snapshot: Snapshot, policy: Policy) -> tuple[GroupState, ...]:
    """Return how every group stands in a snapshot, before any decision."""
    running = count_places(count_running(snapshot.running))
    gate = Gate(snapshot, policy, running)
    eligible = [job for job in snapshot.pending if not gate.find_bar(job)]
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
    capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
    return tuple(
        measure_group(
            share,
            (running.get(share.path, 0), waiting.get(share.path, 0)),
            capacity_nodes=capacity,
            fairness=snapshot.fairness,
            policy=policy,
        )
        for share in snapshot.tree.groups
    )


def measure_group(
    share: Share,
    nodes: tuple[int, int],
    *,
    capacity_nodes: int,
    fairness: FairnessState,
    policy: Policy,
) -> GroupState:
    """Return how a group stands of which so many nodes run, and so many are asked for."""
    running, waiting = nodes
    claim = share.claim_micronodes(capacity_nodes)
    lag = fairness.lags.get(share.path, 0) if waiting else 0
    return GroupState(
        path=share.path,
        claim_micronodes=claim,
        rate_micronodes=min(claim, (running + waiting) * MICRONODES),
        running_nodes=running,
        demand_nodes=running + waiting,
        lag_micronode_seconds=lag,
        pressing_threshold=pressing_threshold(share, policy) if claim else 0,
        is_pressing=bool(waiting) and share.path in fairness.pressing_since,
    )
