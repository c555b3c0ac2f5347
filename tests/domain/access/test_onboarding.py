"""The steps of an onboarding, and the clock that waits for them only so long."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.awards import grant, open_project
from allmende.domain.access.onboarding import (
    OnboardingIsOpen,
    OnboardingIsOver,
    SystemSeesStep,
    check_done,
    list_steps,
    look_at,
    tell_clock,
    tick,
)
from allmende.domain.access.onboarding_steps import OnboardingStep, Sight, StepOwner
from allmende.domain.access.projects import ProjectState, start
from tests.domain.access.building import NOON, RULES
from tests.domain.access.test_projects import DECISION, PROJECT, assessed

CALL = RULES.calls[0]
TERMS = OnboardingStep(
    id="terms", names={"en": "Terms", "de": "Bedingungen"}, done_by=StepOwner.ORGANISATION
)
WAITING = replace(PROJECT, state=ProjectState.ONBOARDING)
SEEN = replace(TERMS, id="seen", seen_as=Sight.MEMBERS)


@given(
    months=st.integers(1, 12),
    award_day=st.integers(0, 400),
    days=st.integers(0, 60),
    minutes=st.integers(0, 400 * 24 * 60),
)
def test_the_time_lasts_as_awarded_and_starts_within_its_days(months, award_day, days, minutes):
    granted_at = NOON + timedelta(days=award_day)
    application = assessed()
    application = replace(application, form=replace(application.form, duration_months=months))
    award = grant(application, replace(DECISION, granted_at=granted_at))
    waits = open_project(application, award, latest_start_days=days)
    now = granted_at + timedelta(minutes=minutes)
    started = start(waits, now=now)
    assert waits.period.seconds == started.period.seconds == award.period.seconds
    latest = granted_at + timedelta(days=days)
    assert waits.period.starts_at == latest
    assert started.period.starts_at == min(now, latest) >= granted_at


@pytest.mark.parametrize(
    ("changes", "is_asked"),
    [
        ({}, True),
        ({"calls": (CALL.id,)}, True),
        ({"calls": ("other",)}, False),
        ({"partitions": (CALL.partition_id,)}, True),
        ({"partitions": ("other",)}, False),
        ({"calls": (CALL.id,), "partitions": ("other",)}, False),
    ],
)
def test_a_step_is_of_every_call_unless_it_names_some(changes, is_asked):
    step, call = replace(TERMS, **changes), replace(CALL, needs_onboarding=True)
    assert list_steps([step], call) == ((step,) if is_asked else ())
    assert list_steps([step], replace(CALL, needs_onboarding=False)) == ()


def test_what_the_system_sees_needs_no_tick_and_a_tick_stays():
    assert look_at(SEEN, WAITING, seen=frozenset({Sight.MEMBERS})).is_done
    assert not look_at(SEEN, WAITING, seen=frozenset({Sight.SIGN_IN})).is_done
    assert not look_at(TERMS, WAITING, seen=frozenset(Sight)).is_done
    ticked = tick(WAITING, TERMS, by="p-1", now=NOON)
    assert look_at(TERMS, ticked, seen=frozenset()).ticked_by == "p-1"
    started = start(ticked, now=NOON)
    assert tick(started, TERMS, by="p-2", now=NOON) == started
    with pytest.raises(OnboardingIsOver):
        tick(started, replace(TERMS, id="other"), by="p-2", now=NOON)
    assert tell_clock(started, now=NOON).english().startswith("The time runs from")


def test_a_start_names_every_step_that_is_open():
    views = [look_at(each, WAITING, seen=frozenset()) for each in (TERMS, SEEN)]
    with pytest.raises(OnboardingIsOpen, match="Still to do: Terms, Terms"):
        check_done(WAITING, views)
    check_done(WAITING, [replace(view, is_done=True) for view in views])
    with pytest.raises(SystemSeesStep):
        tick(WAITING, SEEN, by="p-1", now=NOON)


def test_the_clock_says_what_still_moves():
    before, at = WAITING.period.starts_at - timedelta(seconds=1), WAITING.period.starts_at
    assert "Until then the end moves with it" in tell_clock(WAITING, now=before).english()
    assert "does not move any more" in tell_clock(WAITING, now=at).english()
