"""Versions of modes are added; nothing that was in force ever changes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.modes import (
    Change,
    Modes,
    VersionTooEarly,
    check_version,
    list_changes,
)
from tests.domain.access.building import RULES, TODAY

PLAY = RULES.get_mode("playground", on=TODAY)
LARGE = RULES.get_mode("large-scale", on=TODAY)
NEXT = replace(PLAY, valid_from=date(2027, 1, 1), decision_working_days=3)
DAYS = st.dates(date(2026, 1, 1), date(2028, 1, 1))


def test_a_new_version_ends_the_one_before_on_its_first_day():
    modes = Modes((PLAY, LARGE)).with_added([NEXT])
    before, after = modes.versions("playground")
    assert (before.valid_to, after.valid_to) == (date(2027, 1, 1), None)
    assert modes.find("playground", on=date(2026, 12, 31)) == before
    assert modes.find("playground", on=date(2027, 1, 1)) == NEXT
    assert [mode.id for mode in modes.in_force(date(2027, 1, 1))] == ["playground", "large-scale"]
    assert Modes((PLAY,)).with_added([]) == Modes((PLAY,))


def test_a_call_is_made_from_the_version_of_today_or_the_next_one():
    soon = replace(PLAY, id="soon", valid_from=date(2027, 2, 1))
    over = replace(PLAY, id="over", valid_to=TODAY)
    modes = Modes((over, PLAY, soon, LARGE)).with_added([NEXT])
    offered = modes.list_offered(TODAY)
    assert [mode.id for mode in offered] == ["playground", "soon", "large-scale"]
    assert offered[0].valid_from == PLAY.valid_from
    assert modes.list_offered(date(2027, 1, 1))[0] == NEXT


def test_a_mode_that_has_ended_stays_ended_until_its_next_version():
    ended = replace(PLAY, valid_to=date(2026, 6, 1))
    modes = Modes((ended,)).with_added([NEXT])
    assert modes.find("playground", on=date(2026, 12, 31)) is None
    assert modes.versions("playground")[0] == ended


@given(st.lists(DAYS, max_size=6), st.lists(DAYS, min_size=1, max_size=20))
def test_versions_written_by_the_rules_never_change_a_day_that_was_settled(todays, asked):
    """Whoever writes when: what was in force on a day up to then stays, and no two hold at once."""
    modes = Modes((PLAY, LARGE))
    for number, today in enumerate(sorted(todays)):
        version = replace(
            PLAY, valid_from=today + timedelta(days=number), decision_working_days=number
        )
        try:
            check_version(version, modes=modes, today=today)
        except VersionTooEarly:
            continue
        grown = modes.with_added([version])
        settled = [day for day in asked if day < version.valid_from]
        for day in settled:
            old, new = modes.find("playground", on=day), grown.find("playground", on=day)
            assert replace(old, valid_to=None) == replace(new, valid_to=None)
        modes = grown
    for day in asked:
        assert sum(mode.id == "playground" for mode in modes.in_force(day)) == 1


def test_of_two_versions_of_a_day_the_added_one_counts():
    """The configuration may ship, later, a version for the day of an added one."""
    shipped = replace(NEXT, decision_working_days=9)
    later = replace(PLAY, valid_from=date(2028, 1, 1))
    modes = Modes((PLAY, shipped, later)).with_added([NEXT])
    assert modes.find("playground", on=date(2027, 5, 1)).decision_working_days == 3
    assert modes.find("playground", on=date(2028, 5, 1)) == later


@pytest.mark.parametrize(
    ("day", "versions", "fits"),
    [
        (TODAY, (PLAY,), True),
        (TODAY - timedelta(days=1), (PLAY,), False),
        (date(2027, 1, 1), (PLAY, NEXT), False),
        (date(2027, 1, 2), (PLAY, NEXT), True),
        (TODAY, (), True),
    ],
)
def test_a_version_begins_today_at_the_earliest_and_after_all_others(day, versions, fits):
    version = replace(PLAY, valid_from=day)
    if fits:
        check_version(version, modes=Modes(versions), today=TODAY)
    else:
        with pytest.raises(VersionTooEarly):
            check_version(version, modes=Modes(versions), today=TODAY)


def test_changes_name_each_field_once_and_criteria_by_their_id():
    plan = replace(
        LARGE.review,
        sum_threshold=11,
        criteria=(replace(LARGE.review.criteria[0], weight=2), *LARGE.review.criteria[1:]),
    )
    changed = replace(LARGE, review=plan, valid_from=date(2027, 1, 1), valid_to=date(2028, 1, 1))
    found = {each.field: (each.before, each.after) for each in list_changes(LARGE, changed)}
    assert found.keys() == {"review.sum_threshold", "review.criteria.excellence"}
    assert found["review.sum_threshold"] == (10, 11)
    before, after = found["review.criteria.excellence"]
    assert (before["weight"], after["weight"]) == (1, 2)
    gone = list_changes(LARGE, replace(LARGE, review=None))
    assert Change(field="review.sum_threshold", before=10, after=None) in gone
    assert list_changes(LARGE, LARGE) == ()
