"""Ceilings: what they cover, what they are a part of, and that nothing passes them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.ceilings import (
    CEILINGS,
    ShareCeilingWouldBePassed,
    ShareIsNotKnown,
    build_contingent,
    check_contingent,
    count_given,
    find_share_seconds,
    list_ceilings,
    year_of,
)
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import PartitionStatus
from tests.domain.access.building import HOUR, RULES, TODAY

WERKBANK = RULES.get_partition("werkbank")
COVERED = {
    "share.commercial": ["commercial"],
    "share.industrial_innovation": ["playground", "national-bridge", "fast-lane", "large-scale"],
    "share.playground_and_fast_lane": ["playground", "fast-lane"],
    "share.ai_for_science": ["ai-for-science"],
}


def contingent(rule="share.playground_and_fast_lane", **changes):
    ceiling = next(each for each in CEILINGS if each.rule == rule)
    row = RULES.book.get(rule, on=TODAY)
    found = build_contingent(ceiling, row, WERKBANK, rules=RULES, on=TODAY)
    return replace(found, **changes)


def test_each_ceiling_covers_its_modes():
    modes = RULES.modes.in_force(TODAY)
    assert {
        ceiling.rule: [mode.id for mode in modes if ceiling.covers(mode)] for ceiling in CEILINGS
    } == COVERED


def test_a_ceiling_is_a_part_of_the_union_share_of_the_year():
    # Six nodes, half of them the Union's, for 8,760 hours.
    assert find_share_seconds(WERKBANK, "union", year=2026) == 26_280 * HOUR
    assert find_share_seconds(WERKBANK, "union", year=2028) == 26_352 * HOUR
    assert contingent().limit_seconds == 2_628 * HOUR
    assert contingent("share.ai_for_science").limit_seconds == 6_570 * HOUR
    gpus = replace(WERKBANK, unit="gpu_seconds", gpus_per_node=4)
    assert find_share_seconds(replace(gpus, nodes=None), "union", year=2026) is None
    assert find_share_seconds(gpus, "commons", year=2026) is None


def test_a_machine_may_have_a_row_of_its_own_and_a_day_none():
    row = RULES.book.get("share.ai_for_science", on=TODAY)
    own = replace(row, value=Decimal(5), applies_if={"partition": "werkbank"})
    rules = replace(RULES, book=replace(RULES.book, rules=(*RULES.book.rules, own)))
    science = rules.get_mode("ai-for-science", on=TODAY)
    found = list_ceilings(rules, on=TODAY, partition_id="werkbank", mode=science)
    assert [each.value for _, each in found] == [5]
    before = list_ceilings(RULES, on=date(2025, 11, 30), partition_id="werkbank")
    assert [ceiling.rule for ceiling, _ in before] == ["share.commercial"]


def test_nothing_is_given_of_a_share_that_is_not_known():
    jupiter = RULES.get_partition("jupiter-booster")
    assert jupiter.status is PartitionStatus.DESCRIBED
    row = RULES.book.get("share.commercial", on=TODAY)
    with pytest.raises(ShareIsNotKnown):
        build_contingent(CEILINGS[0], row, jupiter, rules=RULES, on=TODAY)


@given(st.integers(0, 2_628 * HOUR), st.integers(1, 3_000 * HOUR))
def test_what_passes_the_ceiling_is_refused_as_a_whole(given_seconds, seconds):
    found = contingent(given_seconds=given_seconds)
    if seconds <= found.left_seconds:
        check_contingent(found, seconds=seconds)
    else:
        with pytest.raises(ShareCeilingWouldBePassed):
            check_contingent(found, seconds=seconds)


def test_the_refusal_shows_its_arithmetic():
    with pytest.raises(ShareCeilingWouldBePassed) as refusal:
        check_contingent(contingent(given_seconds=2_600 * HOUR), seconds=40 * HOUR)
    assert str(refusal.value) == (
        "Playground and Fast Lane together may have 2628 node-h of the union share of werkbank in "
        "2026: 10 per cent of 26280. 2600 are given, and 40 more would make 2640. So none of it is "
        "given. Award at most 28 node-h, or wait for the next year."
    )
    assert contingent(given_seconds=9_999 * HOUR).left_seconds == 0


def test_what_came_back_in_the_year_makes_room_and_no_more_than_was_given():
    out = {("a", "p1"): 10, ("b", "p1"): 5, ("c", "p2"): 7, ("a", "p3"): 1}
    back = {("a", "p1"): 4, ("a", "p2"): 3, ("a", "p3"): 9, ("c", "p2"): 2}
    assert count_given(out, back, frozenset("ab")) == 11
    assert count_given(out, back, frozenset("c")) == 5
    assert count_given(out, back, frozenset()) == 0


def test_a_machine_or_a_partition_that_nobody_knows_is_refused():
    with pytest.raises(NotFound):
        RULES.get_partition("no-such")


def test_the_year_is_the_year_of_berlin():
    almost = datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)
    assert almost in year_of(almost)
    turned = year_of(datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert turned.starts_at == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert almost not in turned
