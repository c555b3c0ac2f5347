"""An access mode says who may apply for how much time, for how long, and at what price."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from allmende.domain.access.review_plans import ReviewPlan
from allmende.domain.access.snapshots import to_plain
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.units import TimeUnit


class VersionTooEarly(Refusal):
    """A new version of {mode} begins on {earliest} at the earliest: nothing that was in force is
    ever rewritten. Choose that day or a later one."""

    status = 422


class DifferentVersion(Refusal):
    """A version of {mode} begins on {day} already, with other content. Choose a later day."""


class ModeHasFlaw(Refusal):
    """This version of {mode} cannot be written. {field}: {problem}"""

    status = 422


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


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a field was and is, as plain values; None where a version does not have the field."""

    field: str
    before: Any
    after: Any


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

    def list_offered(self, on: date) -> tuple[AccessMode, ...]:
        """Return of each mode the version of a day, or the next one where it begins later."""
        left = [mode for mode in self.modes if mode.valid_to is None or on < mode.valid_to]
        ids = dict.fromkeys(mode.id for mode in left)
        first = {mode.id: mode for mode in sorted(left, key=lambda each: each.valid_from)[::-1]}
        return tuple(first[mode_id] for mode_id in ids)

    def versions(self, mode_id: str) -> tuple[AccessMode, ...]:
        """Return every version of a mode, the earliest first."""
        found = [mode for mode in self.modes if mode.id == mode_id]
        return tuple(sorted(found, key=lambda mode: mode.valid_from))

    def with_added(self, added: Iterable[AccessMode]) -> "Modes":
        """Return the modes with more versions: each version ends where the next one begins.

        Where two begin on the same day, the added one counts.
        """
        rows = {(mode.id, mode.valid_from): mode for mode in (*self.modes, *added)}
        places = {mode_id: place for place, (mode_id, _) in reversed(list(enumerate(rows)))}
        ordered = sorted(rows, key=lambda key: (places[key[0]], key[1]))
        ends = {one: other for one, other in itertools.pairwise(ordered) if one[0] == other[0]}
        return Modes(
            tuple(_ended(rows[key], ends[key][1]) if key in ends else rows[key] for key in ordered)
        )


def check_version(version: AccessMode, *, modes: Modes, today: date) -> None:
    """Refuse a version that would change a day that is over, or one that stands already."""
    earlier = modes.versions(version.id)
    earliest = max([today, *(mode.valid_from + timedelta(days=1) for mode in earlier)])
    if version.valid_from < earliest:
        raise VersionTooEarly(mode=version.id, earliest=earliest.isoformat())


def list_changes(before: AccessMode, after: AccessMode) -> tuple[Change, ...]:
    """Return what differs between two versions, field by field; their days are no difference."""
    old, new = _flatten(before), _flatten(after)
    names = [*old, *(name for name in new if name not in old)]
    return tuple(
        Change(field=name, before=old.get(name), after=new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    )


def _ended(mode: AccessMode, day: date) -> AccessMode:
    return replace(mode, valid_to=min(mode.valid_to or day, day))


def _flatten(mode: AccessMode) -> dict[str, Any]:
    plain = to_plain(mode)
    review = plain.pop("review") or {}
    criteria = {each.pop("id"): each for each in review.pop("criteria", ())}
    flat = {name: value for name, value in plain.items() if not name.startswith("valid_")}
    flat |= {f"review.{name}": value for name, value in review.items()}
    return flat | {f"review.criteria.{name}": value for name, value in criteria.items()}
