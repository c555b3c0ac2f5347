"""Events and records must tell the same story: every deed has its record, and the reverse."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from allmende.domain.accounting.ledger import digest_transfers
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import canonical, records
from allmende.domain.trust.audit import AuditEvent, Finding
from allmende.domain.trust.records import Record, Records

# What an event says of a record, by the names of its facts and of the record's fields.
SETTLED_FACTS = {
    "reason": "reason",
    "used_seconds": "used_seconds",
    "refunded_seconds": "refunded_seconds",
    "energy_joules": "energy_joules",
}
SUBMITTED_FACTS = {"project": "project_id", "data_class": "data_class"}


def check_testimonies(written: Records, events: Iterable[AuditEvent]) -> Iterator[Finding]:
    """Yield every record without its event, every event without its record, every contradiction."""
    events = list(events)
    settled = [record for record in written[records.ATTEMPTS] if record["settled_at"]]
    yield from _check_transfers(written, events)
    yield from _compare(
        (records.ATTEMPTS, "key"), settled, _of(events, "attempt.settled"), SETTLED_FACTS
    )
    yield from _compare(
        (records.JOBS, "id"),
        written[records.JOBS],
        _of(events, "job.submitted"),
        SUBMITTED_FACTS,
    )
    yield from _check_trainings(written)


WITHOUT_EVENT = Sentence("{id} stands here, but no event tells of it")
WITHOUT_RECORD = Sentence("event {number} tells of {id}, which is missing")
TOLD_TWICE = Sentence("event {number} tells of {id} once more")
CONTRADICTED = Sentence("{id}: event {number} says {told} for {fact}, the record says {found}")
TRANSFERS_DIFFER = Sentence("the transfers of event {number} are not those that it recorded")
TRAINING_MISSING = Sentence("the finished training {id} is missing")


def _of(events: Iterable[AuditEvent], action: str) -> list[AuditEvent]:
    return [event for event in events if event.action == action]


def _compare(
    where: tuple[str, str],
    found: Iterable[Record],
    events: Iterable[AuditEvent],
    names: Mapping[str, str],
) -> Iterator[Finding]:
    file, key = where
    by_id = {record[key]: record for record in found}
    told: set[str] = set()
    for event in events:
        record = by_id.get(event.subject)
        if event.subject in told:
            yield _finding(file, event.subject, TOLD_TWICE, number=event.number)
        elif record is None:
            yield _finding(file, event.subject, WITHOUT_RECORD, number=event.number)
        else:
            yield from _contradictions(file, event, record, names)
        told.add(event.subject)
    for record_id in by_id:
        if record_id not in told:
            yield _finding(file, record_id, WITHOUT_EVENT)


def _contradictions(
    file: str, event: AuditEvent, record: Record, names: Mapping[str, str]
) -> Iterator[Finding]:
    for fact, name in names.items():
        told, found = event.facts.get(fact), record[name]
        if told != found:
            facts = {"number": event.number, "fact": fact, "told": told, "found": found}
            yield _finding(file, event.subject, CONTRADICTED, **facts)


def _check_transfers(written: Records, events: Iterable[AuditEvent]) -> Iterator[Finding]:
    by_id = {record["id"]: record for record in written[records.TRANSFERS]}
    told: Counter[str] = Counter()
    for event in events:
        ids = event.facts.get("transfer_ids")
        if not isinstance(ids, list):
            continue
        told.update(str(each) for each in ids)
        missing = [each for each in ids if each not in by_id]
        for each in missing:
            yield _finding(records.TRANSFERS, each, WITHOUT_RECORD, number=event.number)
        if not missing:
            transfers = [records.transfer_of(by_id[str(each)]) for each in ids]
            if digest_transfers(transfers) != event.facts.get("transfers_digest"):
                place = f"event {event.number}"
                yield _finding(records.TRANSFERS, place, TRANSFERS_DIFFER, number=event.number)
    for each in by_id:
        if told[each] != 1:
            yield _finding(records.TRANSFERS, each, WITHOUT_EVENT if not told[each] else TWICE)


TWICE = Sentence("two events tell of {id}")


def _check_trainings(written: Records) -> Iterator[Finding]:
    known = {record["job_id"] for record in written[records.TRAININGS]}
    for job in written[records.JOBS]:
        if records.is_finished_training(job) and job["id"] not in known:
            yield _finding(records.TRAININGS, job["id"], TRAINING_MISSING)


def _finding(file: str, record_id: Any, kind: Sentence, **facts: Any) -> Finding:
    plain = {name: canonical.to_json(value) for name, value in facts.items()}
    problem = Sentence(kind.template, {"id": record_id, **plain})
    return Finding(place=f"{file} {record_id}", problem=problem)
