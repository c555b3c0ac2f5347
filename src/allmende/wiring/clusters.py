"""How the accounting of a site's cluster is read."""

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.usage_reader import SlurmUsageReader
from allmende.domain.basics.sites import Site
from allmende.services.usage_collecting import SiteKeepsNoUsage, UsageReader


def usage_reader(site: Site) -> UsageReader:
    """Return what reads the accounting of a site's cluster from here."""
    if site.slurm is None:
        raise SiteKeepsNoUsage(site=site.name)
    return SlurmUsageReader(SlurmClient(site.slurm))
