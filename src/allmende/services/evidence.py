"""The evidence: every record written down, anchored in the audit chain, and exported."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.sites import Factory
from allmende.domain.trust import anchors, canonical, records
from allmende.domain.trust import evidence as sealed
from allmende.domain.trust.audit import Head
from allmende.domain.trust.facts import Targets
from allmende.domain.trust.gathering import gather_evidence
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.domain.trust.promises import evaluate_promises
from allmende.domain.trust.records import Record, Records
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import applications as application_store
from allmende.storage import audit as audit_store
from allmende.storage import awards as award_store
from allmende.storage import cycles as cycle_store
from allmende.storage import jobs as job_store
from allmende.storage import ledger as ledger_store
from allmende.storage import trained_models as model_store
from allmende.storage import usage as usage_store

# Applications are read page by page, because their forms are long.
PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Export:
    """The files of an export, line by line, and the manifest that lists them."""

    files: Mapping[str, tuple[str, ...]]
    manifest: Record
    head: Head


@one_transaction
def export_evidence(deed: Deed, *, factory: Factory, rules: AccessRules) -> Export:
    """Write everything down as it stands now; the last event holds the digest of every file."""
    check_permission(deed.actor, Permission.EXPORT_EVIDENCE)
    audit_store.lock_head()  # nobody else's deed is finished before the export is
    written = gather_records(factory=factory, rules=rules, now=deed.now)
    anchor_records(deed, written)
    written[records.EVENTS] = _events()
    results = evaluate_promises(gather_evidence(written, at=deed.now))
    written[records.PROMISES] = [_plain(result) for result in results]
    files = {
        name: tuple(records.render_records(written[name]))
        for name in records.FILES
        if name != records.EVENTS
    }
    described = sealed.describe_files(files)
    audit.record(deed, action=sealed.EXPORTED, subject="evidence", files=described)
    files[records.EVENTS] = tuple(records.render_records(_events()))
    head = audit_store.get_head()
    exported_at = canonical.render_instant(deed.now)
    manifest = sealed.write_manifest(files, head=head, exported_at=exported_at)
    return Export(files=files, manifest=manifest, head=head)


def anchor_records(deed: Deed, written: Records) -> None:
    """Put the digests of what was finished since the last anchor into the audit chain."""
    events = audit_store.list_all_events(action=anchors.ANCHORED)
    new = anchors.make_anchors(written, events)
    if new:
        audit.record(deed, action=anchors.ANCHORED, subject="evidence", files=new)


def gather_records(
    *, factory: Factory, rules: AccessRules, now: datetime
) -> dict[str, list[Record]]:
    """Return every record that the promises are judged by, as it would stand in a file."""
    written: dict[str, Iterator[Any]] = {
        records.FACTORY: _factory(factory, targets_from(factory, rules, now)),
        records.ACCOUNTS: _accounts(),
        records.TRANSFERS: map(records.record_of_transfer, ledger_store.iterate_transfers()),
        records.JOBS: map(records.record_of_job, job_store.list_all_jobs()),
        records.ATTEMPTS: map(records.record_of_attempt, job_store.list_all_attempts()),
        records.APPLICATIONS: _applications(),
        records.TRAININGS: _trainings(),
        records.PROMISES: iter(()),
    }
    plain = {name: [_plain(record) for record in found] for name, found in written.items()}
    return {**plain, records.CYCLES: _cycles(), records.EVENTS: _events()}


def targets_from(factory: Factory, rules: AccessRules, now: datetime) -> Targets:
    """Return the promised numbers that are in force today."""
    rule = rules.book.get("promise.sme_share", on=day_of(now), bound="least")
    percent = rules.book.number("promise.sme_share", on=day_of(now), bound="least")
    return Targets(
        countries=factory.countries,
        sme_share=Fraction(percent) / 100,
        sme_share_source=rule.source,
        renewable_share=_share(rules, "promise.renewable_share", now),
        heat_used_share=_share(rules, "promise.heat_used_share", now),
    )


def _share(rules: AccessRules, rule: str, now: datetime) -> Fraction:
    return Fraction(rules.book.number(rule, on=day_of(now))) / 100


def _factory(factory: Factory, targets: Targets) -> Iterator[Record]:
    yield records.record_of_factory(factory)
    yield records.record_of_targets(targets)
    for partition in factory.partitions:
        yield records.record_of_partition(partition)
    for each in usage_store.sum_usages():
        if each.project_id:  # what nobody was charged for is no evidence of a charge
            yield records.record_of_usage(each)


def _accounts() -> Iterator[Record]:
    balances = ledger_store.get_all_balances()
    for account in ledger_store.iterate_accounts():
        yield records.record_of_account(account, balances[account.id])


def _applications() -> Iterator[Record]:
    after = ""
    while page := application_store.list_applications(after=after, limit=PAGE):
        for application in page:
            if records.is_judged(application):
                award = award_store.find_award_of_application(application.id)
                yield records.record_of_application(application, award)
        after = page[-1].id


def _trainings() -> Iterator[Record]:
    for job in job_store.list_all_jobs():
        if records.is_finished_training(records.record_of_job(job)):
            yield records.record_of_training(job, model_store.find_model_of_job(job.id))


def _cycles() -> list[Record]:
    # Snapshots and plans are plain already, and large: they are taken as they are.
    return [
        {**vars(cycle), "at": canonical.render_instant(cycle.at)}
        for cycle in cycle_store.list_cycles()
    ]


def _events() -> list[Record]:
    return [_plain(event) for event in audit_store.iterate_events()]


def _plain(record: object) -> Record:
    plain = canonical.to_json(record)
    assert isinstance(plain, dict)
    return plain
