"""An organisation applies and signs; people act for it."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from allmende.domain.access.firms import find_name_problem
from allmende.domain.access.sme import Firm, OwnershipGraph, SizeClass, SizeResult
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence

COUNTRY_CODE_LENGTH = 2
NACE_CODE = re.compile(r"[0-9]{2}(\.[0-9]{1,2})?")  # Reg. (EC) 1893/2006: division to class


class OrganisationKind(StrEnum):
    """What an organisation is, as it declares; whether it is an SME is computed."""

    ENTERPRISE = "enterprise"
    UNIVERSITY = "university"
    RESEARCH_INSTITUTE = "research_institute"
    PUBLIC_BODY = "public_body"
    ASSOCIATION = "association"
    NO_LEGAL_PERSON = "no_legal_person"


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """Who applies, with the figures and owners that decide on its size class."""

    id: str
    name: str
    kind: OrganisationKind
    country: str  # where it is established, ISO 3166-1 alpha-2
    is_start_up: bool = False  # declared: no European text defines it
    vat_number: str = ""
    nace_code: str = ""  # its sector, such as 62.01: the register of State aid asks for it
    ownership: OwnershipGraph | None = None  # the organisation is the firm with its own id
    size_class: SizeClass = SizeClass.UNRESOLVED
    registered_at: datetime

    @property
    def is_enterprise(self) -> bool:
        """Say whether a size class means anything for it."""
        return self.kind is OrganisationKind.ENTERPRISE


def check_organisation(organisation: Organisation) -> None:
    """Refuse an organisation without a name or with an impossible country."""
    if not organisation.name.strip():
        raise InvalidInput(field="name", problem=Sentence("give the registered name."))
    if problem := find_name_problem(organisation.name):
        raise InvalidInput(field="name", problem=problem)
    country = organisation.country
    if len(country) != COUNTRY_CODE_LENGTH or not country.isalpha() or not country.isupper():
        raise InvalidInput(
            field="country", problem=Sentence("give the two capital letters, such as DE.")
        )
    if organisation.nace_code and not NACE_CODE.fullmatch(organisation.nace_code):
        raise InvalidInput(
            field="nace_code", problem=Sentence("give the code of the sector, such as 62.01.")
        )
    if organisation.ownership and organisation.ownership.find(organisation.id) is None:
        raise InvalidInput(
            field="ownership",
            problem=Sentence("the organisation itself is missing among the firms."),
        )


def with_size(organisation: Organisation, result: SizeResult) -> Organisation:
    """Return the organisation with its computed size class."""
    return replace(organisation, size_class=result.size_class)


def lone_firm(organisation: Organisation) -> Firm:
    """Return the firm that an organisation without known owners and figures is."""
    return Firm(id=organisation.id, name=organisation.name)
