"""What somebody answers about a project, and the verdict with its reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from allmende.domain.access.modes import Experience, Price, Route
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.sme import SizeResult
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit


class Verdict(StrEnum):
    """What a row says. Advice decides nothing."""

    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    UNRESOLVED = "unresolved"
    ADVISORY = "advisory"


class ProjectPurpose(StrEnum):
    """What the time is for, and who pays for the work."""

    PRIVATE_INNOVATION = "private_innovation"
    EU_PROJECT = "eu_project"  # Horizon Europe, Digital Europe, Seal of Excellence
    RESEARCH = "research"
    COMMISSIONED = "commissioned"  # a private firm orders and owns the results


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What somebody says; None is "not said", and never counts as yes or as no."""

    kind: OrganisationKind | None = None
    country: str | None = None
    is_start_up: bool = False
    size: SizeResult | None = None  # of enterprises, computed from figures and owners
    purpose: ProjectPurpose | None = None
    is_civilian: bool | None = None
    is_prohibited_practice: bool | None = None  # AI Act, Art. 5
    requested_seconds: int | None = None
    unit: TimeUnit = TimeUnit.GPU_SECONDS
    experience: Experience | None = None
    team_countries: tuple[str, ...] | None = None  # (): everybody works in the same country
    contract_months_after_end: int | None = None
    has_personal_data: bool | None = None
    training_flop: int | None = None
    aid_received_cents: int | None = None  # de minimis aid of any three years
    machine_bought_after_2020: bool | None = True


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One row that was applied: what it says, who says so, and the numbers it used."""

    rule: str
    verdict: Verdict
    sentence: Sentence
    article: str
    source: str
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EligibilityResult:
    """The answer, with every reason; `group_id` is the place in the share tree."""

    verdict: Verdict
    route: Route | None = None
    price: Price | None = None
    group_id: str = ""
    mode_ids: tuple[str, ...] = ()
    reasons: tuple[Reason, ...]
    alternative: Sentence | None = None
    have_ready: tuple[Sentence, ...] = ()
    size: SizeResult | None = None
    decided_on: date

    @property
    def first_reason(self) -> Reason:
        """Return the reason that decides: the first one with the verdict of the whole."""
        return next(reason for reason in self.reasons if reason.verdict is self.verdict)
