"""People, organisations and the way to an award, for tests of services."""

from datetime import UTC, datetime, timedelta
from itertools import count

from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.ownership import Firm, OwnershipGraph, YearFigures
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.services import applications, awards, calls, organisations, reviews
from allmende.services.deeds import Deed
from allmende.storage import people as people_store
from allmende.wiring.access_rules import read_access_rules

RULES = read_access_rules()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL_ID = "werkbank-playground-2026"
HOUR = 3600
MILLION_CENTS = 100_000_000

ANSWERS = {
    "title": "Finding tumours early",
    "summary": "We train a classifier on biopsy images to find tumours earlier.",
    "purpose": "private_innovation",
    "is_civilian": "yes",
    "contract_months_after_end": "12",
    "requested_hours": "4",
    "duration_months": "1",
    "data_class": "public",
    "has_personal_data": "no",
    "is_prohibited_practice": "no",
    "declares_correct": "yes",
    "accepts_terms": "yes",
}
_numbers = count(1)


def deed(actor, *, now=NOON):
    return Deed(actor=actor, now=now, new_id=lambda prefix: f"{prefix}-{next(_numbers)}")


def person(name, *roles, organisation_ids=()):
    """Return a person who is registered, with a new id."""
    made = Person(
        id=f"p-{name}-{next(_numbers)}",
        name=name,
        email=f"{name}{next(_numbers)}@example.org",
        roles=frozenset(roles or {Role.APPLICANT}),
        organisation_ids=frozenset(organisation_ids),
    )
    people_store.save_person(made)
    for organisation_id in organisation_ids:
        people_store.add_member(made.id, organisation_id)
    return made


def officer():
    return person("officer", Role.PROGRAMME_OFFICER)


def figures(firm_id, persons, turnover, balance, *, years=2):
    """Return the graph of a firm without owners, with the same figures in each year."""
    rows = tuple(
        YearFigures(
            year=2025 - age,
            headcount_hundredths=persons * 100,
            turnover_cents=turnover * MILLION_CENTS,
            balance_sheet_cents=balance * MILLION_CENTS,
        )
        for age in range(years)
    )
    return OwnershipGraph(firms=(Firm(id=firm_id, name="Herzschlag GmbH", years=rows),))


def founder(name="ada", *, size=(12, 2, 1), kind=OrganisationKind.ENTERPRISE, country="DE"):
    """Return a person and the organisation that they founded, its figures known."""
    ada = person(name)
    firm = organisations.register_organisation(
        deed(ada), name="Herzschlag GmbH", kind=kind, country=country
    )
    ada = people_store.get_person(ada.id)
    if size and kind is OrganisationKind.ENTERPRISE:
        firm = organisations.update_figures(
            deed(ada), firm.id, ownership=figures(firm.id, *size), rules=RULES
        )
    return ada, firm


def open_playground():
    return calls.open_call(deed(DAEMON), CALL_ID, rules=RULES)


def drafted(ada, firm, *, call_id=CALL_ID, **changes):
    """Return a complete draft."""
    started = applications.start_application(deed(ada), call_id=call_id, organisation_id=firm.id)
    return applications.edit_application(deed(ada), started.id, changes={**ANSWERS, **changes})


def submitted(ada, firm, *, now=NOON, rules=RULES, **changes):
    draft = drafted(ada, firm, **changes)
    return applications.submit_application(deed(ada, now=now), draft.id, rules=rules)


def assessed(ada, firm, **changes):
    """Return an application that the office can decide on."""
    application = submitted(ada, firm, **changes)
    return reviews.record_technical_assessment(
        deed(officer(), now=NOON + timedelta(hours=1)), application.id, is_feasible=True
    )


def awarded(ada, firm, **changes):
    application = assessed(ada, firm, **changes)
    return awards.award_application(deed(officer()), application.id, rules=RULES)
