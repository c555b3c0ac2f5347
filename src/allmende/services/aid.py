"""De minimis aid: checked and recorded with the award, then entered in the central register."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from allmende.domain.access import aid
from allmende.domain.access.aid import AidCheck, AidEntry, AidNotDeclared
from allmende.domain.access.applications import Application
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.organisations import Organisation
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import aid as store
from allmende.storage import applications as application_store
from allmende.storage import mergers as merger_store
from allmende.storage import organisations as organisation_store

PAGE_SIZE = 500
INSTRUMENT = Sentence("free compute time (aid in another form than a grant)")
# What a spreadsheet would take for the start of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def find_check(
    reader: Person, application_id: str, *, rules: AccessRules, now: datetime
) -> AidCheck | None:
    """Return the arithmetic that an award of all that was asked for would have; None if no aid."""
    check_permission(reader, Permission.SEE_AID)
    application = application_store.get_application(application_id)
    if application.frozen is None or not _is_aid(application):
        return None
    if application.form.aid_received_cents is None:
        return None
    asked = application.form.requested_seconds or 0
    return _check(application, seconds=asked, rules=rules, now=now)[0]


def plan_entry(
    deed: Deed, application: Application, *, award_id: str, seconds: int, rules: AccessRules
) -> AidEntry | None:
    """Return the aid that an award is, or None; refused where it would pass the ceiling.

    Nobody else grants aid before this transaction ends.
    """
    if not _is_aid(application):
        return None
    if application.form.aid_received_cents is None:
        raise AidNotDeclared(application=application.id)
    store.lock_entries()
    check, undertaking = _check(application, seconds=seconds, rules=rules, now=deed.now)
    aid.check_aid(check)
    call = application.submitted.call
    partition = rules.get_partition(call.partition_id)
    organisation = organisation_store.get_organisation(application.organisation_id)
    due_at, keep_until = aid.plan_registration(deed.now, book=rules.book)
    return AidEntry(
        id=f"aid-{award_id}",
        award_id=award_id,
        organisation_id=organisation.id,
        undertaking_ids=tuple(sorted(undertaking)),
        beneficiary=organisation.name,
        nace_code=organisation.nace_code,
        member_state=partition.country,
        authority=rules.authority,
        instrument=INSTRUMENT,
        cents=check.worth_cents,
        check=check,
        granted_on=day_of(deed.now),
        due_at=due_at,
        keep_until=keep_until,
    )


def record_entry(deed: Deed, entry: AidEntry) -> None:
    """Write the aid of an award, inside the transaction of the award."""
    store.save_entry(entry)
    audit.record(
        deed,
        action="aid.granted",
        subject=entry.award_id,
        entry=entry.id,
        cents=entry.cents,
        total_cents=entry.check.total_cents,
        ceiling_cents=entry.check.ceiling_cents,
        due_at=entry.due_at,
    )


@one_transaction
def register_entry(deed: Deed, entry_id: str, *, reference: str) -> AidEntry:
    """Note that an entry stands in the central register, under which number."""
    check_permission(deed.actor, Permission.REGISTER_AID)
    store.lock_entries()
    entry = store.get_entry(entry_id)
    registered = aid.register(entry, reference=reference, now=deed.now, by=deed.actor.id)
    if registered != entry:
        store.save_entry(registered)
        audit.record(
            deed, action="aid.registered", subject=entry.award_id, reference=registered.reference
        )
    return registered


def get_entry(reader: Person, entry_id: str) -> AidEntry:
    """Return one entry, to the office and to auditors."""
    check_permission(reader, Permission.SEE_AID)
    return store.get_entry(entry_id)


def list_entries(reader: Person, *, after: str = "", limit: int = 100) -> list[AidEntry]:
    """Return a page of all aid that this factory granted, to the office and to auditors."""
    check_permission(reader, Permission.SEE_AID)
    return store.list_entries(after=after, limit=limit)


def list_duties(reader: Person, *, after: str = "", limit: int = 100) -> list[AidEntry]:
    """Return a page of all aid, what is to be registered first, by the day on which it is due."""
    check_permission(reader, Permission.SEE_AID)
    return store.list_duties(after=after, limit=limit)


def count_duties(reader: Person, *, now: datetime) -> tuple[int, int]:
    """Return how much aid is to be registered, and how much of it is late."""
    check_permission(reader, Permission.SEE_AID)
    return store.count_duties(now)


def list_every_entry(reader: Person) -> list[AidEntry]:
    """Return all aid, what is to be registered first, by the day on which it is due."""
    found: list[AidEntry] = []
    while page := list_entries(reader, after=found[-1].id if found else "", limit=PAGE_SIZE):
        found += page
    return sorted(found, key=lambda entry: (entry.registered_at is not None, entry.due_at))


def render_csv(entries: Iterable[AidEntry], *, now: datetime) -> str:
    """Return the entries as the register wants them, one a line, money in euros."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(
        "entry award beneficiary member_state amount_eur granted_on authority instrument "
        "nace_code due_before registered_at reference is_late keep_until".split()
    )
    for entry in entries:
        row = (
            entry.id,
            entry.award_id,
            entry.beneficiary,
            entry.member_state,
            f"{entry.cents // 100}.{entry.cents % 100:02d}",
            entry.granted_on.isoformat(),
            entry.authority,
            entry.instrument.english(),
            entry.nace_code,
            entry.due_at.isoformat(),
            entry.registered_at.isoformat() if entry.registered_at else "",
            entry.reference,
            "yes" if entry.is_late(now) else "no",
            entry.keep_until.isoformat(),
        )
        table.writerow(f"'{each}" if each.startswith(FORMULA_STARTS) else each for each in row)
    return text.getvalue()


def _is_aid(application: Application) -> bool:
    frozen = application.submitted
    return aid.is_aid(
        kind=frozen.organisation.kind,
        purpose=application.form.purpose,
        access_share=frozen.call.access_share,
        price=frozen.eligibility.price or frozen.mode.price,
    )


def _check(
    application: Application, *, seconds: int, rules: AccessRules, now: datetime
) -> tuple[AidCheck, frozenset[str]]:
    call, on = application.submitted.call, day_of(now)
    price = aid.read_price(rules.book, on=on, partition_id=call.partition_id, unit=call.unit)
    ceiling_cents, source = aid.read_ceiling(rules.book, on=on)
    years = int(rules.book.number("aid.period_years", on=on))
    undertaking = find_undertaking(application.organisation_id, rules=rules, now=now)
    entries = store.list_entries_of(undertaking)
    check = AidCheck(
        seconds=seconds,
        unit=call.unit,
        price=price,
        granted_cents=aid.counted_cents(entries, on=on, years=years),
        declared_cents=application.form.aid_received_cents or 0,
        ceiling_cents=ceiling_cents,
        ceiling_source=source,
    )
    return check, undertaking


def find_undertaking(organisation_id: str, *, rules: AccessRules, now: datetime) -> frozenset[str]:
    """Return the organisations here that are a single undertaking with one of them."""
    graphs = {each.id: each.ownership for each in _list_organisations()}
    return aid.find_undertaking(
        organisation_id,
        graphs,
        mergers=merger_store.list_mergers(),
        book=rules.book,
        on=day_of(now),
    )


def _list_organisations() -> Iterable[Organisation]:
    after = ""
    while page := organisation_store.list_organisations(after=after, limit=PAGE_SIZE):
        yield from page
        after = page[-1].id
