"""The nodes of the partitions on which jobs run, and for which group each works now."""

from dataclasses import dataclass

from allmende.domain.basics.people import Person
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.storage import jobs as job_store
from allmende.storage import queues as queue_store


@dataclass(frozen=True, kw_only=True)
class NodeUse:
    """A node and the group it works for; the public learns neither the project nor the person."""

    name: str
    group_id: str = ""  # "" while it is free
    group_name: str = ""


@dataclass(frozen=True, kw_only=True)
class PartitionUse:
    """The nodes of one partition at this instant, and how many jobs wait for them."""

    partition: Partition
    nodes: tuple[NodeUse, ...]
    waiting_jobs: int

    @property
    def busy_nodes(self) -> int:
        """Return how many nodes work."""
        return sum(1 for node in self.nodes if node.group_id)


def list_node_uses(reader: Person, *, factory: Factory) -> list[PartitionUse]:
    """Return what each node of the embedded partitions does now; everybody may see it."""
    check_permission(reader, Permission.SEE_FACTORY)
    return [_use(partition) for partition in factory.partitions if partition.is_embedded]


def _use(partition: Partition) -> PartitionUse:
    alive = queue_store.list_alive_jobs(partition.id)
    group_ids = {job.id: job.group_id for job in alive}
    owners = {
        node: group_ids.get(attempt.job_id, "")
        for attempt in job_store.list_unsettled_attempts(partition.id)
        for node in attempt.nodes
    }
    names = {group.id: group.name for group in partition.groups}
    return PartitionUse(
        partition=partition,
        nodes=tuple(
            NodeUse(
                name=name,
                group_id=owners.get(name, ""),
                group_name=names.get(owners.get(name, ""), ""),
            )
            for name in partition.node_names
        ),
        waiting_jobs=sum(1 for job in alive if job.state is JobState.PENDING),
    )
