"""May we apply, by which route, at what price? Asked before any form, and nothing is kept."""

from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from allmende import wiring
from allmende.domain.access.modes import Experience, Price, Route
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.sizes import Relation, SizeClass, SizeResult
from allmende.domain.access.verdicts import (
    Answers,
    EligibilityResult,
    ProjectPurpose,
    Verdict,
)
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.units import TimeUnit
from allmende.domain.trust.permissions import Permission
from allmende.services import eligibility
from allmende.web.api.organisations import Cents, OwnershipShape
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import Amount, BodyId, PathId, Words
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["eligibility"])

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class ProjectAnswersIn(Schema):
    """What the project is about; what you leave out is unknown, and the verdict says so."""

    purpose: ProjectPurpose | None = None
    is_civilian: bool | None = None
    is_prohibited_practice: bool | None = None
    requested_seconds: Amount | None = None
    unit: TimeUnit = TimeUnit.GPU_SECONDS
    experience: Experience | None = None
    team_countries: list[Country] | None = Field(
        default=None,
        max_length=50,
        description="Where the others of the team work; empty where nobody works elsewhere.",
    )
    contract_months_after_end: int | None = Field(default=None, ge=0, le=1200)
    has_personal_data: bool | None = None
    training_flop: int | None = Field(default=None, ge=0, le=10**30)
    aid_received_cents: Cents | None = None


class AnswersIn(ProjectAnswersIn):
    """Project and organisation; for an enterprise, `ownership` and which firm of it you are."""

    kind: OrganisationKind | None = None
    country: Country | None = None
    is_start_up: bool = False
    ownership: OwnershipShape | None = None
    firm_id: BodyId | None = None


class ReasonOut(Schema):
    """One rule that decided, with the law or the call behind it."""

    rule: str
    verdict: Verdict
    sentence: Words
    article: str
    source: str
    numbers: dict[str, str]


class SizeIn(Schema):
    """The firms around one of them, the first unless `firm_id` names another."""

    ownership: OwnershipShape
    firm_id: BodyId | None = None


class FiguresOut(Schema):
    """Figures in euros; null where something is missing."""

    headcount_hundredths: int | None
    turnover_cents: int | None
    balance_sheet_cents: int | None


class CountedFirmOut(Schema):
    """One firm with its own newest figures, and how much of it counts."""

    firm_id: str
    name: str
    relation: Relation
    share_basis_points: int
    figures: FiguresOut


class YearTotalsOut(Schema):
    """All that counts in one year, and the class of that year alone."""

    year: int
    figures: FiguresOut
    size_class: SizeClass


class SizeOut(Schema):
    """A size class with its proof."""

    size_class: SizeClass
    lowest: SizeClass
    highest: SizeClass
    reason: Words
    article: str
    steps: list[Words]
    missing: list[Words]
    figures: FiguresOut
    counted: list[CountedFirmOut]
    years: list[YearTotalsOut]


class EligibilityOut(Schema):
    """The verdict, why, and what to do next."""

    verdict: Verdict
    route: Route | None
    price: Price | None
    group_id: str
    mode_ids: list[str]
    reasons: list[ReasonOut]
    alternative: Words | None
    have_ready: list[Words]
    size: SizeOut | None
    decided_on: date


@router.post("", response=EligibilityOut, **takes(Permission.CHECK_ELIGIBILITY))
def check_eligibility(
    request: HttpRequest,  # noqa: ARG001 - Ninja hands it over by this name
    body: AnswersIn,
) -> EligibilityResult:
    """Check answers against the rules of today; nobody needs to sign in."""
    rules, on = load_access_rules(), day_of(wiring.now())
    facts = _facts(body, but={"ownership", "firm_id"})
    if body.ownership is not None:
        graph = body.ownership.to_graph()
        facts["size"] = eligibility.find_size(graph, body.firm_id or "", rules=rules, on=on)
    return eligibility.check_eligibility(Answers(**facts), rules=rules, on=on)


@router.post("/size", response=SizeOut, **takes(Permission.CHECK_ELIGIBILITY))
def find_size(
    request: HttpRequest,  # noqa: ARG001 - Ninja hands it over by this name
    body: SizeIn,
) -> SizeResult:
    """Compute the size class of a firm from figures, owners and holdings; nothing is kept."""
    rules, on = load_access_rules(), day_of(wiring.now())
    graph = body.ownership.to_graph()
    return eligibility.find_size(graph, body.firm_id or "", rules=rules, on=on)


@router.post("/{organisation_id}", response=EligibilityOut, **takes(Permission.SEE_ORGANISATION))
def check_organisation(
    request: HttpRequest, organisation_id: PathId, body: ProjectAnswersIn
) -> EligibilityResult:
    """Check a project of a registered organisation, whose figures are known."""
    return eligibility.check_organisation(
        get_actor(request),
        organisation_id,
        answers=Answers(**_facts(body, but=set())),
        rules=load_access_rules(),
        on=day_of(wiring.now()),
    )


def _facts(body: ProjectAnswersIn, *, but: set[str]) -> dict[str, Any]:
    facts = body.model_dump(exclude=but)
    team = body.team_countries
    return {**facts, "team_countries": None if team is None else tuple(team)}
