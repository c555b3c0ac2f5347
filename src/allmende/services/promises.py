"""The promises: judged by the evidence of the database, shown to everybody."""

from dataclasses import replace

from allmende.domain.access.calls import AccessRules
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import Factory
from allmende.domain.trust import promises
from allmende.domain.trust.gathering import gather_evidence
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.domain.trust.records import Records
from allmende.domain.trust.verdicts import EvidenceRow, PromiseResult
from allmende.services import audit, evidence
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import audit as audit_store
from allmende.storage import evidence as evidence_store
from allmende.storage import promises as store

# Rows about these belong to nobody; all others are shown to those who see every job.
PUBLIC_RECORDS = ("partition", "cycle", "ledger", "audit", "event", "meter")


def evaluate_promises(
    deed: Deed, *, factory: Factory, rules: AccessRules
) -> tuple[PromiseResult, ...]:
    """Judge every promise now, keep the results, and anchor what was finished since last time.

    Judging takes a while, so nobody is kept waiting: only keeping the results is a transaction.
    """
    check_permission(deed.actor, Permission.EXPORT_EVIDENCE)
    with evidence_store.one_snapshot():
        written = evidence.gather_records(factory=factory, rules=rules, now=deed.now)
    results = promises.evaluate_promises(gather_evidence(written, at=deed.now))
    _keep(deed, results, written=written)
    return results


@one_transaction
def _keep(deed: Deed, results: tuple[PromiseResult, ...], *, written: Records) -> None:
    audit_store.lock_head()
    earlier = {result.promise_id: result.verdict for result in store.list_results()}
    store.save_results(results)
    evidence.anchor_records(deed, written)
    verdicts = {result.promise_id: result.verdict for result in results}
    if verdicts != earlier:
        audit.record(deed, action="promises.evaluated", subject="promises", verdicts=verdicts)


def list_promises(reader: Person) -> list[PromiseResult]:
    """Return every promise with its newest result, without the single records."""
    check_permission(reader, Permission.SEE_PROMISES)
    return [replace(result, rows=()) for result in _results()]


def get_promise(reader: Person, promise_id: str) -> PromiseResult:
    """Return one promise with the records that the reader may see."""
    check_permission(reader, Permission.SEE_PROMISES)
    for result in _results():
        if result.promise_id == promise_id:
            rows = tuple(row for row in result.rows if _may_see(reader, row))
            return replace(result, rows=rows)
    raise NotFound(kind="promise", id=promise_id)


def _results() -> list[PromiseResult]:
    return store.list_results()


def _may_see(reader: Person, row: EvidenceRow) -> bool:
    return row.record.split()[0] in PUBLIC_RECORDS or can_do(reader, Permission.SEE_EVERY_JOB)
