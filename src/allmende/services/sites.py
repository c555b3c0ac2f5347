"""The sites of the factory, with what runs on them now."""

from dataclasses import dataclass

from allmende.domain.basics.people import Person
from allmende.domain.basics.sites import Factory, Partition, Site
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.forecasts import HitRate, get_hit_rate
from allmende.storage import jobs as job_store
from allmende.storage import nodes as node_store
from allmende.storage import queues as queue_store


@dataclass(frozen=True, kw_only=True)
class PartitionLoad:
    """How busy a partition is at this instant."""

    partition: Partition
    busy_nodes: int
    drained_nodes: int  # that get nothing new; of a cluster, those drained from here
    running_jobs: int
    pending_jobs: int
    hit_rate: HitRate  # of the starts that were forecast here


@dataclass(frozen=True, kw_only=True)
class SiteView:
    """A site and the load of each partition on which jobs run from here."""

    site: Site
    loads: tuple[PartitionLoad, ...]


def list_sites(reader: Person, *, factory: Factory) -> list[SiteView]:
    """Return all sites in the order of the configuration; everybody may see them."""
    check_permission(reader, Permission.SEE_FACTORY)
    return [_view(site) for site in factory.sites]


def get_site(reader: Person, site_id: str, *, factory: Factory) -> SiteView:
    """Return one site with its load."""
    check_permission(reader, Permission.SEE_FACTORY)
    return _view(factory.get_site(site_id))


def _view(site: Site) -> SiteView:
    driven = [partition for partition in site.partitions if partition.takes_jobs]
    return SiteView(site=site, loads=tuple(get_load(partition) for partition in driven))


def get_load(partition: Partition) -> PartitionLoad:
    """Return how many nodes and jobs are busy on a partition now."""
    alive = queue_store.list_alive_jobs(partition.id)
    unsettled = job_store.list_unsettled_attempts(partition.id)
    running = sum(1 for job in alive if job.state == "running")
    return PartitionLoad(
        partition=partition,
        busy_nodes=sum(len(attempt.nodes) for attempt in unsettled),
        drained_nodes=len(node_store.list_drained(partition.id)),
        running_jobs=running,
        pending_jobs=len(alive) - running,
        hit_rate=get_hit_rate(partition.id),
    )
