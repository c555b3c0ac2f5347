"""Usage of clusters for those who look: members their project's, staff everybody's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.accounting.usage import FINDINGS, Usage, UsageState, count_until
from allmende.domain.basics.people import Person
from allmende.domain.basics.sites import Factory, Partition
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import budgets, usage_collecting
from allmende.storage import usage as store
from allmende.storage.usage import Bookmark


@dataclass(frozen=True, kw_only=True)
class UsageLine:
    """A record, in the unit of its partition, with what it comes to so far."""

    usage: Usage
    unit: TimeUnit | None  # None: no partition of ours
    so_far_seconds: int


@dataclass(frozen=True, kw_only=True)
class SiteUsage:
    """How far a site was read, and what could not be charged, the newest first."""

    bookmark: Bookmark
    lines: tuple[UsageLine, ...]


def list_project_usage(
    reader: Person,
    project_id: str,
    *,
    factory: Factory,
    now: datetime,
    before: int = 0,
    limit: int = 100,
) -> list[UsageLine]:
    """Return a page of a project's runs on clusters, those that came last first."""
    check_permission(reader, Permission.SEE_BUDGET)
    budgets.check_visible(reader, project_id)
    found = store.list_usages(project_id=project_id, before=before, limit=limit)
    return _lines(found, factory, now=now)


def list_site_usage(
    reader: Person,
    site_id: str,
    *,
    factory: Factory,
    now: datetime,
    only_findings: bool = False,
    before: int = 0,
    limit: int = 100,
) -> SiteUsage:
    """Return a page of everybody's runs at a site, or of those that could not be charged."""
    check_permission(reader, Permission.SEE_EVERY_JOB)
    site = usage_collecting.get_site(factory, site_id)
    states: Iterable[UsageState] = FINDINGS if only_findings else ()
    found = store.list_usages(site_id=site.id, states=frozenset(states), before=before, limit=limit)
    return SiteUsage(
        bookmark=store.get_bookmark(usage_collecting.get_cluster(site)),
        lines=tuple(_lines(found, factory, now=now)),
    )


def _lines(found: Iterable[Usage], factory: Factory, *, now: datetime) -> list[UsageLine]:
    partitions = {partition.id: partition for partition in factory.partitions}
    return [_line(usage, partitions, now=now) for usage in found]


def _line(usage: Usage, partitions: Mapping[str, Partition], *, now: datetime) -> UsageLine:
    partition = partitions.get(usage.partition_id)
    return UsageLine(
        usage=usage,
        unit=partition.unit if partition else None,
        so_far_seconds=count_until(usage.record, partition, now=now),
    )
