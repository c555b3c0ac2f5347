"""Figures for a monitoring system: how the machines and this installation fare, and nobody's name.

A constant number of questions, however many jobs and partitions there are.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allmende import __version__
from allmende.domain.basics.metrics import Metric, MetricKind, Sample
from allmende.domain.basics.people import Person
from allmende.domain.basics.sites import Factory, Partition, Site
from allmende.domain.scheduling.fairness import lag_bound
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.scheduling.shares import MICRONODES
from allmende.domain.trust.agents import Agent
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.leases import LEASE_SECONDS
from allmende.services.snapshots import policy_of, tree_of
from allmende.storage import agents as agent_store
from allmende.storage import audit as audit_store
from allmende.storage import incidents as incident_store
from allmende.storage import messages as message_store
from allmende.storage import metrics as store
from allmende.storage import nodes as node_store
from allmende.storage.metrics import AliveJobs


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The partitions that are asked for, and what the database says of all of them."""

    now: datetime
    partitions: Sequence[Partition]
    alive: Sequence[AliveJobs]
    drained: Mapping[str, int]
    agents: Sequence[Agent]
    plans: Mapping[str, dict[str, Any]]


def list_metrics(
    reader: Person, *, now: datetime, factory: Factory, site_id: str = ""
) -> list[Metric]:
    """Return the figures of one site, or of all of them and of this installation."""
    check_permission(reader, Permission.SEE_METRICS)
    sites = [factory.get_site(site_id)] if site_id else factory.sites
    seen = _Seen(
        now=now,
        partitions=[each for site in sites for each in site.partitions if each.takes_jobs],
        alive=store.count_alive_jobs(),
        drained=node_store.count_drained(),
        agents=agent_store.list_all_working(),
        plans=store.list_fairness_states(),
    )
    own = [] if site_id else list(_measure_installation(now))
    return [
        *_measure_jobs(seen),
        *_measure_nodes(seen),
        *_measure_groups(seen),
        _measure_agents(sites, seen),
        _count_incidents(sites),
        *own,
    ]


def _measure_jobs(seen: _Seen) -> Iterator[Metric]:
    rows = [
        (partition, row)
        for partition in seen.partitions
        for row in seen.alive
        if row.partition_id == partition.id
    ]

    def of(state: JobState, value: Callable[[AliveJobs], int]) -> list[Sample]:
        return [
            Sample(value=value(row), labels=_labels(partition, group=row.group_id))
            for partition, row in rows
            if row.state == state
        ]

    yield _gauge(
        "jobs",
        "Jobs that wait or run.",
        [
            Sample(value=row.jobs, labels=_labels(each, group=row.group_id, state=row.state))
            for each, row in rows
        ],
    )
    yield _gauge(
        "oldest_waiting_job_seconds",
        "How long the oldest waiting job has waited.",
        of(JobState.PENDING, lambda row: _age(row.submitted_at, seen.now)),
    )
    yield _gauge(
        "nodes_wanted",
        "Nodes that waiting jobs ask for.",
        of(JobState.PENDING, lambda row: row.nodes),
    )
    yield _gauge(
        "nodes_busy",
        "Nodes on which jobs of a group run.",
        of(JobState.RUNNING, lambda row: row.nodes),
    )


def _measure_nodes(seen: _Seen) -> Iterator[Metric]:
    yield _gauge(
        "nodes",
        "Nodes of the partition, drained ones among them.",
        [Sample(value=p.nodes, labels=_labels(p)) for p in seen.partitions if p.nodes],
    )
    yield _gauge(
        "nodes_drained",
        "Nodes that were drained from here and get nothing new.",
        [Sample(value=seen.drained.get(p.id, 0), labels=_labels(p)) for p in seen.partitions],
    )
    yield _gauge(
        "plan_age_seconds",
        "How long ago the partition was planned last.",
        [
            Sample(
                value=max(
                    0, int(seen.now.timestamp()) - seen.plans[p.id]["fairness"]["at_seconds"]
                ),
                labels=_labels(p),
            )
            for p in seen.partitions
            if p.id in seen.plans
        ],
    )


