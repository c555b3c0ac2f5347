"""How the accounting of a site's cluster is read, and how the cluster is steered."""

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.reservations import SlurmReservations
from allmende.backends.slurm.steering import SlurmWheel
from allmende.backends.slurm.usage_reader import SlurmUsageReader
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.scheduling.cluster_reservations import ReservationKeeper
from allmende.domain.scheduling.steering import Wheel
from allmende.services.usage_collecting import SiteKeepsNoUsage, UsageReader


def usage_reader(site: Site) -> UsageReader:
    """Return what reads the accounting of a site's cluster from here."""
    if site.slurm is None:
        raise SiteKeepsNoUsage(site=site.name)
    return SlurmUsageReader(SlurmClient(site.slurm))


def reservations_of(site: Site) -> ReservationKeeper:
    """Return what keeps the reservations of a cluster that is reached from here."""
    assert site.slurm is not None, "a site with a partition on Slurm has a cluster"
    return SlurmReservations(SlurmClient(site.slurm))


def wheel_of(site: Site, partition: Partition) -> Wheel:
    """Return by what a partition is steered whose cluster is reached from here."""
    assert site.slurm is not None, "a partition on Slurm has a cluster"
    return SlurmWheel(SlurmClient(site.slurm), partition.name_on_slurm)
