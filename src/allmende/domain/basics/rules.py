"""Legal and funding numbers are dated rows with a source, never constants in code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from allmende.domain.basics.refusals import Refusal

RuleValue = Decimal | str | bool


def exact(value: Any) -> Any:
    """Return numbers, written as such or as text, as exact decimals; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    return number if number.is_finite() else value


class RuleStatus(StrEnum):
    """Whether a row decides today or only might one day."""

    IN_FORCE = "in_force"
    DRAFT = "draft"


class NoSuchRule(Refusal):
    """No rule {rule} is in force on {on}. Add a dated row to config/rules."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row: a value, to whom it applies, from when to when, and who says so."""

    rule: str
    value: RuleValue
    unit: str
    source: str
    valid_from: date
    valid_to: date | None = None  # half-open: the row no longer holds on this day
    applies_if: Mapping[str, str] = field(default_factory=dict)
    status: RuleStatus = RuleStatus.IN_FORCE
    checked_on: date
    note: str = ""

    def holds(self, on: date, facts: Mapping[str, str]) -> bool:
        """Say whether the row decides on that day for somebody with these facts."""
        in_time = self.valid_from <= on and (self.valid_to is None or on < self.valid_to)
        applies = all(facts.get(name) == wanted for name, wanted in self.applies_if.items())
        return self.status is RuleStatus.IN_FORCE and in_time and applies


@dataclass(frozen=True)
class RuleBook:
    """All rows; the most specific one that holds decides."""

    rules: tuple[Rule, ...]

    def get(self, rule: str, *, on: date, **facts: str) -> Rule:
        """Return the row in force, the one with most conditions first; `NoSuchRule` if none."""
        rows = [row for row in self.rules if row.rule == rule and row.holds(on, facts)]
        if not rows:
            raise NoSuchRule(rule=rule, on=on.isoformat())
        return max(rows, key=lambda row: (len(row.applies_if), row.valid_from))

    def number(self, rule: str, *, on: date, **facts: str) -> Decimal:
        """Return the value of a numeric rule."""
        value = self.get(rule, on=on, **facts).value
        assert isinstance(value, Decimal), f"{rule} is a number"
        return value

    def in_force(self, on: date) -> tuple[Rule, ...]:
        """Return every row in force on a day, for the published table."""
        return tuple(row for row in self.rules if row.holds(on, row.applies_if))
