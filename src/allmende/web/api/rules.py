"""The rules of a day: every number that decides, with its source."""

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from allmende import wiring
from allmende.domain.access.working_days import day_of
from allmende.domain.trust.permissions import Permission
from allmende.services import rules
from allmende.web.api.calls import CallOut
from allmende.web.api.modes import Day, ModeOut
from allmende.web.api.permits import get_actor, takes
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["calls"])


class RuleOut(Schema):
    """One row: numbers are written exactly, as text."""

    rule: str
    value: bool | str
    unit: str
    applies_if: dict[str, str]
    source: str
    valid_from: date
    valid_to: date | None
    checked_on: date
    note: str

    @staticmethod
    def resolve_value(rule: Any) -> bool | str:
        """Return a number as text: exact."""
        return rule.value if isinstance(rule.value, bool) else str(rule.value)


class CalendarOut(Schema):
    """The cut-offs that were announced for a mode in a year."""

    mode_id: str
    year: int
    instants: list[datetime]
    source: str
    checked_on: date


class RulesOut(Schema):
    """Everything in force on a day of Berlin."""

    on: date
    rules: list[RuleOut]
    modes: list[ModeOut]
    calls: list[CallOut]
    calendars: list[CalendarOut]


@router.get("", response=RulesOut, **takes(Permission.SEE_FACTORY))
def list_rules(request: HttpRequest, on: Day = None) -> Any:
    """Return the rules, modes and calls in force on a day."""
    day = on or day_of(wiring.now())
    return rules.list_in_force(get_actor(request), rules=load_access_rules(), on=day)
