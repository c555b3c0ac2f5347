"""The incident log: operators say what goes wrong, everybody reads it, and records say the rest.

How many jobs an incident cost, and what came back for them, is counted from the attempts that ended
because a node died; nobody types it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from allmende.domain.basics.people import Person
from allmende.domain.basics.sites import Factory
from allmende.domain.trust.incidents import (
    Incident,
    IncidentEntry,
    LostAttempt,
    Report,
    check_report,
    covers,
    is_touched,
)
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import agents as agent_store
from allmende.storage import incidents as store

# Within it, nodes that died and of which no incident tells are worth a question.
SUGGESTED_FOR = timedelta(days=1)
RECENT = 20  # incidents that a report may be the repetition of


@dataclass(frozen=True, kw_only=True)
class IncidentView:
    """An incident as a reader may see it: counts for everybody, names for the staff."""

    incident: Incident
    place: str  # the name of the site, and of the partition where only one is meant
    lost_attempts: int
    refunded_seconds: int
    lost: tuple[LostAttempt, ...] = ()  # empty for whoever may not see every job


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """Nodes of a partition died, or the agent of a site is cut off, and no incident says so."""

    site_id: str
    partition_id: str = ""  # "" for the whole site: its agent
    place: str
    began_at: datetime  # when the first node died, or when the agent called in last
    lost_attempts: int = 0


@one_transaction
def report_incident(deed: Deed, report: Report, *, factory: Factory) -> Incident:
    """Open an incident. The same said again, also as of a later beginning, changes nothing."""
    check_permission(deed.actor, Permission.REPORT_INCIDENT)
    report = _tidy(report)
    check_report(report, factory=factory, now=deed.now)
    store.lock_entries()
    for known in store.list_incidents(limit=RECENT):
        first = known.entries[0].report
        again = replace(first, began_at=report.began_at) if known.is_open else first
        if again == report:
            return known
    return _add(deed, deed.new_id("in"), 1, report)


@one_transaction
def amend_incident(deed: Deed, incident_id: str, report: Report, *, factory: Factory) -> Incident:
    """Say something new of an incident, as a further entry; the same again changes nothing."""
    check_permission(deed.actor, Permission.REPORT_INCIDENT)
    report = _tidy(report)
    check_report(report, factory=factory, now=deed.now)
    store.lock_entries()
    known = store.get_incident(incident_id)
    if known.now == report:
        return known
    return _add(deed, known.id, len(known.entries) + 1, report)


def list_incidents(
    reader: Person, *, factory: Factory, site_id: str = "", after: str = "", limit: int = 50
) -> list[IncidentView]:
    """Return incidents, of one site or of all, those noted last first; everybody may read them."""
    check_permission(reader, Permission.SEE_FACTORY)
    if site_id:
        factory.get_site(site_id)
    found = store.list_incidents(site_id=site_id, after=after, limit=limit)
    return _views(reader, found, factory)


def list_open_incidents(reader: Person, *, factory: Factory) -> list[IncidentView]:
    """Return the incidents that last; everybody may read them."""
    check_permission(reader, Permission.SEE_FACTORY)
    return _views(reader, store.list_open(), factory)


def get_incident(reader: Person, incident_id: str, *, factory: Factory) -> IncidentView:
    """Return one incident."""
    check_permission(reader, Permission.SEE_FACTORY)
    (view,) = _views(reader, [store.get_incident(incident_id)], factory)
    return view


def list_suggestions(reader: Person, *, factory: Factory, now: datetime) -> list[Suggestion]:
    """Return what no incident tells of: nodes that died within a day, agents that are cut off."""
    check_permission(reader, Permission.REPORT_INCIDENT)
    told = [incident.now for incident in store.list_incidents(limit=100)]
    return [*_suggest_nodes(told, factory, now=now), *_suggest_agents(told, factory, now=now)]


def _suggest_nodes(
    told: Sequence[Report], factory: Factory, *, now: datetime
) -> Iterator[Suggestion]:
    sites = _sites(factory)
    lost = store.list_lost_attempts(since=now - SUGGESTED_FOR, partition_ids=sites)
    untold = [each for each in lost if not any(is_touched(one, each, sites=sites) for one in told)]
    for partition_id in sites:
        if there := [each for each in untold if each.partition_id == partition_id]:
            yield Suggestion(
                site_id=sites[partition_id],
                partition_id=partition_id,
                place=factory.get_partition(partition_id).name,
                began_at=there[0].ended_at,
                lost_attempts=len(there),
            )


def _suggest_agents(
    told: Sequence[Report], factory: Factory, *, now: datetime
) -> Iterator[Suggestion]:
    names = {site.id: site.name for site in factory.sites}
    for agent in agent_store.list_all_working():
        called_at = agent.last_contact_at  # one that never called was never there to be lost
        if called_at is None or not agent.is_quiet(now) or agent.site_id not in names:
            continue
        if not any(covers(one, agent.site_id, since=called_at) for one in told):
            yield Suggestion(site_id=agent.site_id, place=names[agent.site_id], began_at=called_at)


def _views(reader: Person, found: Sequence[Incident], factory: Factory) -> list[IncidentView]:
    """Return the incidents with what they cost; all their attempts are read in one question."""
    if not found:
        return []
    sites = _sites(factory)
    since = min(incident.now.began_at for incident in found)
    lost = store.list_lost_attempts(since=since, partition_ids=sites)
    is_staff = can_do(reader, Permission.SEE_EVERY_JOB)
    views = []
    for incident in found:
        own = tuple(each for each in lost if is_touched(incident.now, each, sites=sites))
        views.append(
            IncidentView(
                incident=incident if is_staff else _for_everybody(incident),
                place=_place(incident.now, factory),
                lost_attempts=len(own),
                refunded_seconds=sum(each.refunded_seconds for each in own),
                lost=own if is_staff else (),
            )
        )
    return views


def _place(report: Report, factory: Factory) -> str:
    site = factory.get_site(report.site_id).name
    if not report.partition_id:
        return site
    return f"{site}: {factory.get_partition(report.partition_id).name}"


def _for_everybody(incident: Incident) -> Incident:
    """Return it without notes and without who wrote what."""
    entries = (
        replace(entry, by="", report=replace(entry.report, note="")) for entry in incident.entries
    )
    return replace(incident, entries=tuple(entries))


def _add(deed: Deed, incident_id: str, number: int, report: Report) -> Incident:
    store.add_entry(
        IncidentEntry(
            incident_id=incident_id, number=number, report=report, at=deed.now, by=deed.actor.id
        )
    )
    audit.record(
        deed,
        action="incident.reported" if number == 1 else "incident.amended",
        subject=incident_id,
        entry=number,
        site=report.site_id,
        partition=report.partition_id,
        impact=report.impact.value,
        began_at=report.began_at.isoformat(),
        ended_at=report.ended_at.isoformat() if report.ended_at else "",
    )
    return store.get_incident(incident_id)


def _tidy(report: Report) -> Report:
    return replace(report, words=" ".join(report.words.split()), note=" ".join(report.note.split()))


def _sites(factory: Factory) -> dict[str, str]:
    return {partition.id: partition.site_id for partition in factory.partitions}