def _measure_groups(seen: _Seen) -> Iterator[Metric]:
    """Yield how far each guaranteed group is behind, and the bound that it never passes."""
    lags, bounds, claims = [], [], []
    for partition in seen.partitions:
        capacity = (partition.nodes or 0) - seen.drained.get(partition.id, 0)
        policy, tree = policy_of(partition), tree_of(partition)
        kept = seen.plans.get(partition.id, {}).get("groups", ())
        behind = {tuple(each["path"]): each["lag_micronode_seconds"] for each in kept}
        for share in tree.groups:
            if not share.guarantee_ppm:
                continue
            labels = _labels(partition, group=share.path[0])
            bound = lag_bound(share, capacity_nodes=capacity, policy=policy)
            claim = share.claim_micronodes(capacity)
            lag = behind.get(share.path, 0)
            lags.append(Sample(value=lag / MICRONODES, labels=labels))
            bounds.append(Sample(value=bound / MICRONODES, labels=labels))
            claims.append(Sample(value=claim / MICRONODES, labels=labels))
    yield _gauge("group_guaranteed_nodes", "Nodes that a group can always claim.", claims)
    yield _gauge("group_lag_node_seconds", "How far a group is behind its guarantee.", lags)
    yield _gauge("group_lag_bound_node_seconds", "The lag that it never passes.", bounds)


def _measure_agents(sites: Sequence[Site], seen: _Seen) -> Metric:
    asked = {site.id for site in sites}
    return _gauge(
        "agent_contact_age_seconds",
        "How long ago the agent of the site called in; absent where none ever did.",
        [
            Sample(value=_age(agent.last_contact_at, seen.now), labels={"site": agent.site_id})
            for agent in seen.agents
            if agent.last_contact_at and agent.site_id in asked
        ],
    )


def _count_incidents(sites: Sequence[Site]) -> Metric:
    lasting = Counter(incident.now.site_id for incident in incident_store.list_open())
    return _gauge(
        "incidents_open",
        "Incidents that last.",
        [Sample(value=lasting[site.id], labels={"site": site.id}) for site in sites],
    )


def _measure_installation(now: datetime) -> Iterator[Metric]:
    yield _gauge(
        "info", "The version that runs.", [Sample(value=1, labels={"version": __version__})]
    )
    lease_ends_at = store.find_lease_end("daemon")
    if lease_ends_at is not None:
        age = LEASE_SECONDS - (lease_ends_at - now).total_seconds()
        yield _gauge(
            "heartbeat_age_seconds",
            "How long ago the leading daemon renewed its lead; absent while nobody leads.",
            [Sample(value=max(0.0, round(age, 3)), labels={})],
        )
    yield _gauge("database_bytes", "What the database takes.", [_alone(store.measure_database())])
    yield _gauge(
        "mails",
        "Mails by state.",
        [
            Sample(value=count, labels={"state": state.value})
            for state, count in sorted(message_store.count_by_state().items())
        ],
    )
    yield _counter("audit_events", "Events of the audit trail.", audit_store.get_head().number)
    yield _counter("ledger_transfers", "Transfers of the ledger.", store.count_transfers())


def _gauge(name: str, text: str, samples: Sequence[Sample]) -> Metric:
    return Metric(name=f"allmende_{name}", help=text, samples=tuple(samples))


def _counter(name: str, text: str, value: int) -> Metric:
    kind = MetricKind.COUNTER
    return Metric(name=f"allmende_{name}_total", help=text, samples=(_alone(value),), kind=kind)


def _alone(value: float) -> Sample:
    return Sample(value=value, labels={})


def _labels(partition: Partition, **more: str) -> dict[str, str]:
    return {"site": partition.site_id, "partition": partition.id, **more}


def _age(instant: datetime, now: datetime) -> int:
    return max(0, round((now - instant).total_seconds()))
