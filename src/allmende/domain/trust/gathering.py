"""From written records to the facts that the promises are judged by; needs no database."""

import json
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from itertools import chain

from allmende.domain.accounting.findings import check_ledger
from allmende.domain.basics.sites import PartitionStatus
from allmende.domain.scheduling.fairness import lag_bound
from allmende.domain.scheduling.jobs import charged_seconds
from allmende.domain.scheduling.plans import Snapshot
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.recordings import read_snapshot, replays
from allmende.domain.scheduling.shares import MICRONODES
from allmende.domain.trust import canonical, records
from allmende.domain.trust.audit import Finding, parse_event, verify_chain
from allmende.domain.trust.facts import (
    AccountFact,
    ApplicationFact,
    AttemptFact,
    CycleFact,
    Evidence,
    GroupFact,
    TrainingFact,
    UsageFact,
)
from allmende.domain.trust.records import Record, Records


def gather_evidence(written: Records, *, at: datetime) -> Evidence:
    """Return the evidence that the records hold, as it stands at an instant."""
    targets = records.targets_of(written[records.FACTORY])
    events = [parse_event(record) for record in written[records.EVENTS]]
    return Evidence(
        at=at,
        targets=targets,
        cycles=tuple(_cycle(record) for record in written[records.CYCLES]),
        attempts=tuple(_attempts(written)),
        usages=tuple(
            UsageFact(**{name: record[name] for name in records.USAGE_FIELDS})
            for record in written[records.FACTORY]
            if record["record"] == "usage"
        ),
        accounts=tuple(_account(record) for record in written[records.ACCOUNTS]),
        ledger_findings=tuple(find_in_ledger(written)),
        applications=tuple(
            _application(record, targets.sme_group_id) for record in written[records.APPLICATIONS]
        ),
        trainings=tuple(
            TrainingFact(job_id=record["job_id"], documents=frozenset(record["documents"]))
            for record in written[records.TRAININGS]
        ),
        events=len(events),
        chain_findings=tuple(verify_chain(events)),
    )


def find_in_ledger(written: Records) -> Iterator[Finding]:
    """Yield what is wrong with the written ledger, replayed from its first transfer."""
    balances = {record["id"]: record["balance_seconds"] for record in written[records.ACCOUNTS]}
    findings = check_ledger(
        [records.account_of(record) for record in written[records.ACCOUNTS]],
        [records.transfer_of(record) for record in written[records.TRANSFERS]],
        balances,
    )
    for finding in findings:
        yield Finding(place=finding.subject, problem=finding.sentence)


# A plan is replayed once per process, not at every evaluation: the key is the whole record.
_REMEMBERED_MAX = 50_000
_remembered: dict[str, CycleFact] = {}


def _cycle(record: Record) -> CycleFact:
    key = canonical.digest(json.dumps(record, sort_keys=True))
    if key not in _remembered:
        if len(_remembered) >= _REMEMBERED_MAX:
            _remembered.clear()
        _remembered[key] = _replay_cycle(record)
    return _remembered[key]


def _replay_cycle(record: Record) -> CycleFact:
    snapshot, policy = read_snapshot(record["snapshot"])
    plan = record["plan"]
    started = (start[0] for start in plan["starts"])
    waiting = (wait["job_id"] for wait in plan["waits"])
    capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
    return CycleFact(
        number=record["number"],
        partition_id=record["partition_id"],
        at=canonical.parse_instant(record["at"]),
        capacity_nodes=capacity,
        pending_ids=tuple(job.id for job in snapshot.pending),
        answered_ids=tuple(chain(started, waiting)),
        groups=tuple(_group(group, snapshot, policy) for group in plan["groups"]),
        replays=replays(record["snapshot"], plan),
    )


def _group(record: Record, snapshot: Snapshot, policy: Policy) -> GroupFact:
    path = tuple(record["path"])
    capacity = snapshot.machine.capacity_at(snapshot.now_seconds)
    bound = lag_bound(snapshot.tree.get_group(path), capacity_nodes=capacity, policy=policy)
    # The worst lag ever is carried from cycle to cycle, over those that were not recorded too.
    worst = max(record["lag_micronode_seconds"], snapshot.fairness.worst_lags.get(path, 0))
    return GroupFact(
        group_id=path[-1],
        guaranteed_nodes=Fraction(record["claim_micronodes"], MICRONODES),
        running_nodes=record["running_nodes"],
        demand_nodes=record["demand_nodes"],
        lag_node_seconds=Fraction(worst, MICRONODES),
        bound_node_seconds=Fraction(bound, MICRONODES),
    )


def _attempts(written: Records) -> Iterator[AttemptFact]:
    jobs = {record["id"]: record for record in written[records.JOBS]}
    partitions = {
        record["id"]: record
        for record in written[records.FACTORY]
        if record["record"] == "partition"
    }
    for record in written[records.ATTEMPTS]:
        job = jobs[record["job_id"]]
        yield _attempt(record, job, partitions[job["partition_id"]])


def _attempt(record: Record, job: Record, partition: Record) -> AttemptFact:
    started, ended = (_instant(record[name]) for name in ("started_at", "ended_at"))
    metered = (
        charged_seconds(
            started, ended, nodes=len(record["nodes"]), charge_factor=partition["charge_factor"]
        )
        if ended
        else 0
    )
    if partition.get("status") == PartitionStatus.SLURM.value:
        # The cluster may have allocated a part of a node; its own records are judged for it.
        metered = record["used_seconds"]
    return AttemptFact(
        key=record["key"],
        project_id=job["project_id"],
        partition_id=job["partition_id"],
        access_share=job["access_share"],
        country=partition["country"],
        data_class=job["data_class"],
        reason=record["reason"] or "",
        is_settled=record["settled_at"] is not None,
        metered_seconds=metered,
        used_seconds=record["used_seconds"],
        refunded_seconds=record["refunded_seconds"],
        energy_joules=record["energy_joules"],
        energy_method=record["energy_method"],
        energy_scope=record["energy_scope"],
    )


def _account(record: Record) -> AccountFact:
    names = ("id", "kind", "owner_id", "partition_id", "access_share", "balance_seconds")
    return AccountFact(**{name: record[name] for name in names})


def _application(record: Record, sme_group_id: str) -> ApplicationFact:
    due_at = _instant(record["due_at"])
    assert due_at is not None, "only what was handed in is written down"
    return ApplicationFact(
        id=record["id"],
        is_from_sme=record["group_id"] == sme_group_id,
        access_share=record["access_share"],
        due_at=due_at,
        decided_at=_instant(record["decided_at"]),
        is_awarded=bool(record["award_id"]),
        price_cents=record["price_cents_per_hour"],
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else canonical.parse_instant(text)
