"""Awards make projects; a project runs only while it is active and in its period."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.access import applications, projects
from allmende.domain.access.awards import (
    AwardAboveRequest,
    AwardDecision,
    ConditionIsOpen,
    NoCondition,
    NotFeasible,
    accept_condition,
    add_months,
    check_award,
    check_no_open_condition,
    grant,
    open_project,
)
from allmende.domain.access.modes import Price
from allmende.domain.access.projects import (
    LastMember,
    Project,
    ProjectHasEnded,
    ProjectHasNotStarted,
    ProjectIsNotReady,
    ProjectIsSuspended,
    ProjectState,
)
from allmende.domain.access.reviews import TechnicalAssessment, check_assessment
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from tests.domain.access.building import (
    HOUR,
    LARGE,
    NOON,
    RULES,
    answers,
    draft,
    frozen,
    size,
)

SECOND = timedelta(seconds=1)
PROJECT = Project(
    id="prj-1",
    name="Finding tumours early",
    organisation_id="x",
    application_id="app-1",
    group_id="sme",
    partition_id="werkbank",
    access_share="union",
    awarded_seconds=4 * HOUR,
    period=Period(starts_at=NOON, ends_at=NOON + timedelta(days=30)),
    state=ProjectState.ACTIVE,
    member_ids=("p-1",),
)
YES = TechnicalAssessment(
    application_id="app-1", is_feasible=True, notes="", assessed_by="p-9", assessed_at=NOON
)
DECISION = AwardDecision(
    award_id="award-1", project_id="prj-1", seconds=4 * HOUR, granted_at=NOON, granted_by="p-8"
)


def assessed(**given):
    application = applications.submit(draft(), frozen=frozen(**given), now=NOON)
    if application.state is applications.ApplicationState.SUBMITTED:
        why = Sentence("Seen.")
        application = applications.decide_eligibility(
            application, is_eligible=True, why=why, now=NOON
        )
    return applications.assess(application, is_feasible=True)


def test_award_and_project_follow_from_what_was_frozen():
    award = grant(assessed(), DECISION)
    assert (award.price, award.price_cents_per_hour) == (Price.FREE, 0)
    assert award.legal_basis == "Reg. (EU) 2021/1173 Art. 17(6)"
    assert award.period == Period(starts_at=NOON, ends_at=datetime(2026, 12, 23, 12, tzinfo=UTC))
    project = open_project(assessed(), award)
    assert project == replace(PROJECT, state=ProjectState.ONBOARDING, period=award.period)


def test_letter_says_hours_dates_price_and_ground():
    text = "\n".join(each.english() for each in grant(assessed(), DECISION).letter)
    assert text.startswith("Herzschlag GmbH is awarded 4 node-h on werkbank for “Finding tumours")
    assert "from 2026-11-23 until 2026-12-23 in project prj-1" in text
    assert "The time is free of charge." in text
    assert "As an SME you innovate with artificial intelligence free of charge." in text


def test_commercial_award_names_its_price():
    call = RULES.get_call("werkbank-commercial-2026")
    award = grant(assessed(call=call, given=answers(size=size([LARGE]))), DECISION)
    assert (award.price, award.price_cents_per_hour) == (Price.PAID, 90)
    assert "The price is 90 cents per hour used." in [each.english() for each in award.letter]


def test_a_condition_is_accepted_once_and_before_that_nothing_starts():
    award = grant(assessed(), replace(DECISION, condition="Share the weights."))
    with pytest.raises(ConditionIsOpen, match="Share the weights"):
        check_no_open_condition(award)
    accepted = accept_condition(award, by="p-1", now=NOON)
    check_no_open_condition(accepted)
    assert accept_condition(accepted, by="p-2", now=NOON + SECOND) == accepted
    assert (accepted.condition_accepted_at, accepted.condition_accepted_by) == (NOON, "p-1")
    unconditional = grant(assessed(), DECISION)
    check_no_open_condition(unconditional)
    with pytest.raises(NoCondition):
        accept_condition(unconditional, by="p-1", now=NOON)


def test_group_follows_from_the_mode_where_a_person_decided():
    application = assessed(given=answers(size=None))
    award = grant(application, DECISION)
    assert open_project(application, award).group_id == "sme"


def test_no_award_against_the_assessment_or_above_the_request():
    application = assessed()
    check_award(application, assessment=YES, seconds=1)
    with pytest.raises(NotFeasible):
        check_award(application, assessment=replace(YES, is_feasible=False), seconds=1)
    with pytest.raises(AwardAboveRequest):
        check_award(application, assessment=YES, seconds=4 * HOUR + 1)
    with pytest.raises(InvalidInput):
        check_award(application, assessment=YES, seconds=0)


def test_a_no_needs_words():
    check_assessment(YES)
    check_assessment(replace(YES, is_feasible=False, notes="Needs a GPU."))
    with pytest.raises(InvalidInput):
        check_assessment(replace(YES, is_feasible=False, notes=" "))


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-11-23T12:00", 3, "2027-02-23T12:00"),
        ("2026-11-30T12:00", 3, "2027-02-28T12:00"),
        ("2026-12-31T12:00", 1, "2027-01-31T12:00"),
        ("2026-02-23T12:00", 3, "2026-05-23T11:00"),  # noon in UTC; summer time in between
        ("2026-11-23T12:00", 14, "2028-01-23T12:00"),
    ],
)
def test_months_keep_the_wall_clock_of_berlin(start, months, end):
    moved = add_months(datetime.fromisoformat(start).replace(tzinfo=UTC), months)
    assert moved == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_active_project_in_its_period_can_run():
    for instant in (NOON, PROJECT.period.ends_at - SECOND):
        projects.check_can_run(PROJECT, now=instant)
        assert projects.can_run(PROJECT, now=instant)


@pytest.mark.parametrize(
    ("state", "offset", "refusal"),
    [
        (ProjectState.ACTIVE, -SECOND, ProjectHasNotStarted),
        (ProjectState.ACTIVE, timedelta(days=30), ProjectHasEnded),
        (ProjectState.SUSPENDED, SECOND, ProjectIsSuspended),
        (ProjectState.ONBOARDING, SECOND, ProjectIsNotReady),
        (ProjectState.ENDED, SECOND, ProjectHasEnded),
        (ProjectState.CLOSED, SECOND, ProjectHasEnded),
    ],
)
def test_every_other_project_cannot_run(state, offset, refusal):
    project = replace(PROJECT, state=state)
    with pytest.raises(refusal):
        projects.check_can_run(project, now=NOON + offset)
    assert not projects.can_run(project, now=NOON + offset)


def test_suspension_keeps_its_reason_until_the_project_is_resumed():
    why = Sentence("The report is missing.")
    suspended = projects.move(PROJECT, ProjectState.SUSPENDED, why=why)
    assert suspended.suspended_because == why
    assert projects.move(suspended, ProjectState.ACTIVE) == PROJECT


def test_closed_project_stays_closed():
    closed = projects.move(projects.move(PROJECT, ProjectState.ENDED), ProjectState.CLOSED)
    for state in ProjectState:
        with pytest.raises(ForbiddenMove):
            projects.move(closed, state)


def test_project_is_over_once():
    end = PROJECT.period.ends_at
    assert not projects.is_over(PROJECT, now=end - SECOND)
    assert projects.is_over(PROJECT, now=end)
    assert not projects.is_over(projects.move(PROJECT, ProjectState.ENDED), now=end)


def test_members_come_once_and_the_last_one_stays():
    two = projects.add_member(PROJECT, "p-2")
    assert projects.add_member(two, "p-2").member_ids == ("p-1", "p-2")
    assert projects.remove_member(two, "p-1").member_ids == ("p-2",)
    assert projects.remove_member(two, "p-9") == two
    with pytest.raises(LastMember):
        projects.remove_member(PROJECT, "p-1")
