"""Organisations, their figures and owners, and the size class that follows from them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, TypeAdapter

from allmende.domain.access.organisations import Organisation, OrganisationKind
from allmende.domain.access.ownership import FirmKind, OwnershipGraph
from allmende.domain.access.sme import SizeClass
from allmende.domain.basics.people import Person
from allmende.domain.trust.permissions import Permission
from allmende.services import organisations, people
from allmende.web.api.people import PersonOut
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, BodyId, Limit, Line, Page, PathId, page_of
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["organisations"])

Cents = Annotated[int, Field(ge=0, le=10**15)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]


class ExchangeShape(Schema):
    """How much of a currency one euro was on a day, where the money is no euros."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    per_euro: Decimal = Field(gt=0, le=10**9, max_digits=20)
    on: date


class YearShape(Schema):
    """The figures of one accounting period; headcount in hundredths of a full-time post."""

    year: int = Field(ge=1900, le=2200, description="In which the accounting period ends.")
    headcount_hundredths: int | None = Field(default=None, ge=0, le=10**9)
    turnover_cents: Cents | None = None
    balance_sheet_cents: Cents | None = None
    is_estimate: bool = False
    months: int = Field(default=12, ge=1, le=24, description="The length of the period.")
    exchange: ExchangeShape | None = None


class FirmShape(Schema):
    """A firm or an owner of another kind; years newest first."""

    id: BodyId
    name: Line
    kind: FirmKind = FirmKind.ENTERPRISE
    years: list[YearShape] = Field(default=[], max_length=10)
    is_new: bool = False
    is_in_same_market: bool | None = None
    budget_cents: Cents | None = None
    inhabitants: int | None = Field(default=None, ge=0, le=10**9)
    register_number: str = Field(default="", max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")


class HoldingShape(Schema):
    """Who holds how much of whom; basis points are hundredths of a per cent."""

    owner_id: BodyId
    owned_id: BodyId
    capital_basis_points: BasisPoints
    votes_basis_points: BasisPoints | None = None
    has_control: bool | None = False
    invested_cents: Cents | None = None


class OwnershipShape(Schema):
    """The firms around an organisation; the organisation is the firm with its own id."""

    firms: list[FirmShape] = Field(min_length=1, max_length=200)
    holdings: list[HoldingShape] = Field(default=[], max_length=1000)

    def to_graph(self) -> OwnershipGraph:
        """Return the graph that the rules read."""
        return TypeAdapter(OwnershipGraph).validate_python(self.model_dump())


class OrganisationIn(Schema):
    """A new organisation."""

    name: Line
    kind: OrganisationKind
    country: str = Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2, such as DE.")
    is_start_up: bool = False
    nace_code: str = Field(
        default="", max_length=20, description="Its sector, such as 62.01; for State aid."
    )
    vat_number: str = Field(
        default="", max_length=40, description="Such as DE136695976; spaces do not matter."
    )


class OrganisationOut(Schema):
    """An organisation in a list."""

    id: str
    name: str
    kind: OrganisationKind
    country: str
    is_start_up: bool
    size_class: SizeClass
    registered_at: datetime


class OrganisationViewOut(OrganisationOut):
    """An organisation with its figures and owners."""

    vat_number: str
    ownership: OwnershipShape | None


class MemberIn(Schema):
    """A person to become a member."""

    person_id: BodyId


@router.get("", response=Page[OrganisationOut], **takes(Permission.SEE_ORGANISATION))
def list_organisations(
    request: HttpRequest, after: After = "", limit: Limit = 50
) -> dict[str, Any]:
    """List the organisations that you may see."""
    found = organisations.list_organisations(get_actor(request), after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda organisation: organisation.id)


@router.post("", response={201: OrganisationViewOut}, **takes(Permission.REGISTER_ORGANISATION))
def register_organisation(request: HttpRequest, body: OrganisationIn) -> Status[Organisation]:
    """Register an organisation; you become its first member."""
    registered = organisations.register_organisation(begin_deed(request), **body.dict())
    return Status(201, registered)


@router.get(
    "/{organisation_id}", response=OrganisationViewOut, **takes(Permission.SEE_ORGANISATION)
)
def get_organisation(request: HttpRequest, organisation_id: PathId) -> Organisation:
    """Return one organisation with its figures and owners."""
    return organisations.get_organisation(get_actor(request), organisation_id)


@router.put(
    "/{organisation_id}/figures",
    response=OrganisationViewOut,
    **takes(Permission.EDIT_ORGANISATION),
)
def update_figures(
    request: HttpRequest, organisation_id: PathId, body: OwnershipShape
) -> Organisation:
    """Set figures and owners; the size class is computed from them by today's rules."""
    return organisations.update_figures(
        begin_deed(request), organisation_id, ownership=body.to_graph(), rules=load_access_rules()
    )


@router.get(
    "/{organisation_id}/members", response=list[PersonOut], **takes(Permission.SEE_ORGANISATION)
)
def list_members(request: HttpRequest, organisation_id: PathId) -> list[Person]:
    """List the people of an organisation."""
    return people.list_members(get_actor(request), organisation_id)


@router.post(
    "/{organisation_id}/members", response=PersonOut, **takes(Permission.EDIT_ORGANISATION)
)
def add_member(request: HttpRequest, organisation_id: PathId, body: MemberIn) -> Person:
    """Make somebody a member; only members can."""
    return people.add_member(
        begin_deed(request), person_id=body.person_id, organisation_id=organisation_id
    )
