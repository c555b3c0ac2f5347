"""What decided on a day: rules, access modes, calls and cut-offs, for everybody to read."""

from dataclasses import dataclass
from datetime import date

from allmende.domain.access.calls import AccessRules, Call, CutOffCalendar
from allmende.domain.access.modes import AccessMode
from allmende.domain.access.working_days import period_of
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.rules import Rule
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.storage import calls as call_store

FIRST_YEAR, LAST_YEAR = 1990, 2200


@dataclass(frozen=True, kw_only=True)
class RulesOfDay:
    """Everything in force on a day of Berlin, and the cut-offs of its year."""

    on: date
    rules: tuple[Rule, ...]
    modes: tuple[AccessMode, ...]
    calls: tuple[Call, ...]
    calendars: tuple[CutOffCalendar, ...]


def list_in_force(reader: Person, *, rules: AccessRules, on: date) -> RulesOfDay:
    """Return what was, is or will be in force on a day, as far as it is known now."""
    check_permission(reader, Permission.SEE_FACTORY)
    if not FIRST_YEAR <= on.year <= LAST_YEAR:
        years = {"first": str(FIRST_YEAR), "last": str(LAST_YEAR)}
        problem = Sentence("choose a day from {first} to {last}.", years)
        raise InvalidInput(field="on", problem=problem)
    day = period_of(on)
    return RulesOfDay(
        on=on,
        rules=tuple(sorted(rules.book.in_force(on), key=lambda rule: rule.rule)),
        modes=rules.modes.in_force(on),
        calls=tuple(
            call for call in call_store.list_opened_before(day.ends_at) if call.is_open_on(day)
        ),
        calendars=tuple(each for each in rules.calendars if each.year == on.year),
    )
