"""Units, periods, sentences, refusals, lifecycles and dated rules."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.ids import ALPHABET, render_id
from allmende.domain.basics.lifecycle import ForbiddenMove, Lifecycle
from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.basics.rules import NoSuchRule, Rule, RuleBook, RuleStatus
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import (
    TimeUnit,
    TooManyHours,
    hours_from_seconds,
    kwh_from_joules,
    seconds_from_hours,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    DARK = "dark"


LIGHT = Lifecycle(
    {
        Light.RED: frozenset({Light.GREEN, Light.DARK}),
        Light.GREEN: frozenset({Light.RED}),
        Light.DARK: frozenset(),
    }
)


def test_a_commenced_second_counts():
    assert seconds_from_hours(Decimal("0.0001")) == 1
    assert seconds_from_hours("2.5") == 9000


@pytest.mark.parametrize("hours", ["1000000000.1", "-1e10", "1e999999", "Infinity"])
def test_hours_that_nobody_can_count_are_refused(hours: str):
    with pytest.raises(TooManyHours):
        seconds_from_hours(hours)


@given(st.integers(min_value=0, max_value=10**12))
def test_hours_and_back_lose_nothing_a_person_would_miss(seconds: int):
    assert abs(seconds_from_hours(hours_from_seconds(seconds)) - seconds) <= 1


def test_one_kilowatt_hour_is_three_point_six_million_joules():
    assert kwh_from_joules(3_600_000) == 1


def test_units_have_the_names_that_people_write():
    assert [unit.hours_name for unit in TimeUnit] == ["GPU-h", "node-h"]


def test_the_start_of_a_period_belongs_to_it_and_its_end_does_not():
    hour = Period(starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    assert hour.starts_at in hour
    assert hour.ends_at not in hour
    assert hour.seconds == 3600


@given(st.integers(min_value=0, max_value=2**40 - 1))
def test_ids_are_readable_and_differ_where_their_numbers_differ(number: int):
    text = render_id("j", number)
    prefix, digits = text.split("-")
    assert prefix == "j"
    value = 0
    for digit in digits:
        value = value * 32 + ALPHABET.index(digit)
    assert value == number


def test_a_sentence_inside_a_sentence_survives_json():
    inner = Sentence("{nodes} nodes are busy", {"nodes": 3})
    outer = Sentence("It waits: {why}.", {"why": inner, "since": NOON, "day": NOON.date()})
    assert str(outer) == "It waits: 3 nodes are busy."
    again = Sentence.from_json(outer.to_json())
    assert again.english() == "It waits: 3 nodes are busy."
    assert again.facts["since"] == NOON  # each reader sees it on their own clock
    assert again.facts["day"] == str(NOON.date())


def test_a_refusal_says_its_docstring_with_the_facts():
    refusal = NotFound(kind="job", id="j-1")
    assert str(refusal) == "There is no job j-1. Check the spelling, or list what there is."
    assert (refusal.code(), refusal.status) == ("NotFound", 404)
    assert InvalidInput(field="hours", problem="0 is too few").sentence.facts["field"] == "hours"


def test_a_lifecycle_allows_its_moves_and_names_the_others():
    LIGHT.check_move(Light.RED, Light.GREEN)
    with pytest.raises(ForbiddenMove, match="From green it can become: red"):
        LIGHT.check_move(Light.GREEN, Light.DARK)
    with pytest.raises(ForbiddenMove, match="nothing else"):
        LIGHT.check_move(Light.DARK, Light.RED)
    assert LIGHT.is_final(Light.DARK)
    assert not LIGHT.is_final(Light.RED)


def test_a_lifecycle_draws_itself():
    assert LIGHT.render_mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> red",
        "    red --> dark",
        "    red --> green",
        "    green --> red",
        "    dark --> [*]",
    ]


def a_rule(value: str, *, since: date, until: date | None = None, **more: object) -> Rule:
    return Rule(
        rule="pue.limit",
        value=Decimal(value),
        unit="",
        source="EnEfG § 11",
        valid_from=since,
        valid_to=until,
        checked_on=date(2026, 11, 22),
        **more,
    )


BOOK = RuleBook(
    (
        a_rule("1.5", since=date(2027, 7, 1), until=date(2030, 7, 1)),
        a_rule("1.3", since=date(2030, 7, 1)),
        a_rule("1.2", since=date(2026, 7, 1), applies_if={"site": "new"}),
        a_rule("1.6", since=date(2027, 7, 1), status=RuleStatus.DRAFT),
    )
)


def test_the_rule_of_the_day_decides_and_its_last_day_is_the_day_before():
    assert BOOK.number("pue.limit", on=date(2030, 6, 30)) == Decimal("1.5")
    assert BOOK.number("pue.limit", on=date(2030, 7, 1)) == Decimal("1.3")


def test_the_more_specific_row_goes_first_and_a_draft_never_decides():
    assert BOOK.number("pue.limit", on=date(2028, 1, 1), site="new") == Decimal("1.2")
    assert len(BOOK.in_force(date(2028, 1, 1))) == 2


def test_without_a_row_in_force_nothing_is_guessed():
    with pytest.raises(NoSuchRule):
        BOOK.get("pue.limit", on=date(2026, 1, 1))


def test_a_person_has_the_roles_they_were_given():
    person = Person(id="p-1", name="Ada", roles=frozenset({Role.AUDITOR}))
    assert person.has_role(Role.OPERATOR, Role.AUDITOR)
    assert not person.has_role(Role.OPERATOR)
