"""Steering: a cluster is looked at every few seconds, and told which groups are owed something.

What is decided is written down first, then told to the cluster: killed in between, the next look
finds what differs and tells it then. While a cluster gives no answer nothing is told, and its lags
stand still in the records; the next answer counts them on, as if what was seen last had held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Factory, Partition, ShareGroup
from allmende.domain.scheduling import steering
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.shares import MICRONODES
from allmende.domain.scheduling.steering import ClusterLook, Memory, Steering, Wheel
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.services.snapshots import policy_of, seconds_of, tree_of
from allmende.storage import projects as project_store
from allmende.storage import steering as store
from allmende.storage.steering import KeptLook

LOOK_SECONDS = 5  # between two looks
KEPT_EVERY_SECONDS = 30  # of the looks that show nothing new
# From a change in the queue to what Slurm makes of it: two looks, a cycle of its backfill (30 s
# unless told otherwise), and the end of a job with its epilog.
REACTION_SECONDS = 60
SHOWN_HOURS = 24
KEPT = timedelta(days=35)  # longer than anybody looks back; what is carried on is not among it


@dataclass(frozen=True, kw_only=True)
class SteeringReport:
    """What one look led to."""

    changed: tuple[str, ...] = ()  # the groups of which the cluster was told something
    trouble: Sentence | None = None  # what was refused; the next look tries again


@dataclass(frozen=True, kw_only=True)
class LagMark:
    """The lag of a group at a look; where the cluster gave no answer, the last one known."""

    at: datetime
    lag_node_seconds: float
    is_known: bool


@dataclass(frozen=True, kw_only=True)
class GroupCourse:
    """How a group with a guarantee fared in the last hours."""

    group: ShareGroup
    running_nodes: int
    waiting_nodes: int
    claimed_nodes: float  # that it may claim now
    lag_node_seconds: float
    worst_lag_node_seconds: float  # since the first look ever
    bound_node_seconds: float
    met_share: float | None  # of what it could claim in these hours; None: it claimed nothing
    is_raised: bool
    may_stop: tuple[str, ...]  # the groups whose jobs may be stopped for it
    marks: tuple[LagMark, ...]


@dataclass(frozen=True, kw_only=True)
class PartitionSteering:
    """How a partition was steered lately."""

    partition: Partition
    seen_at: datetime | None  # None: nobody looked in these hours
    is_answered: bool  # at the last look
    nodes_in_service: int
    courses: tuple[GroupCourse, ...]


def steer(
    deed: Deed,
    partition: Partition,
    *,
    wheel: Wheel,
    look_seconds: int = LOOK_SECONDS,
    reaction_seconds: int = REACTION_SECONDS,
) -> SteeringReport:
    """Look at a partition, and tell its cluster what follows; call it at every heartbeat.

    It does nothing until the last look is `look_seconds` old, nor where no group has a guarantee.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    if not any(group.guarantee for group in partition.groups):
        return SteeringReport()
    memory = _memory(deed, partition)
    age = seconds_of(deed.now) - memory.fairness.at_seconds  # below 0 when a clock was set back
    if memory.groups and 0 <= age < look_seconds:
        return SteeringReport()
    try:
        look = wheel.look()
    except Refusal as refusal:
        _note_silence(deed, partition)
        return SteeringReport(trouble=refusal.sentence)
    decided = _decide(deed, partition, look, reaction_seconds=reaction_seconds)
    try:
        return SteeringReport(changed=wheel.set_levels(decided.levels))
    except Refusal as refusal:
        return SteeringReport(trouble=refusal.sentence)


@one_transaction
def forget_old(deed: Deed) -> int:
    """Forget old looks; return how many there were."""
    check_permission(deed.actor, Permission.RUN_CYCLE)
    return store.delete_looks_before(deed.now - KEPT)


def list_steering(
    reader: Person, site_id: str, *, factory: Factory, now: datetime
) -> list[PartitionSteering]:
    """Return how the partitions of a site that a cluster runs were steered in the last hours."""
    check_permission(reader, Permission.SEE_FACTORY)
    site = factory.get_site(site_id)
    return [_steering(partition, now) for partition in site.partitions_on_slurm]


def _steering(partition: Partition, now: datetime) -> PartitionSteering:
    looks = list(store.list_looks(partition.id, since=now - timedelta(hours=SHOWN_HOURS)))
    last = looks[-1] if looks else None
    return PartitionSteering(
        partition=partition,
        seen_at=last.at if last else None,
        is_answered=last is not None and last.is_answered,
        nodes_in_service=last.nodes_in_service if last else 0,
        courses=tuple(
            _course(group, looks)
            for group in partition.groups
            if group.guarantee and last and last.find_group(group.id)
        ),
    )


