"""De minimis aid: what it is worth, whom it counts for, and the three years to the day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.access import aid
from allmende.domain.access.aid import (
    AidCheck,
    AidEntry,
    CeilingWouldBePassed,
    EntryIsRegistered,
    ReferencePrice,
    check_aid,
    counted_cents,
    find_undertaking,
    is_aid,
    last_day_counted,
    plan_registration,
    read_ceiling,
    read_price,
    register,
    write_notice,
)
from allmende.domain.access.modes import Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.verdicts import ProjectPurpose
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import BOOK, HOUR, NOON, TODAY, firm, graph, holds, owner

EURO = 100
CEILING = 300_000 * EURO
PRICE = ReferencePrice(cents_per_hour=200, source="a table")
BIG = (400, 90, 90)


def a_check(hours, *, granted=0, declared=0):
    return AidCheck(
        seconds=int(hours * HOUR),
        unit=TimeUnit.NODE_SECONDS,
        price=PRICE,
        granted_cents=granted,
        declared_cents=declared,
        ceiling_cents=CEILING,
        ceiling_source="the Regulation",
    )


def entry(cents, on, *, number=1, **changes):
    known = AidEntry(
        id=f"aid-{number}",
        award_id=f"award-{number}",
        organisation_id="x",
        undertaking_ids=("x",),
        beneficiary="Herzschlag GmbH",
        nace_code="62.01",
        member_state="DE",
        authority="The office",
        instrument=Sentence("free compute time"),
        cents=cents,
        check=a_check(cents / 200),
        granted_on=on,
        due_at=NOON + timedelta(days=30),
        keep_until=on + timedelta(days=3653),
    )
    return replace(known, **changes)


@pytest.mark.parametrize(
    ("kind", "purpose", "share", "price", "expected"),
    [
        ("enterprise", "private_innovation", "national", Price.FREE, True),
        ("enterprise", "eu_project", "national", Price.FREE, True),
        ("enterprise", "private_innovation", "union", Price.FREE, False),
        ("enterprise", "private_innovation", "national", Price.PAID, False),
        ("university", "research", "national", Price.FREE, False),
        ("public_body", "eu_project", "national", Price.FREE, False),
        ("university", "commissioned", "national", Price.FREE, True),
        ("association", "private_innovation", "national", Price.FREE, True),
    ],
)
def test_aid_is_free_time_of_the_national_share_for_who_works_on_a_market(
    kind, purpose, share, price, expected
):
    found = is_aid(
        kind=OrganisationKind(kind),
        purpose=ProjectPurpose(purpose),
        access_share=share,
        price=price,
    )
    assert found is expected


def test_the_ceiling_may_be_reached_and_not_passed():
    check_aid(a_check(150_000))
    check_aid(a_check(1, granted=CEILING - 300, declared=100))
    with pytest.raises(CeilingWouldBePassed) as refusal:
        check_aid(a_check(50_000, granted=150_000 * EURO, declared=60_000 * EURO))
    assert str(refusal.value) == (
        "This award is worth 100000 EUR (50000 node-h at 2 EUR). With 150000 EUR that this factory "
        "granted and 60000 EUR declared in three years, the undertaking would have 310000 EUR, "
        "more than the 300000 EUR of Reg. (EU) 2023/2831 Art. 3(2). So none of it may be "
        "given (Art. 3(7)). Award at most 45000 node-h, or offer the time at its price."
    )
    assert a_check(1, declared=CEILING + 1).most_seconds == 0


@given(st.integers(1, 10**9), st.integers(1, 10**6), st.integers(0, CEILING))
def test_what_may_be_given_at_most_fits_and_a_cent_of_time_more_does_not(seconds, price, received):
    reference = ReferencePrice(cents_per_hour=price, source="")
    check = replace(a_check(1), price=reference, declared_cents=received)
    assert replace(check, seconds=check.most_seconds).fits
    assert not replace(check, seconds=check.most_seconds + 1).fits
    assert reference.worth_cents(seconds) * HOUR >= seconds * price


@pytest.mark.parametrize(
    ("granted_on", "last_day"),
    [
        (date(2023, 11, 23), date(2026, 11, 23)),
        (date(2024, 2, 29), date(2027, 2, 28)),
        (date(2025, 2, 28), date(2028, 2, 28)),
        (date(2025, 3, 1), date(2028, 3, 1)),
    ],
)
def test_aid_counts_for_three_years_to_the_day(granted_on, last_day):
    assert last_day_counted(granted_on, years=3) == last_day
    grant = entry(500, granted_on)
    assert counted_cents([grant], on=last_day, years=3) == 500
    assert counted_cents([grant], on=last_day + timedelta(days=1), years=3) == 0
    assert counted_cents([grant], on=granted_on, years=3) == 500


def test_a_grant_also_counts_in_the_periods_of_later_ones():
    early, late = entry(100, date(2024, 1, 1)), entry(900, date(2027, 6, 1), number=2)
    # No three years hold both; a grant in between meets the bigger one of them.
    assert counted_cents([early, late], on=date(2026, 1, 1), years=3) == 900
    assert counted_cents([early, late], on=date(2024, 1, 1), years=3) == 100


days = st.dates(date(2024, 1, 1), date(2033, 12, 31))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(days, st.integers(1, CEILING)), max_size=12))
def test_no_three_years_ever_hold_more_than_the_ceiling(wishes):
    """Whatever is asked for, on whatever days and in whatever order, 29 February included."""
    granted = []
    for number, (on, cents) in enumerate(wishes):
        counted = counted_cents(granted, on=on, years=3)
        check = a_check(cents / 200, granted=counted)
        if check.fits:
            granted.append(entry(check.worth_cents, on, number=number))
    for start in {each.granted_on for each in granted}:
        # A period of three years, counted day by day from its first one.
        end = last_day_counted(start, years=3)
        held = sum(each.cents for each in granted if start <= each.granted_on <= end)
        assert held <= CEILING


def test_the_price_of_a_machine_goes_before_the_price_of_all():
    general = read_price(BOOK, on=TODAY, partition_id="werkbank", unit=TimeUnit.NODE_SECONDS)
    assert general.cents_per_hour == 200
    row = BOOK.get("aid.shadow_price_cents_per_hour", on=TODAY)
    own = replace(row, value=row.value * 2, applies_if={"partition": "werkbank"})
    book = RuleBook((*BOOK.rules, own))
    found = read_price(book, on=TODAY, partition_id="werkbank", unit=TimeUnit.NODE_SECONDS)
    assert found.cents_per_hour == 400
    assert read_ceiling(BOOK, on=TODAY) == (
        CEILING,
        "Reg. (EU) 2023/2831 Art. 3(2); http://data.europa.eu/eli/reg/2023/2831/oj",
    )


def test_it_is_registered_within_twenty_working_days_and_kept_ten_years():
    due_at, keep_until = plan_registration(NOON, book=BOOK)
    # 23 November 2026 is a Monday; the 20th working day after it is 21 December.
    assert due_at == datetime(2026, 12, 21, 23, tzinfo=UTC)
    assert keep_until == date(2036, 11, 23)
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert plan_registration(leap, book=BOOK)[1] == date(2038, 3, 1)


def test_an_entry_is_late_when_its_registration_was_or_still_is():
    waiting = entry(500, TODAY)
    assert not waiting.is_late(waiting.due_at - timedelta(seconds=1))
    assert waiting.is_late(waiting.due_at)
    in_time = register(waiting, reference=" DE-1 ", now=NOON, by="p-1")
    assert (in_time.reference, in_time.registered_at, in_time.registered_by) == (
        "DE-1",
        NOON,
        "p-1",
    )
    assert not in_time.is_late(waiting.due_at)
    assert register(waiting, reference="DE-1", now=waiting.due_at, by="p-1").is_late(NOON)
    assert register(in_time, reference="DE-1", now=NOON + timedelta(1), by="p-2") == in_time
    with pytest.raises(EntryIsRegistered):
        register(in_time, reference="DE-2", now=NOON, by="p-1")
    for nothing in (" ", "x" * 121):
        with pytest.raises(InvalidInput):
            register(waiting, reference=nothing, now=NOON, by="p-1")


def test_the_notice_names_the_regulation_and_the_amount():
    first, second = (each.english() for each in write_notice(entry(800, TODAY)))
    assert "(EU) 2023/2831" in first
    assert "8 EUR: 4 node-h at 2 EUR" in first
    assert "8 EUR of de minimis aid in three years; the ceiling is 300000 EUR" in second


def together(graphs, of="a"):
    return find_undertaking(of, graphs, mergers={}, book=BOOK, on=TODAY)


A, B = firm("a", BIG), firm("b", BIG)


def test_firms_that_one_controls_are_one_undertaking():
    sister = firm("b", BIG)
    graphs = {"a": graph([A, sister], [holds("a", "b", 60)]), "b": graph([B]), "c": None}
    # What the mother says links the daughter too, though she says nothing.
    assert together(graphs) == together(graphs, of="b") == {"a", "b"}
    assert together(graphs, of="c") == {"c"}


def test_a_common_mother_is_known_by_her_number():
    mother = replace(firm("m", BIG), register_number="HRB 12 345")
    same = replace(firm("owner", BIG), register_number="hrb-12345")
    other = replace(firm("m", BIG), register_number="HRB 9")
    ours = graph([A, mother], [holds("m", "a", 51)])
    assert together({"a": ours, "b": graph([B, same], [holds("owner", "b", 100)])}) == {"a", "b"}
    assert together({"a": ours, "b": graph([B, other], [holds("m", "b", 100)])}) == {"a"}
    # The same id in two graphs means nothing: people number their owners as they like.
    nameless = graph([A, firm("m", BIG)], [holds("m", "a", 51)])
    assert together({"a": nameless, "b": graph([B, firm("m", BIG)], [holds("m", "b", 51)])}) == {
        "a"
    }


def test_partners_and_persons_make_no_single_undertaking():
    partner = {"a": graph([A, B], [holds("b", "a", 50)]), "b": graph([B])}
    assert together(partner) == {"a"}
    person = owner("p", "natural_person", is_in_same_market=True)
    both = graph([A, B, person], [holds("p", "a", 100), holds("p", "b", 100)])
    assert together({"a": both, "b": graph([B])}) == {"a"}
    fund = owner("f", "venture_capital")
    funded = graph([A, B, fund], [holds("f", "a", 60), holds("f", "b", 60)])
    assert together({"a": funded, "b": graph([B])}) == {"a", "b"}


def test_control_that_nobody_rules_out_counts():
    doubtful = graph([A, B], [holds("b", "a", 10, has_control=None)])
    assert together({"a": doubtful, "b": None}) == {"a", "b"}


def test_a_chain_and_a_merger_count_as_one():
    chain = {
        "a": graph([A, B], [holds("a", "b", 80)]),
        "b": graph([B, firm("c", BIG)], [holds("b", "c", 80)]),
        "c": None,
    }
    assert together(chain, of="c") == {"a", "b", "c"}


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 100)), max_size=9))
def test_everybody_in_an_undertaking_sees_the_same_one(edges):
    names = "abcdef"
    graphs = {}
    for place, name in enumerate(names):
        held = [holds(names[o], name, share) for o, own, share in edges if own == place != o]
        graphs[name] = graph([firm(each, BIG) for each in names], held[:1])
    sets = {name: together(graphs, of=name) for name in names}
    assert all(sets[other] == sets[name] for name in names for other in sets[name])
    assert all(name in sets[name] for name in names)


def test_euros_have_both_digits():
    assert [aid.write_euros(cents) for cents in (0, 5, 30_000_000)] == ["0.00", "0.05", "300000.00"]
    assert [aid.count_euros(cents) for cents in (0, 5, 30_000_000)] == [0, 0.05, 300_000]
