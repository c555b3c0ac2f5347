"""The figures of a programme: how far applications came, how long decisions took, whose hours."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from allmende.domain.access.modes import Price
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.sme import SizeClass
from allmende.domain.access.working_days import count_working_days
from allmende.domain.basics.units import TimeUnit

SMES = frozenset({SizeClass.MICRO, SizeClass.SMALL, SizeClass.MEDIUM})


class Stage(StrEnum):
    """How far an application came, and how it ended."""

    STARTED = "started"
    SUBMITTED = "submitted"
    ELIGIBLE = "eligible"
    ASSESSED = "assessed"  # the hosting entity has said whether it will run
    AWARDED = "awarded"
    REFUSED = "refused"
    INELIGIBLE = "ineligible"
    WITHDRAWN = "withdrawn"  # after it was handed in
    OPEN = "open"  # handed in, and nothing of the last four yet


class UserCategory(StrEnum):
    """Who uses time, as Art. 17(11) of Reg. (EU) 2021/1173 wants it watched."""

    COMMERCIAL = "commercial"  # pays, whoever it is
    INDUSTRY = "industry"
    RESEARCH = "research"
    PUBLIC_SECTOR = "public_sector"
    OTHER = "other"


class Dimension(StrEnum):
    """A property by which hours are told apart."""

    PARTITION = "partition_id"
    SHARE = "access_share"
    MODE = "mode_id"
    CATEGORY = "user_category"
    SIZE = "size_class"
    COUNTRY = "country"
    SECTOR = "sector"  # the section of NACE, a letter, or nothing where it is not known
    MONTH = "month"


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """How many applications of one call reached each stage."""

    call_id: str
    mode_id: str
    counts: Mapping[Stage, int]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """When an application was decided, or that it is not although it is due."""

    application_id: str
    mode_id: str
    counted_from: datetime  # its cut-off, else the instant at which it was handed in
    due_at: datetime
    decided_at: datetime | None
    land: str = ""  # whose holidays its clock knows

    def is_late(self, now: datetime) -> bool:
        """Say whether the promise was broken; at the instant of `due_at` it is."""
        return (self.decided_at or now) >= self.due_at


@dataclass(frozen=True, kw_only=True)
class DecisionTimes:
    """How long decisions of a mode took, in working days; those that are missing count as late."""

    mode_id: str
    decided: int
    missing: int
    median_days: int | None
    nine_in_ten_days: int | None
    late: tuple[Decision, ...]

    @property
    def in_time(self) -> int:
        """Return how many came in time."""
        return self.decided + self.missing - len(self.late)

    @property
    def share_in_time(self) -> float:
        """Return the part of one that came in time."""
        return self.in_time / (self.decided + self.missing)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose hours they are: a project with what was frozen when its application was handed in."""

    project_id: str
    application_id: str
    organisation_id: str
    mode_id: str
    user_category: UserCategory
    size_class: SizeClass
    country: str
    sector: str
    is_sme: bool
    is_start_up: bool


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What the ledger moved for one project under one share in one month."""

    project_id: str
    partition_id: str
    access_share: str
    unit: TimeUnit
    month: str  # such as 2026-07
    granted_seconds: int = 0  # awards and top-ups, less what was taken back
    used_seconds: int = 0  # metered, less what was refunded
    expired_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Hours:
    """The hours of everybody who shares these properties; an empty one was not asked for."""

    partition_id: str = ""
    access_share: str = ""
    mode_id: str = ""
    user_category: str = ""
    size_class: str = ""
    country: str = ""
    sector: str = ""
    month: str = ""
    unit: TimeUnit
    granted_seconds: int = 0
    used_seconds: int = 0
    expired_seconds: int = 0


SUMS = ("granted_seconds", "used_seconds", "expired_seconds")
HOURS_FIELDS = tuple(field.name for field in fields(Hours))
DIMENSIONS = tuple(Dimension)


def unknown_subject(project_id: str) -> Subject:
    """Return what is known of a project without an application: nothing."""
    return Subject(
        project_id=project_id,
        application_id="",
        organisation_id=project_id,
        mode_id="",
        user_category=UserCategory.OTHER,
        size_class=SizeClass.UNRESOLVED,
        country="",
        sector="",
        is_sme=False,
        is_start_up=False,
    )


def categorise(kind: OrganisationKind, price: Price) -> UserCategory:
    """Return the category of a user."""
    if price is Price.PAID:
        return UserCategory.COMMERCIAL
    return {
        OrganisationKind.ENTERPRISE: UserCategory.INDUSTRY,
        OrganisationKind.UNIVERSITY: UserCategory.RESEARCH,
        OrganisationKind.RESEARCH_INSTITUTE: UserCategory.RESEARCH,
        OrganisationKind.PUBLIC_BODY: UserCategory.PUBLIC_SECTOR,
    }.get(kind, UserCategory.OTHER)


def sum_funnels(funnels: Iterable[Funnel]) -> dict[Stage, int]:
    """Return how many reached each stage in all."""
    counts = Counter[Stage]()
    for funnel in funnels:
        counts.update(funnel.counts)
    return {stage: counts[stage] for stage in Stage}


def measure_decisions(decisions: Iterable[Decision], *, now: datetime) -> list[DecisionTimes]:
    """Return how long decisions took, mode by mode."""
    by_mode: dict[str, list[Decision]] = {}
    for decision in decisions:
        by_mode.setdefault(decision.mode_id, []).append(decision)
    return [_measure(mode_id, by_mode[mode_id], now) for mode_id in sorted(by_mode)]


def _measure(mode_id: str, decisions: Sequence[Decision], now: datetime) -> DecisionTimes:
    days = [
        count_working_days(each.counted_from, each.decided_at, land=each.land)
        for each in decisions
        if each.decided_at is not None
    ]
    late = sorted((each for each in decisions if each.is_late(now)), key=lambda each: each.due_at)
    return DecisionTimes(
        mode_id=mode_id,
        decided=len(days),
        missing=len(decisions) - len(days),
        median_days=find_quantile(days, 50),
        nine_in_ten_days=find_quantile(days, 90),
        late=tuple(late),
    )


def find_quantile(values: Iterable[int], percent: int) -> int | None:
    """Return the smallest value that so many per cent of all do not exceed; None of none."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def fold_hours(
    movements: Iterable[Movement],
    subjects: Mapping[str, Subject],
    dimensions: Sequence[Dimension] = DIMENSIONS,
) -> list[Hours]:
    """Sum movements up by some dimensions and the unit, in their order."""
    described = ((describe(each, subjects[each.project_id]), each) for each in movements)
    keyed = (
        (tuple(map(properties.__getitem__, dimensions)), movement)
        for properties, movement in described
    )
    return _sum_up(keyed, dimensions)


