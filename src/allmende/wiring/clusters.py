"""How the clusters of sites are reached: from here, or through the site's agent."""

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.reservations import SlurmReservations
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.basics.usage_records import UsageReader
from allmende.domain.scheduling.cluster_reservations import ReservationKeeper
from allmende.domain.scheduling.reaches import Reach
from allmende.domain.scheduling.slurm_policies import PolicyKeeper
from allmende.domain.scheduling.steering import Wheel
from allmende.services.usage_collecting import SiteKeepsNoUsage
from allmende.wiring import agents
from allmende.wiring.factory import load_factory
from allmende.wiring.machines import SlurmReach


def reach_of(site: Site) -> Reach:
    """Return how the cluster of a site is reached."""
    return agents.far_reach_of(site) if site.agent else SlurmReach(site)


def policy_keeper_of(site_id: str) -> PolicyKeeper:
    """Return the cluster of a site, whose policy is kept."""
    return reach_of(load_factory().get_site(site_id)).policies()


def usage_reader(site: Site) -> UsageReader:
    """Return what reads the accounting of a site's cluster."""
    if site.slurm is None:
        raise SiteKeepsNoUsage(site=site.name)
    return reach_of(site).accounting()


def reservations_of(site: Site) -> ReservationKeeper:
    """Return what keeps the reservations of a cluster that is reached from here."""
    assert site.slurm is not None, "a site with a partition on Slurm has a cluster"
    return SlurmReservations(SlurmClient(site.slurm))


def wheel_of(site: Site, partition: Partition) -> Wheel:
    """Return by what a partition on a cluster is steered."""
    return reach_of(site).wheel_of(partition)
