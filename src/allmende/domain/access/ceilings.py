"""Ceilings: how much of the Union's time on a machine a kind of use may have in a year."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.modes import AccessMode, Route
from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.rules import NoSuchRule, Rule
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import TimeUnit, plain_hours

LIMITED_SHARE = "union"  # every ceiling that we know is one of the Union share


class ShareCeilingWouldBePassed(Refusal):
    """{name} may have {limit} {unit} of the {share} share of {partition} in {year}: {percent} per
    cent of {all}. {given} are given, and {asked} more would make {total}. So none of it is given.
    Award at most {left} {unit}, or wait for the next year."""


class ShareIsNotKnown(Refusal):
    """How much time the {share} share of {partition} has is not known, and {name} may have no more
    than {percent} per cent of it. Write nodes and access_shares of the partition in
    config/factory.toml."""


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """A kind of use, and the rule that limits it; it covers modes by their route or their id."""

    rule: str
    name: Sentence
    routes: frozenset[Route] = field(default_factory=frozenset)
    mode_ids: frozenset[str] = field(default_factory=frozenset)

    def covers(self, mode: AccessMode) -> bool:
        """Say whether time of that mode counts."""
        return mode.id in self.mode_ids or bool(self.routes & mode.routes)


CEILINGS = (
    Ceiling(
        rule="share.commercial",
        name=Sentence("Commercial use"),
        routes=frozenset({Route.COMMERCIAL}),
    ),
    Ceiling(
        rule="share.industrial_innovation",
        name=Sentence("Industrial innovation"),
        routes=frozenset({Route.INDUSTRIAL_INNOVATION}),
    ),
    Ceiling(
        rule="share.playground_and_fast_lane",
        name=Sentence("Playground and Fast Lane together"),
        mode_ids=frozenset({"playground", "fast-lane"}),
    ),
    Ceiling(
        rule="share.ai_for_science",
        name=Sentence("AI for Science"),
        mode_ids=frozenset({"ai-for-science"}),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Contingent:
    """One ceiling on one machine in one year: what it allows, what is given, what is left."""

    rule: str
    name: Sentence
    partition_id: str
    access_share: str
    year: int
    unit: TimeUnit
    percent: Decimal
    source: str
    mode_ids: tuple[str, ...]
    share_seconds: int  # all time that the share has in the year
    given_seconds: int

    @property
    def limit_seconds(self) -> int:
        """Return what may be given; a part of a second is not given."""
        return int(self.share_seconds * Fraction(self.percent) / 100)

    @property
    def left_seconds(self) -> int:
        """Return what can still be given; never below zero, though a limit may be lowered."""
        return max(self.limit_seconds - self.given_seconds, 0)


def year_of(now: datetime) -> Period:
    """Return the calendar year in Berlin that an instant belongs to."""
    year = now.astimezone(BERLIN).year
    start, end = (
        datetime.combine(date(each, 1, 1), time_of_day(), tzinfo=BERLIN)
        for each in (year, year + 1)
    )
    return Period(starts_at=start.astimezone(now.tzinfo), ends_at=end.astimezone(now.tzinfo))


def find_share_seconds(partition: Partition, share: str, *, year: int) -> int | None:
    """Return all time of an access share in a year, in the unit of the partition.

    Every node for every second of the year: times of maintenance are not known beforehand. None
    where the number of nodes or the share is not known.
    """
    fraction = partition.access_shares.get(share)
    if partition.nodes is None or fraction is None:
        return None
    seconds = (date(year + 1, 1, 1) - date(year, 1, 1)) // timedelta(seconds=1)
    return int(partition.nodes * partition.charge_factor * seconds * fraction)


def list_ceilings(
    rules: AccessRules, *, on: date, partition_id: str, mode: AccessMode | None = None
) -> list[tuple[Ceiling, Rule]]:
    """Return the ceilings in force on a machine, each with its row; only those of a mode if named.

    A ceiling whose rule has no row on that day limits nothing.
    """
    found = []
    for ceiling in CEILINGS:
        if mode is not None and not ceiling.covers(mode):
            continue
        try:
            row = rules.book.get(ceiling.rule, on=on, partition=partition_id)
        except NoSuchRule:
            continue
        found.append((ceiling, row))
    return found


def list_mode_ids(ceiling: Ceiling, rules: AccessRules) -> tuple[str, ...]:
    """Return the modes that count, those of former versions too."""
    return tuple(sorted({mode.id for mode in rules.modes.modes if ceiling.covers(mode)}))


def build_contingent(
    ceiling: Ceiling, row: Rule, partition: Partition, *, rules: AccessRules, on: date
) -> Contingent:
    """Return the contingent before anything is given; `ShareIsNotKnown` where it has no measure."""
    assert isinstance(row.value, Decimal), f"{row.rule} is a number"
    share_seconds = find_share_seconds(partition, LIMITED_SHARE, year=on.year)
    if share_seconds is None:
        raise ShareIsNotKnown(
            share=LIMITED_SHARE, partition=partition.id, name=ceiling.name, percent=row.value
        )
    return Contingent(
        rule=ceiling.rule,
        name=ceiling.name,
        partition_id=partition.id,
        access_share=LIMITED_SHARE,
        year=on.year,
        unit=partition.unit,
        percent=row.value,
        source=row.source,
        mode_ids=list_mode_ids(ceiling, rules),
        share_seconds=share_seconds,
        given_seconds=0,
    )


def count_given(
    out: Mapping[tuple[str, str], int],
    back: Mapping[tuple[str, str], int],
    pool_ids: frozenset[str],
) -> int:
    """Return what projects got from these pools in a year, less what of it came back in that year.

    Both are seconds by pool and project. Time that comes back in a later year was given all the
    same, and makes no room in that one: no project counts below zero.
    """
    by_project: dict[str, int] = {}
    for (pool_id, project), seconds in out.items():
        if pool_id in pool_ids:
            by_project[project] = by_project.get(project, 0) + seconds
    for (pool_id, project), seconds in back.items():
        if pool_id in pool_ids and project in by_project:
            by_project[project] -= seconds
    return sum(max(seconds, 0) for seconds in by_project.values())


def check_contingent(contingent: Contingent, *, seconds: int) -> None:
    """Refuse time that would pass a ceiling, as a whole, with the arithmetic."""
    if contingent.given_seconds + seconds > contingent.limit_seconds:
        raise ShareCeilingWouldBePassed(
            name=contingent.name,
            limit=plain_hours(contingent.limit_seconds),
            unit=contingent.unit.hours_name,
            share=contingent.access_share,
            partition=contingent.partition_id,
            year=contingent.year,
            percent=contingent.percent,
            all=plain_hours(contingent.share_seconds),
            given=plain_hours(contingent.given_seconds),
            asked=plain_hours(seconds),
            total=plain_hours(contingent.given_seconds + seconds),
            left=plain_hours(contingent.left_seconds),
        )
