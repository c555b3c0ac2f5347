"""How the clusters of sites are reached: from here, or through the site's agent."""

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.usage_reader import SlurmUsageReader
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.scheduling.reaches import Reach
from allmende.domain.scheduling.slurm_policies import PolicyKeeper
from allmende.domain.scheduling.steering import Wheel
from allmende.services.usage_collecting import SiteKeepsNoUsage, UsageReader
from allmende.wiring import agents, machines
from allmende.wiring.factory import load_factory


def reach_of(site_id: str) -> Reach:
    """Return how the cluster of a site is reached."""
    site = load_factory().get_site(site_id)
    reach = agents.far_reach_of(site) if site.agent else machines.find_reach(site_id)
    assert reach is not None, "services refuse a site without a cluster"
    return reach


def policy_keeper_of(site_id: str) -> PolicyKeeper:
    """Return the cluster of a site, whose policy is kept."""
    return reach_of(site_id).policies()


def usage_reader(site: Site) -> UsageReader:
    """Return what reads the accounting of a site's cluster from here."""
    if site.slurm is None:
        raise SiteKeepsNoUsage(site=site.name)
    return SlurmUsageReader(SlurmClient(site.slurm))


def wheel_of(partition: Partition) -> Wheel:
    """Return by what a partition on a cluster is steered."""
    return reach_of(partition.site_id).wheel_of(partition)