def _course(group: ShareGroup, looks: Sequence[KeptLook]) -> GroupCourse:
    seen = [(look, each) for look in looks if (each := look.find_group(group.id))]
    first, last = seen[0][1], seen[-1][1]
    claimed = last.totals.entitled_micronode_seconds - first.totals.entitled_micronode_seconds
    met = last.totals.met_micronode_seconds - first.totals.met_micronode_seconds
    return GroupCourse(
        group=group,
        running_nodes=last.running_nodes,
        waiting_nodes=last.waiting_nodes,
        claimed_nodes=last.rate_micronodes / MICRONODES,
        lag_node_seconds=last.lag_micronode_seconds / MICRONODES,
        worst_lag_node_seconds=last.worst_lag_micronode_seconds / MICRONODES,
        bound_node_seconds=last.bound_micronode_seconds / MICRONODES,
        met_share=met / claimed if claimed else None,
        is_raised=last.is_raised,
        may_stop=last.may_stop,
        marks=tuple(
            LagMark(
                at=look.at,
                lag_node_seconds=each.lag_micronode_seconds / MICRONODES,
                is_known=look.is_answered,
            )
            for look, each in seen
        ),
    )


def steering_policy_of(partition: Partition) -> Policy:
    """Return the policy by which a cluster is steered.

    Where it preempts, Slurm may stop any job of a QOS: none is too precious for that.
    """
    policy = policy_of(partition)
    return replace(policy, max_unpreemptible_limit_seconds=0) if policy.preemption else policy


def _memory(deed: Deed, partition: Partition) -> Memory:
    kept = store.find_memory(partition.id)
    return Memory.from_json(kept) if kept else Memory.begin(seconds_of(deed.now))


@one_transaction
def _decide(
    deed: Deed, partition: Partition, look: ClusterLook, *, reaction_seconds: int
) -> Steering:
    """Decide, and write it down; nothing is told to the cluster before this is committed."""
    before = _memory(deed, partition)
    decided = steering.steer(
        before,
        look,
        at_seconds=seconds_of(deed.now),
        tree=tree_of(partition),
        policy=steering_policy_of(partition),
        group_of=_groups_of(look, partition),
        reaction_seconds=reaction_seconds,
    )
    store.save_memory(partition.id, decided.memory.to_json())
    kept = KeptLook(
        partition_id=partition.id,
        at=deed.now,
        is_answered=True,
        nodes_in_service=look.nodes_in_service,
        groups=decided.figures,
    )
    if _is_news(kept, store.find_last_look(partition.id)):
        store.add_look(kept)
    _record_changes(deed, partition, before, decided)
    return decided


def _groups_of(look: ClusterLook, partition: Partition) -> Mapping[str, str]:
    """Return the group of each account that is a project of ours, for jobs of another QOS."""
    known = {group.id for group in partition.groups}
    accounts = {job.account for job in look.jobs if job.qos not in known}
    projects = project_store.list_projects_by_id(accounts) if accounts else []
    return {project.id: project.group_id for project in projects}


def _is_news(look: KeptLook, last: KeptLook | None) -> bool:
    if last is None or not last.is_answered:
        return True
    if (look.at - last.at).total_seconds() >= KEPT_EVERY_SECONDS:
        return True
    return _levels(look) != _levels(last)


def _levels(look: KeptLook) -> list[tuple[str, bool, tuple[str, ...]]]:
    return [(group.group_id, group.is_raised, group.may_stop) for group in look.groups]


def _record_changes(deed: Deed, partition: Partition, before: Memory, decided: Steering) -> None:
    for group in decided.figures:
        was_raised = group.group_id in before.raised
        if group.is_raised != was_raised:
            audit.record(
                deed,
                action="steering.raised" if group.is_raised else "steering.lowered",
                subject=f"partition {partition.id}",
                group=group.group_id,
                running_nodes=group.running_nodes,
                waiting_nodes=group.waiting_nodes,
                lag_micronode_seconds=group.lag_micronode_seconds,
            )


@one_transaction
def _note_silence(deed: Deed, partition: Partition) -> None:
    """Note once that the cluster gives no answer, so that its lags are not known from here on."""
    last = store.find_last_look(partition.id)
    if last is not None and last.is_answered:
        store.add_look(replace(last, at=deed.now, is_answered=False))
