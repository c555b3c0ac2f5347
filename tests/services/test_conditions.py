"""An award with a condition: its project starts when the applicant has accepted it, not before."""

from dataclasses import replace

import pytest

from allmende.domain.access.awards import AlreadyAwarded, ConditionIsOpen, NoCondition
from allmende.domain.access.projects import ProjectIsNotReady, ProjectState
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import awards, calls, onboarding, projects
from allmende.storage import audit as audit_store
from tests.services.access import (
    CALL_ID,
    NOON,
    RULES,
    assessed,
    awarded,
    deed,
    founder,
    officer,
    open_playground,
)

pytestmark = pytest.mark.django_db
WORDS = "Sign the agreement on health data first."


def given(application, **changes):
    return awards.award_application(
        deed(officer()), application.id, rules=RULES, **{"condition": WORDS, **changes}
    )


def test_the_project_waits_for_the_yes_of_its_organisation():
    open_playground()
    ada, firm = founder()
    award = given(assessed(ada, firm))
    assert WORDS in award.letter[-1].english()
    project = projects.get_project(ada, award.project_id)
    assert project.state is ProjectState.ONBOARDING
    with pytest.raises(ProjectIsNotReady):
        projects.check_can_run(project, now=NOON)
    with pytest.raises(ConditionIsOpen):
        onboarding.activate_project(deed(ada), project.id, rules=RULES)
    accepted = awards.accept_condition(deed(ada), award.id)
    assert (accepted.condition_accepted_by, accepted.condition_accepted_at) == (ada.id, NOON)
    assert projects.get_project(ada, project.id).state is ProjectState.ACTIVE
    assert (
        awards.accept_condition(deed(ada), award.id) == accepted == awards.get_award(ada, award.id)
    )
    events = [event.action for event in audit_store.list_events(limit=1000)]
    assert events.count("award.condition_accepted") == 1


def test_nobody_else_accepts_it():
    open_playground()
    ada, firm = founder()
    award = given(assessed(ada, firm))
    eve, _ = founder("eve")
    with pytest.raises(NotFound):
        awards.accept_condition(deed(eve), award.id)
    with pytest.raises(NotPermitted):
        awards.accept_condition(deed(officer()), award.id)
    with pytest.raises(NotFound):
        awards.accept_condition(deed(ada), "award-none")
    assert awards.get_award(ada, award.id).is_open


def test_the_same_award_with_another_condition_is_another_award():
    open_playground()
    application = assessed(*founder())
    award = given(application, condition=f" {WORDS} ")
    assert given(application) == award
    with pytest.raises(AlreadyAwarded):
        given(application, condition="")


def test_without_a_condition_there_is_nothing_to_accept():
    open_playground()
    ada, firm = founder()
    award = awarded(ada, firm)
    assert not award.is_open
    with pytest.raises(NoCondition):
        awards.accept_condition(deed(ada), award.id)


def test_where_onboarding_is_needed_the_yes_alone_starts_nothing():
    call = replace(RULES.get_call(CALL_ID), needs_onboarding=True)
    calls.open_call(deed(DAEMON), CALL_ID, rules=replace(RULES, calls=(call,)))
    ada, firm = founder()
    award = given(assessed(ada, firm))
    awards.accept_condition(deed(ada), award.id)
    assert projects.get_project(ada, award.project_id).state is ProjectState.ONBOARDING
    bare = replace(RULES, onboarding=())
    started = onboarding.activate_project(deed(ada), award.project_id, rules=bare)
    assert started.state is ProjectState.ACTIVE
