"""Drained nodes: they finish what they run, get nothing new, and come back into service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from allmende.domain.basics.characters import check_written
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.scheduling.jobs import Job
from allmende.domain.scheduling.nodes import LONGEST_REASON, NodeDrain, NodeStatus, check_node
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.services.snapshots import ends_by_of
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store
from allmende.storage import nodes as store
from allmende.storage import queues as queue_store


class NoNodesHere(Refusal):
    """No job runs on {partition} from here, so none of its nodes can be drained."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """A node as its operators see it."""

    name: str
    state: str  # "idle", "busy", "drained", "draining", "down", or the cluster's own words
    job_ids: tuple[str, ...] = ()
    ends_by: datetime | None = None  # when the last of its jobs has left it, at the latest
    reason: str = ""
    drained_at: datetime | None = None
    drained_by: str = ""

    @property
    def is_drained(self) -> bool:
        """Say whether it gets nothing new."""
        return self.state in ("drained", "draining")


def list_nodes(
    reader: Person, partition_id: str, *, now: datetime, workshop: Workshop
) -> list[NodeView]:
    """Return the nodes of a partition, what each runs, and which are drained and why."""
    check_permission(reader, Permission.MANAGE_NODES)
    partition = check_partition(partition_id, workshop.factory)
    jobs = jobs_by_node(partition, now)
    drains = {each.node: each for each in store.list_drains(partition.id)}
    return [
        _view(status, jobs.get(status.name, ()), drains.get(status.name))
        for status in list_statuses(partition, workshop, drains=set(drains), busy=set(jobs))
    ]


def drain_node(
    deed: Deed, partition_id: str, node: str, *, reason: str, workshop: Workshop
) -> NodeDrain:
    """Let a node finish what it runs, and give it nothing new. Draining it again changes nothing.

    A cluster is told first: should we fail after it, the repetition writes it down.
    """
    check_permission(deed.actor, Permission.MANAGE_NODES)
    partition = check_partition(partition_id, workshop.factory)
    reason = " ".join(reason.split())
    check_written("reason", reason, most=LONGEST_REASON)
    _check_known(partition, node, workshop)
    known = store.find_drain(partition.id, node)
    if known is not None:
        return known
    if partition.is_on_slurm:
        workshop.cluster_nodes_of(partition.id).drain(node, reason=reason)
    return _note_drained(deed, partition, node, reason=reason)


@one_transaction
def _note_drained(deed: Deed, partition: Partition, node: str, *, reason: str) -> NodeDrain:
    # Plans take the same lock, so that no job starts there after this is committed.
    queue_store.lock_alive_jobs(partition.id)
    known = store.find_drain(partition.id, node)
    if known is not None:
        return known
    drain = NodeDrain(
        partition_id=partition.id,
        node=node,
        reason=reason,
        drained_at=deed.now,
        drained_by=deed.actor.id,
    )
    store.add_drain(drain)
    audit.record(deed, action="node.drained", subject=f"{partition.id}:{node}")
    return drain


def resume_node(deed: Deed, partition_id: str, node: str, *, workshop: Workshop) -> None:
    """Put a node back into service; one that is in service stays so."""
    check_permission(deed.actor, Permission.MANAGE_NODES)
    partition = check_partition(partition_id, workshop.factory)
    if partition.is_on_slurm:
        _check_known(partition, node, workshop)
        workshop.cluster_nodes_of(partition.id).resume(node)
    elif store.find_drain(partition.id, node) is None:  # one that the configuration dropped too
        _check_known(partition, node, workshop)
    _note_resumed(deed, partition, node)


@one_transaction
def _note_resumed(deed: Deed, partition: Partition, node: str) -> None:
    if store.find_drain(partition.id, node) is None:
        return
    store.end_drain(partition.id, node, at=deed.now, by=deed.actor.id)
    audit.record(deed, action="node.resumed", subject=f"{partition.id}:{node}")


def check_partition(partition_id: str, factory: Factory) -> Partition:
    """Return a partition on which jobs run from here, or refuse."""
    partition = factory.get_partition(partition_id)
    if not partition.takes_jobs:
        raise NoNodesHere(partition=partition.name)
    return partition


def _check_known(partition: Partition, node: str, workshop: Workshop) -> None:
    names = [each.name for each in list_statuses(partition, workshop, drains=set(), busy=set())]
    check_node(partition.name, node, known=tuple(names))


def list_statuses(
    partition: Partition, workshop: Workshop, *, drains: set[str], busy: set[str]
) -> list[NodeStatus]:
    """Return what is known of each node; of a cluster's, what it says itself."""
    if partition.is_on_slurm:
        return workshop.cluster_nodes_of(partition.id).list_nodes()
    return [
        NodeStatus(name=name, state="", is_drained=name in drains, is_busy=name in busy)
        for name in partition.node_names
    ]


def _view(
    status: NodeStatus, jobs: Sequence[tuple[Job, datetime]], drain: NodeDrain | None
) -> NodeView:
    is_busy = status.is_busy or bool(jobs)
    if status.is_drained:
        state = "draining" if is_busy else "drained"
    elif status.is_down:
        state = "down"
    else:
        state = "busy" if is_busy else "idle"
    return NodeView(
        name=status.name,
        state=state,
        job_ids=tuple(job.id for job, _ in jobs),
        ends_by=max((ends_by for _, ends_by in jobs), default=None),
        reason=drain.reason if drain and status.is_drained else status.reason,
        drained_at=drain.drained_at if drain and status.is_drained else None,
        drained_by=drain.drained_by if drain and status.is_drained else "",
    )


def jobs_by_node(partition: Partition, now: datetime) -> dict[str, list[tuple[Job, datetime]]]:
    """Return the jobs on each node, and until when each may take at most."""
    alive = {job.id: job for job in queue_store.list_alive_jobs(partition.id)}
    found: dict[str, list[tuple[Job, datetime]]] = {}
    for attempt in job_store.list_unsettled_attempts(partition.id):
        job = alive.get(attempt.job_id)
        if job is None:
            continue
        ends_by = datetime.fromtimestamp(ends_by_of(job, attempt, now), UTC)
        for node in attempt.nodes:
            found.setdefault(node, []).append((job, ends_by))
    return found
