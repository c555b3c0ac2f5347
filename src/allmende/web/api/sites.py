"""The sites, their partitions, and how busy they are."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from allmende.domain.basics.sites import PartitionStatus
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import sites
from allmende.services.sites import SiteView
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import PathId
from allmende.wiring.factory import load_factory

router = Router(tags=["sites"])


class HitRateOut(Schema):
    """How many of the latest ranges in which a start was told held; four in five should."""

    held: int
    forecasts: int


class PartitionOut(Schema):
    """A set of identical nodes; the load is null where no job is driven from here."""

    id: str
    name: str
    status: PartitionStatus
    unit: TimeUnit
    hardware: str
    nodes: int | None
    gpus_per_node: int
    source: str
    note: str
    planned_for: str
    busy_nodes: int | None
    drained_nodes: int | None
    running_jobs: int | None
    pending_jobs: int | None
    hit_rate: HitRateOut | None


class SiteOut(Schema):
    """A place with machines."""

    id: str
    name: str
    hosting_entity: str
    country: str
    latitude: float | None
    longitude: float | None
    focus: list[str]
    partitions: list[PartitionOut]


@router.get("", response=list[SiteOut], **takes(Permission.SEE_FACTORY))
def list_sites(request: HttpRequest) -> list[dict[str, Any]]:
    """List the sites in the order of the configuration."""
    views = sites.list_sites(get_actor(request), factory=load_factory())
    return [_to_json(view) for view in views]


@router.get("/{site_id}", response=SiteOut, **takes(Permission.SEE_FACTORY))
def get_site(request: HttpRequest, site_id: PathId) -> dict[str, Any]:
    """Return one site."""
    return _to_json(sites.get_site(get_actor(request), site_id, factory=load_factory()))


def _to_json(view: SiteView) -> dict[str, Any]:
    loads = {load.partition.id: load for load in view.loads}
    names = ("busy_nodes", "drained_nodes", "running_jobs", "pending_jobs", "hit_rate")
    partitions = [
        {
            **{name: getattr(partition, name, None) for name in PartitionOut.model_fields},
            **{name: getattr(loads.get(partition.id), name, None) for name in names},
        }
        for partition in view.site.partitions
    ]
    site = {name: getattr(view.site, name) for name in SiteOut.model_fields}
    return {**site, "partitions": partitions}
