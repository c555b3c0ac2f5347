"""Each reminder begins and ends at its instant, and asked again it is the same."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.applications import complete_reviews
from allmende.domain.access.awards import AwardDecision, grant
from allmende.domain.access.expert_reviews import ReviewState
from allmende.domain.access.gates import Step, find_due
from allmende.domain.access.message_kinds import REMINDERS, MessageKind
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.access.reminders import (
    OVERDUE,
    REPORT_AHEAD,
    REPORT_OVERDUE,
    list_project_reminders,
    list_review_reminders,
)
from allmende.domain.access.working_days import begin_before, due_after, is_working_day
from allmende.domain.basics.periods import Period
from tests.domain.access.building import NOON
from tests.domain.access.reviewing import review, with_experts

BERLIN = ZoneInfo("Europe/Berlin")
TICK = timedelta(seconds=1)
DAY = timedelta(days=1)
EARLY = NOON - 30 * DAY
APPLICATION = with_experts()
DUE = find_due(APPLICATION, Step.EXPERT_REVIEW)
SOON = begin_before(DUE, working_days=3, land=APPLICATION.submitted.call.land)
STARTS = datetime(2026, 12, 1, 9, tzinfo=BERLIN)
ENDS = datetime(2027, 6, 1, 9, tzinfo=BERLIN)


def a_project(state=ProjectState.ACTIVE, *, starts_at=STARTS, ends_at=ENDS):
    return Project(
        id="prj-1",
        name="Early signs",
        organisation_id="o-1",
        application_id="app-1",
        group_id="sme",
        partition_id="werkbank",
        access_share="union",
        awarded_seconds=3600,
        period=Period(starts_at=starts_at, ends_at=ends_at),
        state=state,
        member_ids=("p-1", "p-2"),
    )


def an_award(*, condition="", accepted_at=None):
    decision = AwardDecision(
        award_id="award-1",
        project_id="prj-1",
        seconds=60,
        granted_at=STARTS,
        granted_by="p-9",
        condition=condition,
    )
    return replace(grant(APPLICATION, decision), condition_accepted_at=accepted_at)


def kinds_of_review(now, *, state=ReviewState.ACCEPTED, application=APPLICATION, invited_at=EARLY):
    owed = replace(review(1, state=state), invited_at=invited_at)
    return [each.kind for each in list_review_reminders(owed, application, now=now)]


def kinds_of_project(project, now, **facts):
    return [each.kind for each in list_project_reminders(project, now=now, **facts)]


@given(
    end=st.dates(date(2026, 1, 1), date(2030, 12, 31)),
    days=st.integers(1, 15),
    land=st.sampled_from(["", "NW"]),
)
def test_so_many_working_days_lie_before_the_end(end, days, land):
    end_at = datetime(end.year, end.month, end.day, tzinfo=BERLIN)
    first = begin_before(end_at, working_days=days, land=land).astimezone(BERLIN)
    assert (first.hour, first.minute, first.second) == (0, 0, 0)
    spanned = [first.date() + n * DAY for n in range((end - first.date()).days)]
    assert sum(is_working_day(day, land) for day in spanned) == days
    assert is_working_day(first.date(), land)


@given(hours=st.integers(0, 5 * 366 * 24), days=st.integers(1, 15))
def test_looking_back_finds_the_day_after_the_start(hours, days):
    start = NOON + timedelta(hours=hours)
    due = due_after(start, working_days=days)
    assert begin_before(due, working_days=days) > start


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (SOON - TICK, []),
        (SOON, [MessageKind.REVIEW_DUE_SOON]),
        (DUE - TICK, [MessageKind.REVIEW_DUE_SOON]),
        (DUE, [MessageKind.REVIEW_OVERDUE]),
        (DUE + OVERDUE - TICK, [MessageKind.REVIEW_OVERDUE]),
        (DUE + OVERDUE, []),
    ],
)
def test_a_review_is_called_to_mind_before_and_after_its_time(now, expected):
    assert kinds_of_review(now) == expected
    assert kinds_of_review(now, state=ReviewState.INVITED) == expected


@pytest.mark.parametrize(
    "state", [state for state in ReviewState if state.value not in ("invited", "accepted")]
)
def test_nobody_is_reminded_of_a_review_that_they_owe_no_more(state):
    assert kinds_of_review(SOON, state=state) == kinds_of_review(DUE, state=state) == []


def test_nobody_is_reminded_once_the_experts_are_done():
    done = complete_reviews(APPLICATION, now=SOON)
    assert kinds_of_review(SOON, application=done) == []


def test_who_was_asked_late_knows_the_day_from_the_invitation():
    assert kinds_of_review(DUE - TICK, invited_at=SOON) == []
    assert kinds_of_review(DUE, invited_at=SOON) == [MessageKind.REVIEW_OVERDUE]
    assert kinds_of_review(DUE, invited_at=DUE) == []


def test_a_step_without_a_clock_has_no_reminder():
    timeless = replace(APPLICATION, cut_off_at=None, due_at=None)
    assert kinds_of_review(DUE, application=timeless) == []


@pytest.mark.parametrize(
    ("after", "occasion"),
    [
        (7 * DAY - TICK, None),
        (7 * DAY, "7 days"),
        (21 * DAY - TICK, "7 days"),
        (21 * DAY, "21 days"),
        (40 * DAY - TICK, "21 days"),
        (40 * DAY, None),
    ],
)
@pytest.mark.parametrize(
    ("award", "kind", "about"),
    [
        (None, MessageKind.ONBOARDING_OPEN, "prj-1"),
        (an_award(), MessageKind.ONBOARDING_OPEN, "prj-1"),
        (an_award(condition="Sign."), MessageKind.CONDITION_OPEN, "app-1"),
        (
            an_award(condition="Sign.", accepted_at=STARTS),
            MessageKind.ONBOARDING_OPEN,
            "prj-1",
        ),
    ],
)
def test_a_project_that_waits_to_start_is_called_to_mind_twice(after, occasion, award, kind, about):
    found = list_project_reminders(
        a_project(ProjectState.ONBOARDING), award=award, now=STARTS + after
    )
    expected = [] if occasion is None else [(kind, about, occasion)]
    assert [(each.kind, each.about, each.occasion) for each in found] == expected
    assert kinds_of_project(a_project(), STARTS + after) == []  # it has started


@pytest.mark.parametrize(
    ("before", "occasion"),
    [
        (30 * DAY + TICK, None),
        (30 * DAY, "2027-06-01 30 days"),
        (7 * DAY + TICK, "2027-06-01 30 days"),
        (7 * DAY, "2027-06-01 7 days"),
        (TICK, "2027-06-01 7 days"),
        (0 * DAY, None),
    ],
)
@pytest.mark.parametrize("state", [ProjectState.ACTIVE, ProjectState.SUSPENDED])
def test_the_end_of_a_project_is_called_to_mind_twice(before, occasion, state):
    found = list_project_reminders(a_project(state), left="2 GPU-h", now=ENDS - before)
    assert [each.occasion for each in found] == ([] if occasion is None else [occasion])
    assert all(each.facts["left"] == "2 GPU-h" for each in found)
    assert all(each.recipient_ids == ("p-1", "p-2") for each in found)


def test_an_end_that_moves_is_called_to_mind_anew():
    occasions = {
        list_project_reminders(a_project(ends_at=ends_at), now=ends_at - DAY)[0].occasion
        for ends_at in (ENDS, ENDS + 30 * DAY)
    }
    assert len(occasions) == 2


def test_a_short_project_is_not_told_on_its_first_day_that_it_ends():
    short = a_project(starts_at=ENDS - 20 * DAY)
    assert kinds_of_project(short, ENDS - 20 * DAY) == []
    assert kinds_of_project(short, ENDS - 7 * DAY) == [MessageKind.PROJECT_ENDS_SOON]


REPORT = datetime(2027, 9, 2, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (REPORT - REPORT_AHEAD - TICK, []),
        (REPORT - REPORT_AHEAD, [MessageKind.REPORT_DUE_SOON]),
        (REPORT - DAY - TICK, [MessageKind.REPORT_DUE_SOON]),
        (REPORT - DAY, [MessageKind.REPORT_DUE]),
        (REPORT - TICK, [MessageKind.REPORT_DUE]),
        (REPORT, [MessageKind.REPORT_OVERDUE]),
        (REPORT + REPORT_OVERDUE - TICK, [MessageKind.REPORT_OVERDUE]),
        (REPORT + REPORT_OVERDUE, []),
    ],
)
def test_the_report_is_asked_for_until_it_is_there(now, expected):
    ended = a_project(ProjectState.ENDED)
    assert kinds_of_project(ended, now, report_due_at=REPORT) == expected
    assert kinds_of_project(ended, now) == []
    assert kinds_of_project(a_project(ProjectState.CLOSED), now, report_due_at=REPORT) == []


@given(
    seconds=st.integers(0, 400 * 86_400),
    more=st.integers(0, 3 * 86_400),
    state=st.sampled_from(ProjectState),
)
def test_asked_again_the_reminder_is_the_same_or_another_stage(seconds, more, state):
    """A later run never repeats an earlier stage, and one stage has one occasion."""
    now = STARTS + timedelta(seconds=seconds)
    first, second = (
        list_project_reminders(a_project(state), now=at, report_due_at=REPORT)
        for at in (now, now + timedelta(seconds=more))
    )
    assert {each.kind for each in (*first, *second)} <= REMINDERS
    stages = {(each.kind, each.occasion) for each in first}
    again = {(each.kind, each.occasion) for each in second}
    assert len(stages) == len(first)
    if stages & again:
        at = now + timedelta(seconds=more // 2)
        middle = list_project_reminders(a_project(state), now=at, report_due_at=REPORT)
        assert stages & again <= {(each.kind, each.occasion) for each in middle}
