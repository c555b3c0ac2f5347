"""An access mode says who may apply for how much time, for how long, and at what price."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from allmende.domain.access.review_plans import ReviewPlan
from allmende.domain.basics.units import TimeUnit


class Route(StrEnum):
    """The way by which an organisation comes to its time."""

    INDUSTRIAL_INNOVATION = "industrial_innovation"
    AI_FOR_SCIENCE = "ai_for_science"
    COMMERCIAL = "commercial"


class Price(StrEnum):
    """What the time costs those who use it."""

    FREE = "free"
    PAID = "paid"


class Calendar(StrEnum):
    """When applications are looked at."""

    ALWAYS_OPEN = "always_open"
    CUT_OFFS = "cut_offs"


class Selection(StrEnum):
    """How applications are chosen."""

    FIRST_COME = "first_come"  # eligibility and a technical assessment, in order of arrival
    PEER_REVIEW = "peer_review"


class FormKind(StrEnum):
    """How much an application has to say."""

    SHORT = "short"
    FULL = "full"  # what experts can judge


class Experience(StrEnum):
    """How well applicants know supercomputers; each level includes those before it."""

    NEW = "new"
    FAMILIAR = "familiar"
    READY_FOR_REVIEW = "ready_for_review"


@dataclass(frozen=True, kw_only=True)
class AccessMode:
    """One mode as it is in force from `valid_from` up to, but not including, `valid_to`."""

    id: str
    names: Mapping[str, str]  # by language: "en", "de"
    audience: Mapping[str, str]
    routes: frozenset[Route]
    unit: TimeUnit
    size_min_seconds: int = 1
    size_max_seconds: int | None = None
    durations_months: tuple[int, ...]
    calendar: Calendar
    decision_working_days: int
    selection: Selection
    experience: Experience = Experience.NEW
    criteria: tuple[str, ...] = ()
    review: ReviewPlan | None = None  # of a mode that selects by peer review
    price: Price = Price.FREE
    access_share: str = "union"
    valid_from: date
    valid_to: date | None = None
    source: str
    checked_on: date
    note: str = ""

    @property
    def form(self) -> FormKind:
        """Return the form of its applications: experts need the full one, others the short one."""
        return FormKind.FULL if self.selection is Selection.PEER_REVIEW else FormKind.SHORT

    def holds(self, on: date) -> bool:
        """Say whether the mode is in force on a day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)

    def has_room_for(self, seconds: int) -> bool:
        """Say whether a request of that size, in the unit of the mode, is within its limits."""
        below = self.size_max_seconds is None or seconds <= self.size_max_seconds
        return below and self.size_min_seconds <= seconds


@dataclass(frozen=True)
class Modes:
    """All modes of the factory, in the order of their file, with their former versions."""

    modes: tuple[AccessMode, ...] = field(default_factory=tuple)

    def in_force(self, on: date) -> tuple[AccessMode, ...]:
        """Return the modes of a day."""
        return tuple(mode for mode in self.modes if mode.holds(on))

    def find(self, mode_id: str, *, on: date) -> AccessMode | None:
        """Return a mode of a day, or None."""
        return next((mode for mode in self.in_force(on) if mode.id == mode_id), None)