def sum_hours(hours: Iterable[Hours], dimensions: Sequence[Dimension]) -> list[Hours]:
    """Sum hours up by fewer dimensions and the unit."""
    keyed = ((tuple(getattr(each, name) for name in dimensions), each) for each in hours)
    return _sum_up(keyed, dimensions)


def _sum_up(
    keyed: Iterable[tuple[tuple[str, ...], Movement | Hours]], dimensions: Sequence[Dimension]
) -> list[Hours]:
    sums: dict[tuple[tuple[str, ...], TimeUnit], list[int]] = {}
    for key, amounts in keyed:
        total = sums.setdefault((key, amounts.unit), [0, 0, 0])
        total[0] += amounts.granted_seconds
        total[1] += amounts.used_seconds
        total[2] += amounts.expired_seconds
    return [
        Hours(
            **{name.value: value for name, value in zip(dimensions, key, strict=True)},
            unit=unit,
            granted_seconds=granted,
            used_seconds=used,
            expired_seconds=expired,
        )
        for (key, unit), (granted, used, expired) in sorted(sums.items())
    ]


def describe(movement: Movement, subject: Subject) -> dict[Dimension, str]:
    """Return every property of a movement."""
    return {
        Dimension.PARTITION: movement.partition_id,
        Dimension.SHARE: movement.access_share,
        Dimension.MODE: subject.mode_id,
        Dimension.CATEGORY: subject.user_category.value,
        Dimension.SIZE: subject.size_class.value,
        Dimension.COUNTRY: subject.country,
        Dimension.SECTOR: subject.sector,
        Dimension.MONTH: movement.month,
    }


def choose(
    movements: Iterable[Movement],
    subjects: Mapping[str, Subject],
    wanted: Mapping[Dimension, str],
) -> list[Movement]:
    """Return the movements that have all of these properties."""
    return [
        movement
        for movement in movements
        if wanted.items() <= describe(movement, subjects[movement.project_id]).items()
    ]


def count_organisations(
    movements: Iterable[Movement], subjects: Mapping[str, Subject], amount: str
) -> tuple[int, int]:
    """Return how many SMEs, and how many start-ups, have such an amount above zero in all."""
    seconds = Counter[str]()
    for movement in movements:
        seconds[movement.project_id] += getattr(movement, amount)
    active = [subjects[project_id] for project_id, value in seconds.items() if value > 0]
    return (
        len({each.organisation_id for each in active if each.is_sme}),
        len({each.organisation_id for each in active if each.is_start_up}),
    )
