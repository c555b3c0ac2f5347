"""A project's time against the calendar: what is used, what will be, and what will be lost.

Hours that are not used expire with the period, so two things can be lost: what a project does not
use at its present rate, and what it cannot use any more even with every node that it may have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from allmende.domain.accounting.outlooks import RATE_DAYS
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sentences import Sentence

LONGER_RATE_DAYS = 2 * RATE_DAYS
DAY_SECONDS = 24 * 3600
# Below this part of the award a loss is no news: the last days of a project never fit exactly.
WORTH_TELLING = Fraction(1, 50)


@dataclass(frozen=True)
class Mark:
    """What had been awarded and used by an instant, in seconds."""

    at: datetime
    awarded_seconds: int
    used_seconds: int


@dataclass(frozen=True, kw_only=True)
class BurnDown:
    """Where the awarded time is, and where it goes until the end of the period.

    Estimated is what follows from a rate: that of the last 14 and of the last 28 days.
    """

    period: Period
    at: datetime
    awarded_seconds: int
    used_seconds: int  # settled, less what was refunded
    running_seconds: int  # held by jobs that run
    committed_seconds: int  # held by jobs that wait
    expired_seconds: int
    rates: tuple[Fraction, ...]  # charged seconds a second, the smallest first
    seconds_a_second: int  # charged at most, with every node that the project may have at once
    marks: tuple[Mark, ...]

    @property
    def left_seconds(self) -> int:
        """Return what is neither used nor held nor expired; below zero after an overrun."""
        gone = self.used_seconds + self.running_seconds + self.committed_seconds
        return self.awarded_seconds - gone - self.expired_seconds

    @property
    def unused_seconds(self) -> int:
        """Return what has not been used yet, and has not expired."""
        return max(0, self.awarded_seconds - self.used_seconds - self.expired_seconds)

    @property
    def ahead_seconds(self) -> int:
        """Return how many seconds of the period are still to come."""
        return max(0, int((self.period.ends_at - max(self.at, self.period.starts_at)) / SECOND))

    @property
    def is_young(self) -> bool:
        """Say whether the project runs for less than a day, too short for a rate."""
        return self.at < self.period.starts_at + timedelta(days=1)

    @property
    def possible_seconds(self) -> int:
        """Return the most that can still be used: every node until the end, and what runs now."""
        return min(
            self.unused_seconds, self.seconds_a_second * self.ahead_seconds + self.running_seconds
        )

    @property
    def certainly_lost_seconds(self) -> int:
        """Return what cannot be used any more, whatever the project does."""
        return self.unused_seconds - self.possible_seconds

    @property
    def lost_seconds(self) -> tuple[int, int]:
        """Return what will expire unused, between two estimates; the smaller one first."""
        losses = [self.unused_seconds - self._use(rate) for rate in self.rates]
        return min(losses), max(losses)

    @property
    def used_up_at(self) -> datetime | None:
        """Return when all is used at the larger rate, if that is before the end."""
        return self.list_courses()[-1][0]

    def list_courses(self) -> tuple[tuple[datetime | None, int], ...]:
        """Return for each rate when all is used, if that is before the end, and the use by then."""
        return tuple((self._end(rate), self.used_seconds + self._use(rate)) for rate in self.rates)

    def _end(self, rate: Fraction) -> datetime | None:
        if not rate:
            return None
        lasts = -(-self.unused_seconds // rate)
        return self.at + timedelta(seconds=lasts) if lasts < self.ahead_seconds else None

    def _use(self, rate: Fraction) -> int:
        return min(self.possible_seconds, int(rate * self.ahead_seconds))


SECOND = timedelta(seconds=1)


def measure_rates(
    used_lately: Sequence[tuple[int, int]], *, age_seconds: int
) -> tuple[Fraction, ...]:
    """Return the rates of use, smallest first, from (days, charged seconds in so many last days).

    A project that is younger counts from its beginning, and a day at least.
    """
    age = max(age_seconds, DAY_SECONDS)
    return tuple(
        sorted(Fraction(max(0, used), min(age, days * DAY_SECONDS)) for days, used in used_lately)
    )


def advise(burn: BurnDown, *, unit: Sentence) -> Sentence:
    """Say what to do, in one sentence or two."""
    few = burn.awarded_seconds * WORTH_TELLING
    least, most = burn.lost_seconds
    if not burn.unused_seconds:
        return Sentence("All hours are used. Apply for more, or ask the programme office.")
    if not burn.ahead_seconds:
        return Sentence("The project is over; what was not used has expired or will.")
    if burn.certainly_lost_seconds > few:
        facts = {"hours": _hours(burn.certainly_lost_seconds), "unit": unit}
        return Sentence(
            "{hours} {unit} cannot be used any more, even with every node until the end. Ask the "
            "programme office for an extension, or give them back so that others can use them.",
            facts,
        )
    if burn.is_young:
        a_day = burn.unused_seconds * DAY_SECONDS // burn.ahead_seconds
        return Sentence(
            "The project has only just begun, too early for a forecast. {hours} {unit} a day use "
            "everything until it ends.",
            {"hours": _hours(a_day), "unit": unit},
        )
    if least > few:
        return _say_lost(_hours(least), _hours(most), unit)
    if burn.used_up_at is not None:
        return Sentence(
            "At the present rate all hours are used on {at}, before the project ends. Plan what "
            "matters most first, and ask for a top-up in time.",
            {"at": burn.used_up_at},
        )
    return Sentence("You are on course: the hours last until the project ends, and little is left.")


def _say_lost(least: float, most: float, unit: Sentence) -> Sentence:
    facts = {"least": least, "most": most, "unit": unit}
    if least == most:
        return Sentence(
            "At the present rate {most} {unit} expire unused. Submit more or larger jobs now, or "
            "tell the programme office early what you will not need.",
            facts,
        )
    return Sentence(
        "At the present rate {least} to {most} {unit} expire unused. Submit more or larger jobs "
        "now, or tell the programme office early what you will not need.",
        facts,
    )


def _hours(seconds: int) -> float:
    return float(f"{seconds / 3600:.3g}")
