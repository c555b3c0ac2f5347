"""How the Slurm cluster of a site is reached, from beside it or through an agent."""

from typing import Protocol

from allmende.domain.basics.sites import Partition, Site
from allmende.domain.basics.usage_records import UsageReader
from allmende.domain.scheduling.nodes import ClusterNodes
from allmende.domain.scheduling.slurm_policies import PolicyKeeper
from allmende.domain.scheduling.steering import Wheel


class Reach(Protocol):
    """Everything that is asked of a cluster, and changed there, beside its jobs."""

    @property
    def site(self) -> Site:
        """Return the site, as it is configured here."""
        ...

    def nodes_of(self, partition: Partition) -> ClusterNodes:
        """Return the nodes of a partition."""
        ...

    def accounting(self) -> UsageReader:
        """Return the accounting of the cluster."""
        ...

    def policies(self) -> PolicyKeeper:
        """Return the cluster whose policy is kept."""
        ...

    def wheel_of(self, partition: Partition) -> Wheel:
        """Return by what a partition is steered."""
        ...
