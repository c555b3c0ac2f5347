"""A span is a year, a quarter or a month of Berlin's calendar; figures are asked for by spans."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence

NAME = re.compile(r"(20[0-9]{2})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
MONTHS_A_QUARTER, MONTHS_A_YEAR = 3, 12


@dataclass(frozen=True, order=True)
class Span:
    """So many months from the first one on; `name` is 2026, 2026-Q3 or 2026-07."""

    year: int
    first_month: int
    month_count: int

    @property
    def name(self) -> str:
        """Return the name that `parse_span` reads."""
        if self.month_count == MONTHS_A_YEAR:
            return str(self.year)
        if self.month_count == MONTHS_A_QUARTER:
            return f"{self.year}-Q{1 + self.first_month // MONTHS_A_QUARTER}"
        return f"{self.year}-{self.first_month:02d}"

    @property
    def period(self) -> Period:
        """Return the time from the first midnight up to the one after the last day."""
        starts = list(self._list_starts())
        return Period(starts_at=starts[0], ends_at=starts[-1])

    @property
    def is_quarter(self) -> bool:
        """Say whether it is three months."""
        return self.month_count == MONTHS_A_QUARTER

    def list_months(self) -> list[tuple[str, Period]]:
        """Return each month with its name, such as 2026-07."""
        months = range(self.first_month, self.first_month + self.month_count)
        return [
            (f"{self.year}-{month:02d}", Period(starts_at=start, ends_at=end))
            for month, (start, end) in zip(months, pairwise(self._list_starts()), strict=True)
        ]

    def is_over(self, now: datetime) -> bool:
        """Say whether nothing more can happen in it."""
        return self.period.ends_at <= now

    def _list_starts(self) -> Iterator[datetime]:
        for month in range(self.first_month, self.first_month + self.month_count + 1):
            years, rest = divmod(month - 1, MONTHS_A_YEAR)
            yield datetime(self.year + years, rest + 1, 1, tzinfo=BERLIN).astimezone(UTC)


def parse_span(name: str) -> Span:
    """Return the span of a name; `InvalidInput` for what is none."""
    found = NAME.fullmatch(name)
    if found is None:
        problem = Sentence("Give a year, a quarter or a month, such as 2026, 2026-Q3 or 2026-07.")
        raise InvalidInput(field="span", problem=problem)
    year, quarter, month = found.groups()
    if quarter:
        return Span(int(year), MONTHS_A_QUARTER * (int(quarter) - 1) + 1, MONTHS_A_QUARTER)
    if month:
        return Span(int(year), int(month), 1)
    return year_span(int(year))


def year_span(year: int) -> Span:
    """Return a whole year."""
    return Span(year, 1, MONTHS_A_YEAR)


def quarter_of(now: datetime) -> Span:
    """Return the quarter that an instant belongs to."""
    local = now.astimezone(BERLIN)
    first = (local.month - 1) // MONTHS_A_QUARTER * MONTHS_A_QUARTER + 1
    return Span(local.year, first, MONTHS_A_QUARTER)


def list_spans_until(now: datetime, *, years: int) -> list[Span]:
    """Return this year and those before it, each followed by its quarters, the newest first."""
    this = now.astimezone(BERLIN).year
    found = []
    for year in range(this, this - years, -1):
        quarters = [parse_span(f"{year}-Q{number}") for number in (4, 3, 2, 1)]
        found += [year_span(year), *(each for each in quarters if each.period.starts_at <= now)]
    return found
