"""More for a running project: within the limits of its mode, once, and never after its end."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from allmende.domain.access import changes
from allmende.domain.access.changes import (
    ChangeIsWaiting,
    ChangeState,
    Limits,
    NothingAskedFor,
    NothingForIt,
    ProjectChange,
    ReportIsMissing,
    SayWhatGoesBack,
    TooManyMonths,
    TooMuchElsewhere,
    TooMuchTime,
)
from allmende.domain.access.conversions import (
    NoPriceOfItsOwn,
    NotForThisProject,
    check_place,
    convert,
    place_on,
)
from allmende.domain.access.modes import Price
from allmende.domain.access.projects import Project, ProjectHasEnded, ProjectState
from allmende.domain.access.reports import Report, ReportKind, ReportState
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sites import PartitionStatus
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import NOON, RULES, TODAY, draft, frozen
from tests.trials import IS_LONG

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


FROZEN = frozen()
OFFERED = replace(HALL, status=PartitionStatus.SLURM)


@pytest.mark.parametrize(
    ("facts", "partition", "why"),
    [
        ({}, BENCH, "ask for more hours without naming it"),
        ({}, replace(OFFERED, status=PartitionStatus.DESCRIBED), "No jobs are sent there"),
        ({}, replace(OFFERED, groups=()), "The group of the project has no share"),
        ({}, replace(OFFERED, access_shares={"national": 1}), "Nothing of the access share"),
        ({"price": Price.PAID}, OFFERED, "Its time is paid for"),
    ],
)
def test_time_elsewhere_is_where_the_project_could_have_been_awarded_some(facts, partition, why):
    result = replace(FROZEN.eligibility, **facts)
    for fits in (OFFERED, replace(OFFERED, access_shares={})):
        check_place(PROJECT, FROZEN, fits)
    with pytest.raises(NotForThisProject, match=why):
        check_place(PROJECT, replace(FROZEN, eligibility=result), partition)


def test_an_award_elsewhere_is_checked_as_if_its_call_were_of_that_machine():
    moved = place_on(replace(draft(), frozen=FROZEN), replace(OFFERED, bought_after_2020=False))
    assert (moved.submitted.call.partition_id, moved.submitted.call.unit) == ("halle", HALL.unit)
    assert not moved.submitted.call.bought_after_2020
    assert replace(moved, frozen=FROZEN) == replace(draft(), frozen=FROZEN)


def test_where_the_mode_wants_a_report_only_an_accepted_one_of_this_project_will_do():
    limits = replace(LIMITS, needs_report=True)
    told = Report(
        project_id=PROJECT.id,
        kind=ReportKind.INTERIM,
        number=1,
        state=ReportState.ACCEPTED,
        handed_in_at=NOON,
    )
    changes.check_report(limits, PROJECT, [told])
    changes.check_report(LIMITS, PROJECT, [])
    for other in (
        replace(told, kind=ReportKind.FINAL),
        replace(told, state=ReportState.HANDED_IN),
        replace(told, handed_in_at=None),
        replace(told, handed_in_at=NOON - timedelta(seconds=1)),  # of before it began
    ):
        with pytest.raises(ReportIsMissing):
            changes.check_report(limits, PROJECT, [other])


class Life:
    """The life of a project: whatever is asked and answered, in whatever order."""

    def __init__(self, dice: Random) -> None:
        self.dice, self.project, self.known = dice, PROJECT, []

    def go(self, steps):
        """Go so many steps, at random; return what was asked for."""
        for _ in range(steps):
            with suppress(Refusal):
                if self.known and self.dice.random() < 0.6:
                    self.dice.choice((self.give, self.end))(self.dice.randrange(len(self.known)))
                else:
                    self.ask()
            self.check_that_the_limits_hold()
        return self.known

    def ask(self):
        number, months = len(self.known), self.dice.randint(-1, 3)
        seconds, back = (self.dice.randint(-1, 6) * HOUR for _ in range(2))
        if self.dice.random() < 0.5:
            change = wanted(months=months, seconds=seconds, number=number)
        else:
            change = elsewhere(seconds=seconds, back_seconds=back, number=number)
        self.known.append(changes.ask(self.project, change, self.known))

    def give(self, place):
        change = self.known[place]
        given = approved(
            change,
            months=self.part_of(change.months),
            seconds=self.part_of(change.seconds),
            back_seconds=self.part_of(change.back_seconds),
        )
        changes.check_limits(LIMITS, self.known, given)
        self.known[place] = given
        self.project = changes.extend(self.project, given)

    def part_of(self, amount):
        return self.dice.choice([0, amount // 2, amount, amount, amount + 1])

    def end(self, place):
        before, deed = self.known[place], {"by": "p-9", "now": NOON}
        if self.dice.random() < 0.5:
            self.known[place] = changes.decline(before, answer="No.", **deed)
        else:
            self.known[place] = changes.withdraw(before, **deed)
        assert before.state is ChangeState.PENDING

    def check_that_the_limits_hold(self):
        given = [each for each in self.known if each.state is ChangeState.APPROVED]
        here = [each for each in given if not each.partition_id]
        seconds = sum(each.given_seconds for each in here)
        worth = sum(each.given_seconds * 5 // 2 for each in given if each.partition_id)
        back = sum(each.given_back_seconds for each in given)
        assert seconds + worth - back <= LIMITS.seconds
        assert sum(each.given_months for each in given) <= LIMITS.months
        assert self.project.awarded_seconds == PROJECT.awarded_seconds + seconds - back
        assert sum(each.state is ChangeState.PENDING for each in self.known) <= 1


LIVES = 5_000 if IS_LONG else 500


def test_in_no_life_of_a_project_the_limits_of_its_mode_are_passed():
    lives = [Life(Random(seed)).go(steps=40) for seed in range(LIVES)]
    ends = Counter(change.state for known in lives for change in known)
    assert ends[ChangeState.APPROVED] > LIVES // 2
    assert ends[ChangeState.DECLINED]
    assert ends[ChangeState.WITHDRAWN]
