"""Firms, answers and applications for the tests of access, under the rules that ship."""

from dataclasses import replace
from datetime import UTC, date, datetime

from allmende.domain.access.application_forms import ApplicationForm
from allmende.domain.access.applications import Application, Frozen
from allmende.domain.access.eligibility import decide_for_call
from allmende.domain.access.modes import Experience
from allmende.domain.access.organisations import Organisation, OrganisationKind
from allmende.domain.access.ownership import Firm, FirmKind, Holding, OwnershipGraph, YearFigures
from allmende.domain.access.sme import classify_size
from allmende.domain.access.verdicts import Answers, ProjectPurpose
from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.units import TimeUnit
from allmende.wiring.access_rules import read_access_rules
from tests.domain.access.full_form import FULL_ANSWERS

RULES = read_access_rules()
BOOK = RULES.book
TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
PLAYGROUND = RULES.get_call("werkbank-playground-2026")
MILLION_CENTS = 100_000_000
HOUR = 3600


def year(persons, turnover, balance, *, of=2025):
    return YearFigures(
        year=of,
        headcount_hundredths=None if persons is None else int(persons * 100),
        turnover_cents=None if turnover is None else int(turnover * MILLION_CENTS),
        balance_sheet_cents=None if balance is None else int(balance * MILLION_CENTS),
    )


def firm(firm_id, *figures, **facts):
    """Return a firm; with one triple of figures, both years are alike."""
    both = figures * 2 if len(figures) == 1 and not facts.get("is_new") else figures
    years = tuple(year(*triple, of=2025 - age) for age, triple in enumerate(both))
    return Firm(id=firm_id, name=firm_id.upper(), years=years, **facts)


def owner(firm_id, kind, **facts):
    return Firm(id=firm_id, name=firm_id.upper(), kind=FirmKind(kind), **facts)


def holds(owner_id, owned_id, capital, votes=None, **facts):
    return Holding(
        owner_id=owner_id,
        owned_id=owned_id,
        capital_basis_points=int(capital * 100),
        votes_basis_points=None if votes is None else int(votes * 100),
        **facts,
    )


def graph(firms, holdings=()):
    return OwnershipGraph(firms=tuple(firms), holdings=tuple(holdings))


def size(firms, holdings=(), *, of="x"):
    return classify_size(graph(firms, holdings), of, book=BOOK, on=TODAY)


SMALL = firm("x", (30, 5, 4))
LARGE = firm("x", (900, 500, 500))
MID_CAP = firm("x", (500, 100, 90))
UNKNOWN = firm("x", (30, 5, 4), (400, 90, 90))


def answers(**changes):
    """Return the answers of a small German firm with a private project."""
    known = {
        "kind": OrganisationKind.ENTERPRISE,
        "country": "DE",
        "size": size([SMALL]),
        "purpose": ProjectPurpose.PRIVATE_INNOVATION,
        "is_civilian": True,
        "is_prohibited_practice": False,
        "team_countries": (),
        "contract_months_after_end": 12,
        "experience": Experience.NEW,
        "aid_received_cents": 0,
    }
    return Answers(**{**known, **changes})


def organisation(**changes):
    known = {
        "id": "x",
        "name": "Herzschlag GmbH",
        "kind": OrganisationKind.ENTERPRISE,
        "country": "DE",
        "ownership": graph([SMALL]),
        "registered_at": NOON,
    }
    return Organisation(**{**known, **changes})


def form(**changes):
    known = {
        "title": "Finding tumours early",
        "summary": "We train a classifier on biopsy images to find tumours earlier.",
        "purpose": ProjectPurpose.PRIVATE_INNOVATION,
        "is_civilian": True,
        "principal_investigator": "Ada Beispiel",
        "principal_investigator_email": "ada@herzschlag.example",
        "contract_months_after_end": 12,
        "experience": Experience.NEW,
        "requested_seconds": 4 * HOUR,
        "unit": TimeUnit.NODE_SECONDS,
        "duration_months": 1,
        "data_class": DataClass.PUBLIC,
        "has_personal_data": False,
        "is_prohibited_practice": False,
        "declares_correct": True,
        "accepts_terms": True,
    }
    return ApplicationForm(**{**known, **changes})


def full_draft(**changes):
    """Return a draft with every answer that the peer-reviewed modes ask for."""
    return replace(draft(), form=full_form(**changes))


def full_form(**changes):
    return form().change({**FULL_ANSWERS, **changes})


def draft(**changes):
    return Application(
        id="app-1",
        call_id=PLAYGROUND.id,
        organisation_id="x",
        applicant_id="p-1",
        form=form(**changes),
        started_at=NOON,
        edited_at=NOON,
    )


def frozen(*, call=PLAYGROUND, given=None):
    result = decide_for_call(given or answers(), call, rules=RULES, on=TODAY)
    return Frozen(
        call=call,
        mode=RULES.get_mode(call.mode_id, on=TODAY),
        organisation=organisation(),
        eligibility=result,
        rules_hash="r" * 64,
        terms_hash=call.terms_hash,
    )
