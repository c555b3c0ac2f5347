"""The marks of the AI Act are dated rules; "greater than" passes one, and the day decides."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.access.building import RULES

from allmende.domain.basics.compute_marks import list_marks, say_provider
from allmende.domain.basics.rules import NoSuchRule

BOOK, TODAY = RULES.book, date(2026, 11, 26)


def test_each_mark_has_its_rule_its_day_and_its_source():
    marks = list_marks(0, BOOK, on=TODAY)
    assert [(mark.rule, mark.flop) for mark in marks] == [
        ("ai.modifier_share_percent", 33_333_333_000_000_000_000_000),
        ("ai.general_purpose_flop", 10**23),
        ("ai.systemic_risk_flop", 10**25),
    ]
    assert {mark.valid_from for mark in marks} == {date(2025, 8, 2)}
    assert "C(2025) 7719" in marks[0].source
    assert "Art. 51(2)" in marks[2].source
    assert "within 14 days" in marks[2].sentence.english()
    assert "original" in say_provider().english()


@given(st.integers(0, 10**27))
def test_a_mark_is_passed_above_it(flop):
    for mark in list_marks(flop, BOOK, on=TODAY):
        assert mark.is_reached is (flop > mark.flop)


def test_a_mark_says_what_passes_it_what_could_and_what_follows():
    mark = list_marks(0, BOOK, on=TODAY)[2]
    follows = mark.sentence.english()
    assert mark.say_passed(2 * 10**25).english() == (
        f"The training takes 2 × 10²⁵ FLOP, more than 10²⁵. {follows}"
    )
    assert mark.say_possible(2 * 10**25).english() == (
        f"The hours asked for are enough for 2 × 10²⁵ FLOP, more than 10²⁵. {follows}"
    )
    assert mark.say_source().english() == f"{mark.source}; in force since 2025-08-02"


def test_before_their_day_there_are_none():
    with pytest.raises(NoSuchRule):
        list_marks(10**26, BOOK, on=date(2025, 8, 1))
