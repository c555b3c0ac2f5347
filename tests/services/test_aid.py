"""Aid is checked, told and recorded in the transaction of its award, or nothing is awarded."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from allmende.domain.access.aid import AidNotDeclared, CeilingWouldBePassed, EntryIsRegistered
from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.modes import Modes, Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.ownership import Firm, Holding, OwnershipGraph
from allmende.domain.access.sme import SizeClass
from allmende.domain.basics.people import DAEMON, Role
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted
from allmende.domain.basics.rules import RuleBook
from allmende.services import (
    aid,
    applications,
    awards,
    calls,
    organisations,
    projects,
    reports,
    reviews,
)
from allmende.storage import applications as application_store
from allmende.storage import audit as audit_store
from allmende.storage import people as people_store
from tests.services.access import (
    CALL_ID,
    HOUR,
    NOON,
    RULES,
    awarded,
    deed,
    drafted,
    figures,
    founder,
    officer,
    open_playground,
    person,
)

pytestmark = pytest.mark.django_db

EURO = 100
BRIDGE = replace(
    RULES.get_call(CALL_ID),
    id="bridge",
    mode_id="national-bridge",
    access_share="national",
    size_max_seconds=200_000 * HOUR,
    contingent_seconds=10**7 * HOUR,
)
# A bridge without an end: these tests are about euros, not about its size.
LONG = Modes(tuple(replace(mode, size_max_seconds=None) for mode in RULES.modes.modes))
NATIONAL = replace(RULES, calls=(BRIDGE,), modes=LONG)


@pytest.fixture
def bridge():
    return calls.open_call(deed(DAEMON), BRIDGE.id, rules=NATIONAL)


def asked(ada, firm, *, hours, declared="0", now=NOON):
    """Return an assessed application for free time of the national share."""
    draft = drafted(
        ada, firm, call_id="bridge", requested_hours=str(hours), aid_received_cents=declared
    )
    done = applications.submit_application(deed(ada, now=now), draft.id, rules=NATIONAL)
    return reviews.record_technical_assessment(deed(officer()), done.id, is_feasible=True)


def given(application, *, now=NOON, rules=NATIONAL):
    return awards.award_application(deed(officer(), now=now), application.id, rules=rules)


def owned_by(firm, mother_id, *, number=""):
    """Return the figures of a firm that another one owns whole."""
    own = figures(firm.id, 12, 2, 1)
    mother = Firm(id=mother_id, name="Mother", years=own.firms[0].years, register_number=number)
    holding = Holding(owner_id=mother_id, owned_id=firm.id, capital_basis_points=10_000)
    return OwnershipGraph(firms=(*own.firms, mother), holdings=(holding,))


def test_free_national_time_for_a_firm_is_aid_with_notice_and_entry(bridge):
    ada, firm = founder()
    award = given(asked(ada, firm, hours=100, declared="500000"))
    office = officer()
    (entry,) = aid.list_entries(office)
    assert (entry.award_id, entry.beneficiary, entry.cents) == (award.id, firm.name, 200 * EURO)
    assert entry.check.total_cents == 5_200 * EURO
    assert (entry.granted_on, entry.keep_until) == (date(2026, 11, 23), date(2036, 11, 23))
    assert (entry.member_state, entry.authority) == ("DE", RULES.authority)
    assert "200 EUR: 100 node-h at 2 EUR" in award.letter[-2].english()
    events = [event.action for event in audit_store.list_events(limit=1000)]
    assert events[-1] == "aid.granted"
    assert given(applications.get_application(ada, award.application_id)) == award
    assert aid.list_entries(office) == [entry]


def test_union_time_paid_time_and_public_research_are_no_aid(bridge):
    open_playground()
    union = awarded(*founder("eve"))
    assert aid.list_entries(officer()) == []
    assert all("de minimis" not in each.english() for each in union.letter)
    calls.open_call(deed(DAEMON), "werkbank-science-2026", rules=RULES)
    mina, lab = founder("mina", kind=OrganisationKind.UNIVERSITY)
    draft = drafted(mina, lab, call_id="werkbank-science-2026", purpose="research",
                    duration_months="6", experience="familiar")  # fmt: skip
    done = applications.submit_application(deed(mina), draft.id, rules=RULES)
    reviews.record_technical_assessment(deed(officer()), done.id, is_feasible=True)
    given(done, rules=RULES)
    assert aid.list_entries(officer()) == []


def test_an_award_that_would_pass_the_ceiling_is_refused_as_a_whole(bridge):
    ada, firm = founder()
    given(asked(ada, firm, hours=100_000))
    second = asked(ada, firm, hours=50_000, declared=str(10_000 * EURO))
    with pytest.raises(CeilingWouldBePassed) as refusal:
        given(second)
    assert refusal.value.facts["total"] == 310_000
    assert refusal.value.facts["most"] == "45000"
    kept = applications.get_application(ada, second.id)
    assert kept.state is ApplicationState.ASSESSED
    assert len(projects.list_projects(ada)) == len(aid.list_entries(officer())) == 1
    smaller = awards.award_application(
        deed(officer()), second.id, rules=NATIONAL, seconds=45_000 * HOUR
    )
    assert aid.find_check(officer(), second.id, rules=NATIONAL, now=NOON).fits is False
    assert smaller.seconds == 45_000 * HOUR


def test_aid_of_three_years_counts_to_the_day(bridge):
    ada, firm = founder()
    early = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)  # the last minute of the day in Berlin
    first = given(asked(ada, firm, hours=150_000), now=early)
    projects.end_project(deed(officer()), first.project_id, rules=RULES)
    reports.waive_report(deed(officer()), first.project_id, why="Aid alone is the question here.")
    still = datetime(2029, 11, 23, 22, 59, tzinfo=UTC)
    later = asked(ada, firm, hours=1, now=still)
    with pytest.raises(CeilingWouldBePassed):
        given(later, now=still)
    assert given(later, now=still + timedelta(minutes=1)).seconds == HOUR


def test_what_linked_firms_received_counts_and_mergers_add_both_histories(bridge):
    ada, ours = founder("ada")
    bob, theirs = founder("bob")
    given(asked(ada, ours, hours=80_000))
    given(asked(bob, theirs, hours=60_000))
    waiting = asked(ada, ours, hours=20_000)
    assert aid.find_check(officer(), waiting.id, rules=NATIONAL, now=NOON).fits
    # Both belong to one mother now; each tells it, and they never name each other.
    for who, firm, local in ((ada, ours, "m"), (bob, theirs, "owner")):
        organisations.update_figures(
            deed(who), firm.id, ownership=owned_by(firm, local, number="HRB 77"), rules=NATIONAL
        )
    with pytest.raises(CeilingWouldBePassed) as refusal:
        given(waiting)
    assert refusal.value.facts["granted"] == 280_000
    fits = awards.award_application(
        deed(officer()), waiting.id, rules=NATIONAL, seconds=10_000 * HOUR
    )
    (entry,) = [each for each in aid.list_entries(officer()) if each.award_id == fits.id]
    assert entry.undertaking_ids == tuple(sorted((ours.id, theirs.id)))
    assert organisations.get_organisation(ada, ours.id).size_class is not SizeClass.UNRESOLVED


def test_who_declared_nothing_gets_no_aid(bridge):
    application = asked(*founder(), hours=10)
    silent = replace(application, form=replace(application.form, aid_received_cents=None))
    application_store.save_application(silent)
    with pytest.raises(AidNotDeclared):
        given(silent)
    assert aid.find_check(officer(), silent.id, rules=NATIONAL, now=NOON) is None


def test_the_price_of_the_day_decides(bridge):
    row = RULES.book.get("aid.shadow_price_cents_per_hour", on=NOON.date())
    ended = replace(row, valid_to=date(2027, 1, 1))
    dearer = replace(row, value=row.value * 3, valid_from=date(2027, 1, 1))
    others = tuple(each for each in RULES.book.rules if each != row)
    rules = replace(NATIONAL, book=RuleBook((*others, ended, dearer)))
    application = asked(*founder(), hours=10)
    award = given(application, now=datetime(2027, 1, 1, tzinfo=UTC), rules=rules)
    assert award.price is Price.FREE
    assert aid.list_entries(officer())[0].cents == 60 * EURO


def test_the_office_registers_an_entry_once(bridge):
    given(asked(*founder(), hours=10))
    office = officer()
    (entry,) = aid.list_every_entry(office)
    done = aid.register_entry(deed(office), entry.id, reference="DE-2026-1")
    assert (done.reference, done.registered_by) == ("DE-2026-1", office.id)
    assert aid.register_entry(deed(officer()), entry.id, reference="DE-2026-1") == done
    with pytest.raises(EntryIsRegistered):
        aid.register_entry(deed(office), entry.id, reference="DE-2026-2")
    assert aid.get_entry(office, entry.id) == done
    events = [event.action for event in audit_store.list_events(limit=1000)]
    assert events.count("aid.registered") == 1
    with pytest.raises(NotFound):
        aid.register_entry(deed(office), "aid-none", reference="1")


def test_only_the_office_and_auditors_see_aid(bridge):
    ada, firm = founder()
    application = asked(ada, firm, hours=10)
    given(application)
    auditor = person("auditor", Role.AUDITOR)
    (entry,) = aid.list_entries(auditor)
    with pytest.raises(NotPermitted):
        aid.register_entry(deed(auditor), entry.id, reference="1")
    for somebody in (ada, person("op", Role.OPERATOR)):
        for refused in (
            lambda who=somebody: aid.list_entries(who),
            lambda who=somebody: aid.get_entry(who, entry.id),
            lambda who=somebody: aid.find_check(who, application.id, rules=NATIONAL, now=NOON),
        ):
            with pytest.raises(NotPermitted):
                refused()


def test_the_export_has_a_line_for_each_entry_and_no_formula(bridge):
    ada, firm = founder()
    given(asked(ada, firm, hours=10))
    (entry,) = aid.list_entries(officer())
    odd = replace(entry, id="aid-2", beneficiary='=HYPERLINK("x")', nace_code="62.01")
    text = aid.render_csv([entry, odd], now=entry.due_at)
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["amount_eur"], first["is_late"], first["granted_on"]) == (
        "20.00",
        "yes",
        "2026-11-23",
    )
    assert second["beneficiary"] == '\'=HYPERLINK("x")'
    on_time = aid.render_csv([entry], now=NOON)
    assert next(csv.DictReader(io.StringIO(on_time)))["is_late"] == "no"


def test_the_sector_of_an_organisation_stands_in_its_entry(bridge):
    ada = person("ada")
    firm = {"name": "Herzschlag GmbH", "kind": OrganisationKind.ENTERPRISE, "country": "DE"}
    with pytest.raises(InvalidInput):
        organisations.register_organisation(deed(ada), **firm, nace_code="software")
    known = organisations.register_organisation(deed(ada), **firm, nace_code=" 62.01 ")
    ada = people_store.get_person(ada.id)
    organisations.update_figures(
        deed(ada), known.id, ownership=figures(known.id, 12, 2, 1), rules=NATIONAL
    )
    given(asked(ada, known, hours=10))
    assert aid.list_entries(officer())[0].nace_code == "62.01"


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_what_must_be_registered_comes_first_by_its_day_page_by_page(bridge, limit):
    ada, firm = founder()
    office = officer()
    for day in (3, 0, 1):
        at = NOON + timedelta(days=day)
        given(asked(ada, firm, hours=10, now=at), now=at)
    first, *_ = aid.list_duties(office)
    aid.register_entry(deed(office), first.id, reference="DE-1")
    seen, after = [], ""
    while page := aid.list_duties(office, after=after, limit=limit):
        seen += page
        after = page[-1].id
    days = [(each.registered_at is not None, each.due_at, each.id) for each in seen]
    assert days == sorted(days)
    assert seen[-1].id == first.id
    assert aid.count_duties(office, now=NOON) == (2, 0)
    assert aid.count_duties(office, now=max(each.due_at for each in seen)) == (2, 2)
    with pytest.raises(NotFound):
        aid.list_duties(office, after="aid-none")
