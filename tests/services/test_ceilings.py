"""No sequence of awards, top-ups and returned time passes a ceiling, and what is left is exact."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allmende.domain.access.ceilings import ShareCeilingWouldBePassed
from allmende.domain.basics.people import DAEMON, PUBLIC
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.services import allocations, applications, awards, calls, ceilings
from tests.services.access import (
    CALL_ID,
    HOUR,
    NOON,
    RULES,
    assessed,
    deed,
    founder,
    officer,
)

pytestmark = pytest.mark.django_db

CALL = RULES.get_call(CALL_ID)
POOL = {"partition_id": "werkbank", "access_share": "union", "unit": CALL.unit}
WHY = Sentence("Because.")
NEXT_YEAR = datetime(2027, 1, 1, 12, tzinfo=UTC)


def rules_with(**percent):
    """Return the rules with other ceilings; a per cent of the Werkbank's Union share is 262.8 h."""
    rows = [
        replace(row, value=Decimal(percent.get(row.rule.partition(".")[2], row.value)))
        if row.rule.partition(".")[2] in percent
        else row
        for row in RULES.book.rules
    ]
    return replace(RULES, book=RuleBook(tuple(rows)))


# Four hours a year: 26,280 hours are the share.
TIGHT = rules_with(playground_and_fast_lane="0.015221")
LIMIT = int(26_280 * HOUR * Decimal("0.00015221"))


def left(rules, now=NOON):
    found = ceilings.list_contingents(PUBLIC, rules=rules, now=now)
    return {each.rule: each.left_seconds for each in found}


@pytest.fixture
def playground():
    return calls.open_call(deed(DAEMON), CALL_ID, rules=RULES)


def test_everybody_sees_what_is_left(playground):
    before = left(RULES)
    assert before == {
        "share.commercial": 5_256 * HOUR,
        "share.industrial_innovation": 7_884 * HOUR,
        "share.playground_and_fast_lane": 2_628 * HOUR,
        "share.ai_for_science": 6_570 * HOUR,
    }
    application = assessed(*founder())
    awards.award_application(deed(officer()), application.id, rules=RULES)
    after = left(RULES)
    assert after["share.playground_and_fast_lane"] == 2_624 * HOUR
    assert after["share.industrial_innovation"] == 7_880 * HOUR
    assert after["share.commercial"] == 5_256 * HOUR
    assert left(RULES, now=NEXT_YEAR) == before


def test_an_award_that_would_pass_a_ceiling_changes_nothing(playground):
    ada, firm = founder()
    first, second = assessed(ada, firm, requested_hours="3"), assessed(ada, firm)
    awards.award_application(deed(officer()), first.id, rules=TIGHT)
    with pytest.raises(ShareCeilingWouldBePassed) as refusal:
        awards.award_application(deed(officer()), second.id, rules=TIGHT)
    assert (refusal.value.facts["given"], refusal.value.facts["asked"]) == ("3", "4")
    assert applications.get_application(ada, second.id) == second
    assert awards.find_award_of_application(ada, second.id) is None
    rest = left(TIGHT)["share.playground_and_fast_lane"]
    assert rest == LIMIT - 3 * HOUR
    small = awards.award_application(deed(officer()), second.id, rules=TIGHT, seconds=rest)
    assert small.seconds == rest
    assert left(TIGHT)["share.playground_and_fast_lane"] == 0


def test_modes_with_one_ceiling_count_together_and_the_next_year_is_new(playground):
    fast = replace(CALL, id="fast", mode_id="fast-lane")
    both = replace(TIGHT, calls=(fast,))
    calls.open_call(deed(DAEMON), "fast", rules=both)
    ada, firm = founder()
    first = assessed(ada, firm, requested_hours="3")
    other = assessed(ada, firm, call_id="fast", experience="familiar")
    awards.award_application(deed(officer()), first.id, rules=both)
    with pytest.raises(ShareCeilingWouldBePassed):
        awards.award_application(deed(officer()), other.id, rules=both)
    awards.award_application(deed(officer(), now=NEXT_YEAR), other.id, rules=both)
    assert left(both, now=NEXT_YEAR)["share.playground_and_fast_lane"] == LIMIT - 4 * HOUR


def test_time_of_last_year_that_comes_back_makes_no_room_this_year(playground):
    award = awards.award_application(deed(officer()), assessed(*founder()).id, rules=RULES)
    give_back(award.project_id, HOUR, now=NOON)
    assert left(RULES)["share.playground_and_fast_lane"] == 2_625 * HOUR
    give_back(award.project_id, HOUR, now=NEXT_YEAR)
    assert left(RULES)["share.playground_and_fast_lane"] == 2_625 * HOUR
    assert left(RULES, now=NEXT_YEAR)["share.playground_and_fast_lane"] == 2_628 * HOUR


def give_back(project_id, seconds, *, now, number=iter(range(10**6))):
    allocations.claw_back_project(
        deed(DAEMON, now=now),
        claw_back_id=f"back-{next(number)}",
        project_id=project_id,
        mode_id="playground",
        seconds=seconds,
        reason=WHY,
    )


moves = st.lists(
    st.tuples(st.sampled_from(["award", "back"]), st.integers(1, 5), st.integers(0, 500)),
    max_size=8,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=moves)
def test_no_year_ever_gives_more_than_the_ceiling(playground, moves):
    """Awards and returned time in any order, over years; the model counts by hand."""
    now, given_by_year, kept = NOON, {}, []
    before = {}
    for kind, hours, days in moves:
        now += timedelta(days=days)
        year = now.year
        before.setdefault(year, LIMIT * 2 - left(LOOSE, now=now)["share.playground_and_fast_lane"])
        if kind == "award":
            seconds = min(hours, 4) * HOUR
            application = assessed(*founder(), requested_hours=str(min(hours, 4)))
            room = LIMIT * 2 - before[year] - given_by_year.get(year, 0)
            try:
                award = awards.award_application(
                    deed(officer(), now=now), application.id, rules=LOOSE
                )
            except ShareCeilingWouldBePassed:
                assert seconds > room
                continue
            assert seconds <= room
            given_by_year[year] = given_by_year.get(year, 0) + seconds
            kept.append((award.project_id, year, seconds))
        elif kept:
            project_id, when, seconds = kept.pop()
            give_back(project_id, seconds, now=now)
            if when == year:
                given_by_year[year] -= seconds
    for year, seconds in given_by_year.items():
        assert 0 <= seconds <= LIMIT * 2 - before[year]


LOOSE = rules_with(playground_and_fast_lane="0.030442")
