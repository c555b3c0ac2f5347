"""More for a running project: within the limits of its mode, once, and never after its end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from allmende.domain.access import changes
from allmende.domain.access.changes import (
    ChangeIsWaiting,
    ChangeState,
    Limits,
    NothingAskedFor,
    NothingForIt,
    ProjectChange,
    SayWhatGoesBack,
    TooManyMonths,
    TooMuchElsewhere,
    TooMuchTime,
)
from allmende.domain.access.conversions import NoPriceOfItsOwn, convert
from allmende.domain.access.projects import Project, ProjectHasEnded, ProjectState
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import NOON, RULES, TODAY

HOUR = 3600
PROJECT = Project(
    id="prj-1",
    name="Gewebe",
    organisation_id="org-1",
    application_id="app-1",
    group_id="sme",
    partition_id="werkbank",
    access_share="union",
    awarded_seconds=100 * HOUR,
    period=Period(starts_at=NOON, ends_at=NOON + timedelta(days=30)),
    state=ProjectState.ACTIVE,
)
LIMITS = Limits(months=3, seconds=10 * HOUR, needs_report=False)


BENCH = RULES.get_partition("werkbank")
HALL = replace(BENCH, id="halle", unit=TimeUnit.GPU_SECONDS, gpus_per_node=4)
GENERAL = RULES.book.get("aid.shadow_price_cents_per_hour", on=TODAY)  # 2 EUR


def book_with(cents, *, of="halle"):
    row = replace(GENERAL, value=Decimal(cents), applies_if={"partition": of})
    return RuleBook((*RULES.book.rules, row))


CONVERSION = convert(book_with(500), BENCH, HALL, on=TODAY)  # one hour there is 2.5 here


def elsewhere(*, seconds=HOUR, back_seconds=0, number=1):
    change = wanted(months=0, seconds=seconds, number=number)
    return replace(change, partition_id="halle", back_seconds=back_seconds, conversion=CONVERSION)


def wanted(*, months=1, seconds=0, reason="It takes longer.", now=NOON, number=1):
    return ProjectChange(
        id=f"chg-{number}",
        project_id=PROJECT.id,
        months=months,
        seconds=seconds,
        reason=reason,
        asked_by="p-1",
        asked_at=now,
    )


def approved(change, *, months=None, seconds=None, back_seconds=0):
    return changes.approve(
        change,
        months=change.months if months is None else months,
        seconds=change.seconds if seconds is None else seconds,
        back_seconds=back_seconds,
        answer="",
        by="p-9",
        now=NOON,
    )


def test_the_limits_are_those_of_the_mode():
    read = {
        mode: changes.read_limits(RULES.book, mode_id=mode, awarded_seconds=100 * HOUR, on=TODAY)
        for mode in ("ai-for-science", "playground")
    }
    assert read["ai-for-science"] == Limits(months=3, seconds=10 * HOUR, needs_report=True)
    assert read["playground"] == Limits(months=3, seconds=100 * HOUR, needs_report=False)


def test_what_cannot_be_asked_for():
    end = PROJECT.period.ends_at
    assert changes.ask(PROJECT, wanted(now=end - timedelta(seconds=1)), []).months == 1
    for change, refusal in (
        (wanted(months=0), NothingAskedFor),
        (wanted(months=-1, seconds=5), NothingAskedFor),
        (wanted(reason=" "), InvalidInput),
        (wanted(reason="ß" * 2_001), InvalidInput),
        (wanted(reason="more\u202etime"), InvalidInput),
        (wanted(now=end), ProjectHasEnded),
    ):
        with pytest.raises(refusal):
            changes.ask(PROJECT, change, [])
    for state in (ProjectState.ENDED, ProjectState.CLOSED):
        with pytest.raises(ProjectHasEnded):
            changes.ask(replace(PROJECT, state=state), wanted(), [])
    with pytest.raises(ChangeIsWaiting):
        changes.ask(PROJECT, wanted(number=2), [wanted()])


def test_the_end_moves_by_calendar_months_of_berlin():
    project = replace(
        PROJECT,
        period=Period(starts_at=NOON, ends_at=datetime(2027, 1, 30, 23, tzinfo=UTC)),  # 31 January
    )
    extended = changes.extend(project, approved(wanted(months=1, seconds=HOUR)))
    assert extended.period.ends_at == datetime(2027, 2, 27, 23, tzinfo=UTC)
    assert extended.awarded_seconds == 101 * HOUR
    longer = changes.extend(project, approved(wanted(months=3)))
    assert longer.period.ends_at == datetime(2027, 4, 29, 22, tzinfo=UTC)  # summer time


def test_a_part_may_be_given_and_never_more():
    change = wanted(months=2, seconds=5 * HOUR)
    assert approved(change, months=1, seconds=0).given_months == 1
    for months, seconds in ((3, 0), (0, 6 * HOUR), (-1, 1)):
        with pytest.raises(InvalidInput):
            approved(change, months=months, seconds=seconds)
    with pytest.raises(NothingAskedFor):
        approved(change, months=0, seconds=0)
    with pytest.raises(InvalidInput):
        changes.decline(change, answer="", by="p-9", now=NOON)


def test_what_was_given_before_counts():
    given = approved(wanted(months=2, seconds=9 * HOUR))
    changes.check_limits(LIMITS, [given], approved(wanted(months=1, seconds=HOUR)))
    with pytest.raises(TooManyMonths):
        changes.check_limits(LIMITS, [given], approved(wanted(months=2)))
    with pytest.raises(TooMuchTime):
        changes.check_limits(LIMITS, [given], approved(wanted(months=0, seconds=2 * HOUR)))


def test_hours_elsewhere_count_by_what_they_are_worth():
    four = elsewhere(seconds=4 * HOUR, back_seconds=HOUR)
    changes.check_limits(LIMITS, [], approved(four))  # exactly the ten hours that are allowed
    given = approved(four, back_seconds=HOUR)
    assert given.counted_seconds == 9 * HOUR
    assert given.comparison == four.comparison
    worth, back, *_ = (each.english() for each in given.comparison)
    assert worth.endswith("4 GPU-h on halle are worth as much as 10 node-h on werkbank.")
    assert back == "For them 1 node-h on werkbank go back."
    assert len(approved(four).comparison) == len(four.comparison) - 1
    assert wanted().comparison == ()
    with pytest.raises(TooMuchElsewhere):
        changes.check_limits(LIMITS, [given], approved(elsewhere()))
    extended = changes.extend(PROJECT, given)
    assert extended.awarded_seconds == PROJECT.awarded_seconds - HOUR
    cheap = convert(book_with(1), BENCH, HALL, on=TODAY)
    assert cheap.count(seconds=1, back_seconds=0) == 1  # rounded up
    assert cheap.count(seconds=HOUR, back_seconds=HOUR) == 0  # and it makes no room


def test_what_goes_back_is_named_and_never_more_than_was_offered():
    for odd in (
        replace(elsewhere(), back_seconds=-1),
        replace(elsewhere(), seconds=0, months=1),
        replace(wanted(), back_seconds=HOUR),
        replace(wanted(seconds=HOUR), back_seconds=HOUR),
    ):
        with pytest.raises(NothingForIt):
            changes.ask(PROJECT, odd, [])
    offered = elsewhere(seconds=2 * HOUR, back_seconds=HOUR)
    assert changes.ask(PROJECT, offered, []) == offered
    assert changes.find_back(offered, seconds=2 * HOUR) == HOUR
    with pytest.raises(SayWhatGoesBack):
        changes.find_back(offered, seconds=HOUR)
    assert changes.find_back(elsewhere(), seconds=1) == 0
    for back_seconds in (HOUR + 1, -1):
        with pytest.raises(InvalidInput):
            approved(offered, back_seconds=back_seconds)
    with pytest.raises(NothingForIt):
        approved(replace(offered, months=1), seconds=0, back_seconds=HOUR)


def test_an_hour_is_said_with_its_size_and_its_price():
    bench, hall = CONVERSION.home.sentence.english(), CONVERSION.there.sentence.english()
    assert f"a whole node (cores: {BENCH.cores_per_node};" in bench
    assert "one GPU, of which a node has 4" in hall
    assert "2 EUR" in bench
    assert "5 EUR" in hall


def test_without_a_price_of_its_own_nothing_compares_two_machines():
    for book in (RULES.book, book_with(0), book_with(0, of="werkbank")):
        with pytest.raises(NoPriceOfItsOwn):
            convert(book, BENCH, HALL, on=TODAY)


class Life(RuleBasedStateMachine):
    """Whatever is asked and answered, in whatever order, the limits of the mode hold."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.known = PROJECT, []

    @rule(
        months=st.integers(-1, 4),
        hours=st.integers(-1, 12),
        back=st.none() | st.integers(0, 12),  # none: not elsewhere
    )
    def ask(self, months, hours, back):
        number, seconds = len(self.known), hours * HOUR
        if back is None:
            change = wanted(months=months, seconds=seconds, number=number)
        else:
            change = elsewhere(seconds=seconds, back_seconds=back * HOUR, number=number)
        try:
            self.known.append(changes.ask(self.project, change, self.known))
        except Refusal:
            return

    @rule(
        place=st.integers(0, 9),
        months=st.integers(0, 4),
        hours=st.integers(0, 12),
        back=st.integers(0, 12),
    )
    def give(self, place, months, hours, back):
        if place >= len(self.known):
            return
        change = self.known[place]
        try:
            given = approved(change, months=months, seconds=hours * HOUR, back_seconds=back * HOUR)
            changes.check_limits(LIMITS, self.known, given)
        except Refusal:
            return
        self.known[place] = given
        self.project = changes.extend(self.project, given)

    @rule(place=st.integers(0, 9), declines=st.booleans())
    def end(self, place, declines):
        if place < len(self.known):
            deed = changes.decline if declines else changes.withdraw
            extra = {"answer": "No."} if declines else {}
            try:
                self.known[place] = deed(self.known[place], by="p-9", now=NOON, **extra)
            except ForbiddenMove:
                assert self.known[place].state is not ChangeState.PENDING

    @invariant()
    def the_limits_hold(self):
        given = [each for each in self.known if each.state is ChangeState.APPROVED]
        here = [each for each in given if not each.partition_id]
        seconds = sum(each.given_seconds for each in here)
        worth = sum(each.given_seconds * 5 // 2 for each in given if each.partition_id)
        back = sum(each.given_back_seconds for each in given)
        assert seconds + worth - back <= LIMITS.seconds
        assert sum(each.given_months for each in given) <= LIMITS.months
        assert self.project.awarded_seconds == PROJECT.awarded_seconds + seconds - back
        assert sum(each.state is ChangeState.PENDING for each in self.known) <= 1


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
