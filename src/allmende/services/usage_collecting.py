"""Collecting: a cluster's accounting is read again and again, from where nothing was missing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Factory, Site
from allmende.domain.basics.usage_records import UsageReader, UsageRecord
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import usage
from allmende.services.deeds import Deed, one_transaction
from allmende.services.usage import Ingestion
from allmende.storage import usage as store
from allmende.storage.usage import Bookmark

# Clocks differ by minutes, and what a cluster writes late it usually writes within the hour.
OVERLAP = timedelta(hours=1)
# What was not heard of for so long is asked for no more.
LONGEST_SILENCE = timedelta(days=60)
ASKED_FOR_MAX = 10_000  # jobs in one reading; those that were silent for the longest come first
FIRST_READING = timedelta(days=31)


class SiteKeepsNoUsage(Refusal):
    """No accounting is read at {site}. Only a site with a Slurm cluster has one."""

    status = 404


class OtherCluster(Refusal):
    """The agent of {site} reports usage of another cluster than {cluster}. It was not taken."""

    status = 403


@dataclass(frozen=True, kw_only=True)
class Collection:
    """What one reading of a cluster brought."""

    cluster: str
    period: Period
    is_complete: bool  # the next reading begins where this one ended
    came: Ingestion


def collect(
    deed: Deed, site: Site, *, reader: UsageReader, since: datetime | None = None
) -> Collection:
    """Read what a cluster's accounting says since nothing was missing, and take it in.

    Killed at any point, the next reading carries on. While nothing answers, or the cluster has
    not told its accounting everything, the bookmark stays where it is.
    """
    check_permission(deed.actor, Permission.RECORD_USAGE)
    cluster = get_cluster(site)
    bookmark = store.get_bookmark(cluster)
    begin = since or _begin(bookmark, now=deed.now)
    period = Period(starts_at=min(begin, deed.now), ends_at=deed.now)
    try:
        # Asked first: what the cluster knew then is in the answer that follows.
        is_complete = reader.is_up_to_date()
        came = usage.ingest(deed, site, reader.read(period), read_at=deed.now)
        # What ran and is not named any more ended, it may be long before the period: so it is where
        # somebody closes a run by hand.
        unread = store.list_unread(
            cluster, since=deed.now - LONGEST_SILENCE, before=deed.now, limit=ASKED_FOR_MAX
        )
        came += usage.ingest(deed, site, reader.read_jobs(unread), read_at=deed.now)
    except Refusal as refusal:
        _keep(deed, replace(bookmark, trouble=refusal.sentence))
        raise
    came += usage.revisit(deed, site)
    if is_complete:
        # What was asked for from a later instant on says nothing of the time before.
        reached = bookmark.complete_until
        if since is None or (reached is not None and since <= reached):
            bookmark = replace(bookmark, complete_until=deed.now)
    _keep(deed, replace(bookmark, read_at=deed.now, trouble=None))
    return Collection(cluster=cluster, period=period, is_complete=is_complete, came=came)


def take_in(
    deed: Deed, site: Site, records: Sequence[UsageRecord], *, complete_until: datetime | None
) -> Ingestion:
    """Take in what the agent of a site read; `complete_until` is until when it misses nothing.

    It reads one after the other, so what comes later was read later, whatever its clock says.
    """
    check_permission(deed.actor, Permission.RECORD_USAGE)
    cluster = get_cluster(site)
    if any(record.cluster != cluster for record in records):
        raise OtherCluster(site=site.name, cluster=cluster)
    came = usage.ingest(deed, site, records, read_at=deed.now)
    bookmark = replace(store.get_bookmark(cluster), read_at=deed.now, trouble=None)
    if complete_until is not None:
        bookmark = replace(bookmark, complete_until=min(complete_until, deed.now))
    _keep(deed, bookmark)
    return came


def get_site(factory: Factory, site_id: str) -> Site:
    """Return a site whose accounting is read."""
    site = factory.get_site(site_id)
    get_cluster(site)
    return site


def get_cluster(site: Site) -> str:
    """Return the name of a site's cluster."""
    if site.slurm is None:
        raise SiteKeepsNoUsage(site=site.name)
    return site.slurm.cluster


def _begin(bookmark: Bookmark, *, now: datetime) -> datetime:
    """Return from when on to read: whatever ended since is told, and all that goes on."""
    return (bookmark.complete_until or now - FIRST_READING) - OVERLAP


@one_transaction
def _keep(_deed: Deed, bookmark: Bookmark) -> None:
    store.lock_cluster(bookmark.cluster)
    known = store.get_bookmark(bookmark.cluster).complete_until
    if known and (bookmark.complete_until is None or bookmark.complete_until < known):
        bookmark = replace(bookmark, complete_until=known)  # somebody else read on meanwhile
    store.save_bookmark(bookmark)
