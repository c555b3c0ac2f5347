"""De minimis aid: what free time of the national share is worth to an undertaking, and whether
the ceiling lets it be given. Regulation (EU) 2023/2831.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from allmende.domain.access.mergers import Merger, find_family
from allmende.domain.access.modes import Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.ownership import Limits, OwnershipGraph, find_single_undertaking
from allmende.domain.access.sme import read_limits
from allmende.domain.access.verdicts import ProjectPurpose
from allmende.domain.access.working_days import day_of, due_after
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import SECONDS_PER_HOUR, TimeUnit, plain_hours

CENTS = 100
PRICE_RULE = "aid.shadow_price_cents_per_hour"
# Whoever does this works on a market, whatever it is by law (Art. 1(1): "undertakings").
ECONOMIC_PURPOSES = frozenset({ProjectPurpose.PRIVATE_INNOVATION, ProjectPurpose.COMMISSIONED})
REFERENCE_MAX_LENGTH = 120
_NO_LETTER_OR_DIGIT = re.compile(r"[^0-9A-Za-z]")


class CeilingWouldBePassed(Refusal):
    """This award is worth {worth} EUR ({hours} {unit} at {price} EUR). With {granted} EUR that this
    factory granted and {declared} EUR declared in three years, the undertaking would have {total}
    EUR, more than the {ceiling} EUR of Reg. (EU) 2023/2831 Art. 3(2). So none of it may be given
    (Art. 3(7)). Award at most {most} {unit}, or offer the time at its price."""


class AidNotDeclared(Refusal):
    """Application {application} does not say what de minimis aid its undertaking received in the
    last three years, so nothing may be granted. Refuse it; the applicant declares it in a new
    one."""


class EntryIsRegistered(Refusal):
    """The aid {entry} is registered already, as {reference}. Correct it in the register itself."""


@dataclass(frozen=True, kw_only=True)
class ReferencePrice:
    """What an hour is worth that a beneficiary gets free: a dated row that everybody can read."""

    cents_per_hour: int
    source: str

    def worth_cents(self, seconds: int) -> int:
        """Return the gross grant equivalent of that much time; a commenced cent counts."""
        return -(-seconds * self.cents_per_hour // SECONDS_PER_HOUR)

    def seconds_for(self, cents: int) -> int:
        """Return how much time is worth that many cents at most."""
        return max(cents, 0) * SECONDS_PER_HOUR // self.cents_per_hour


@dataclass(frozen=True, kw_only=True)
class AidCheck:
    """The arithmetic of one grant, as it stood when it was made."""

    seconds: int
    unit: TimeUnit
    price: ReferencePrice
    granted_cents: int  # by this factory to the same undertaking, in the three years that matter
    declared_cents: int  # by the applicant, as received from others
    ceiling_cents: int
    ceiling_source: str

    @property
    def worth_cents(self) -> int:
        """Return what the award is worth."""
        return self.price.worth_cents(self.seconds)

    @property
    def total_cents(self) -> int:
        """Return what the undertaking would have with it."""
        return self.worth_cents + self.granted_cents + self.declared_cents

    @property
    def fits(self) -> bool:
        """Say whether the ceiling lets it be given; reaching it is allowed."""
        return self.total_cents <= self.ceiling_cents

    @property
    def most_seconds(self) -> int:
        """Return how much time could be given at most."""
        return self.price.seconds_for(self.ceiling_cents - self.granted_cents - self.declared_cents)


@dataclass(frozen=True, kw_only=True)
class AidEntry:
    """One grant as the register wants it (Art. 6(1)), with its arithmetic; kept for ten years."""

    id: str
    award_id: str
    organisation_id: str
    undertaking_ids: tuple[str, ...]  # the organisations that were one with it on that day
    beneficiary: str
    nace_code: str
    member_state: str
    authority: str
    instrument: Sentence
    cents: int  # gross grant equivalent
    check: AidCheck
    granted_on: date
    due_at: datetime  # the first instant at which its registration is late
    keep_until: date
    registered_at: datetime | None = None
    registered_by: str = ""
    reference: str = ""

    def is_late(self, now: datetime) -> bool:
        """Say whether it was registered, or is still missing in the register, too late."""
        return (self.registered_at or now) >= self.due_at


def is_aid(
    *,
    kind: OrganisationKind | None,
    purpose: ProjectPurpose | None,
    access_share: str,
    price: Price,
) -> bool:
    """Say whether time is aid: free, of the national share, for somebody who works on a market.

    The Union's time is no resource of a state; public research without a market gets no aid.
    """
    is_undertaking = kind is OrganisationKind.ENTERPRISE or purpose in ECONOMIC_PURPOSES
    return is_undertaking and access_share == "national" and price is Price.FREE


def read_price(book: RuleBook, *, on: date, partition_id: str, unit: TimeUnit) -> ReferencePrice:
    """Return the reference price of a machine on a day."""
    facts = {"partition": partition_id, "unit": unit.value}
    row = book.get(PRICE_RULE, on=on, **facts)
    return ReferencePrice(
        cents_per_hour=int(book.number(PRICE_RULE, on=on, **facts)),
        source=f"{row.source} ({row.valid_from.isoformat()})",
    )


def has_price_of_its_own(book: RuleBook, *, on: date, partition_id: str, unit: TimeUnit) -> bool:
    """Say whether the price of a machine on a day comes from a row about that machine."""
    row = book.get(PRICE_RULE, on=on, partition=partition_id, unit=unit.value)
    return "partition" in row.applies_if


def read_ceiling(book: RuleBook, *, on: date) -> tuple[int, str]:
    """Return the ceiling of the day in cents, and who says so."""
    row = book.get("aid.de_minimis_ceiling", on=on)
    return int(book.number("aid.de_minimis_ceiling", on=on)) * CENTS, row.source


def last_day_counted(granted_on: date, *, years: int) -> date:
    """Return the last day on which aid still counts: the same date so many years later.

    The 29th of February ends on the 28th (Reg. (EEC, Euratom) 1182/71 Art. 3(2)(c)).
    """
    try:
        return granted_on.replace(year=granted_on.year + years)
    except ValueError:
        return granted_on.replace(year=granted_on.year + years, day=28)


def counted_cents(entries: Iterable[AidEntry], *, on: date, years: int) -> int:
    """Return the most that any period of so many years holds which a grant of that day falls into.

    Such a period ends on that day, or on the day of a later grant within it.
    """
    known = list(entries)
    until = last_day_counted(on, years=years)
    ends = {on} | {entry.granted_on for entry in known if on < entry.granted_on <= until}
    return max(
        sum(
            each.cents
            for each in known
            if each.granted_on <= end <= last_day_counted(each.granted_on, years=years)
        )
        for end in ends
    )


def check_aid(check: AidCheck) -> None:
    """Refuse the whole award where it would pass the ceiling (Art. 3(7))."""
    if not check.fits:
        raise CeilingWouldBePassed(
            worth=count_euros(check.worth_cents),
            hours=plain_hours(check.seconds),
            unit=check.unit.hours_name,
            price=count_euros(check.price.cents_per_hour),
            granted=count_euros(check.granted_cents),
            declared=count_euros(check.declared_cents),
            total=count_euros(check.total_cents),
            ceiling=count_euros(check.ceiling_cents),
            most=plain_hours(check.most_seconds),
        )


def write_notice(entry: AidEntry) -> tuple[Sentence, ...]:
    """Return what the beneficiary must be told (Art. 7(4)): the amount, and the Regulation."""
    check = entry.check
    facts = {
        "cents": count_euros(entry.cents),
        "hours": plain_hours(check.seconds),
        "unit": check.unit.hours_name,
        "price": count_euros(check.price.cents_per_hour),
        "total": count_euros(check.total_cents),
        "ceiling": count_euros(check.ceiling_cents),
        "day": entry.granted_on.isoformat(),
    }
    return (
        Sentence(
            "This free time is de minimis aid under Commission Regulation (EU) 2023/2831, granted "
            "on {day}. Its gross grant equivalent is {cents} EUR: {hours} {unit} at {price} EUR.",
            facts,
        ),
        Sentence(
            "With it your undertaking has received {total} EUR of de minimis aid in three years; "
            "the ceiling is {ceiling} EUR. We enter the aid in the central register. Name it when "
            "you are asked for such aid.",
            facts,
        ),
    )


def plan_registration(granted_at: datetime, *, book: RuleBook) -> tuple[datetime, date]:
    """Return the first instant at which registering is late, and until when the record is kept."""
    on = day_of(granted_at)
    days = int(book.number("aid.registration_working_days", on=on))
    years = int(book.number("aid.record_years", on=on))
    try:
        keep_until = on.replace(year=on.year + years)
    except ValueError:
        keep_until = on.replace(year=on.year + years, month=3, day=1)
    return due_after(granted_at, working_days=days), keep_until


def register(entry: AidEntry, *, reference: str, now: datetime, by: str) -> AidEntry:
    """Return the entry as registered; the same reference again changes nothing."""
    reference = reference.strip()
    if not reference or len(reference) > REFERENCE_MAX_LENGTH:
        problem = Sentence("Give the number that the register shows for the entry.")
        raise InvalidInput(field="reference", problem=problem)
    if entry.registered_at is None:
        return replace(entry, registered_at=now, registered_by=by, reference=reference)
    if entry.reference != reference:
        raise EntryIsRegistered(entry=entry.id, reference=entry.reference)
    return entry


def find_undertaking(
    organisation_id: str,
    graphs: Mapping[str, OwnershipGraph | None],
    *,
    mergers: Mapping[str, Merger],
    book: RuleBook,
    on: date,
) -> frozenset[str]:
    """Return the organisations that are a single undertaking with one of them (Art. 2(2)).

    Each organisation tells its own owners and holdings. Two belong together when a firm that is
    linked with the one is linked with the other: the same organisation, or the same number in a
    register. What one of them says links both. Whoever merged belongs with what they became part of
    (Art. 3(8)).
    """
    limits = read_limits(book, on=on)
    linked = {
        each: _list_marks(each, graph, known=graphs.keys(), limits=limits)
        | find_family(each, mergers)
        for each, graph in graphs.items()
    }
    found, marks = {organisation_id}, set(linked[organisation_id])
    while added := {each for each in linked if each not in found and linked[each] & marks}:
        found |= added
        marks.update(*(linked[each] for each in added))
    return frozenset(found)


def _list_marks(
    organisation_id: str, graph: OwnershipGraph | None, *, known: Collection[str], limits: Limits
) -> frozenset[str]:
    """Return what an organisation and the firms linked with it are recognised by elsewhere."""
    if graph is None:
        return frozenset({organisation_id})
    linked = find_single_undertaking(graph, organisation_id, limits=limits)
    numbers = {
        _NO_LETTER_OR_DIGIT.sub("", firm.register_number).upper()
        for firm in graph.firms
        if firm.id in linked
    }
    # An id that is no organisation's means something in its own graph only.
    return frozenset({f"number {each}" for each in numbers if each} | (linked & set(known)))


def count_euros(cents: int) -> int | float:
    """Return euros as a fact of a sentence, which each language writes in its own way."""
    return cents / CENTS if cents % CENTS else cents // CENTS


def write_euros(cents: int) -> str:
    """Return cents as euros with both digits, for programs."""
    return f"{cents // CENTS}.{cents % CENTS:02d}"
