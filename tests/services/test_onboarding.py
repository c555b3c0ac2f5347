"""The onboarding: who ticks what, when a project starts, and what its clock does meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from allmende.domain.access.onboarding import (
    NotYourStep,
    OnboardingIsOpen,
    OnboardingIsOver,
    SystemSeesStep,
)
from allmende.domain.access.projects import ProjectHasEnded, ProjectState, check_can_run
from allmende.domain.basics.people import DAEMON, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import awards, burn_downs, calls, onboarding, projects
from allmende.storage import audit as audit_store
from allmende.storage import people as people_store
from allmende.wiring.factory import load_factory
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
    person,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
DAYS = timedelta(days=14)
MONTH = datetime(2026, 12, 23, 12, tzinfo=UTC) - NOON


def waiting():
    """Return somebody and their project, which has the steps of the shipped configuration."""
    configured = replace(RULES.get_call(CALL_ID), needs_onboarding=True)
    calls.open_call(deed(DAEMON), CALL_ID, rules=replace(RULES, calls=(configured,)))
    ada, firm = founder()
    return ada, awarded(ada, firm).project_id


def sign_in(who):
    people_store.create_login(who.id, email=who.email, password=None)
    User.objects.filter(username=who.id).update(last_login=NOON)


def tick(who, project_id, *steps, now=NOON):
    for step in steps:
        onboarding.tick_step(deed(who, now=now), project_id, step, rules=RULES)


def activate(who, project_id, *, now=NOON):
    return onboarding.activate_project(deed(who, now=now), project_id, rules=RULES)


def done(who, project_id):
    found = onboarding.get_onboarding(who, project_id, rules=RULES, now=NOON)
    return {step.id for step in found.steps if step.is_done}


def test_a_project_starts_when_every_step_is_done_and_its_time_with_it():
    ada, project_id = waiting()
    assert done(ada, project_id) == {"condition"}
    tick(ada, project_id, "terms", "members")
    with pytest.raises(OnboardingIsOpen) as refused:
        activate(ada, project_id)
    assert "Every member has signed in once, The office has checked" in str(refused.value)
    sign_in(ada)
    tick(officer(), project_id, "identity")
    later = NOON + 3 * DAY
    started = activate(ada, project_id, now=later)
    assert started == projects.get_project(ada, project_id)
    assert started.state is ProjectState.ACTIVE
    assert (started.period.starts_at, started.period.ends_at) == (later, later + MONTH)
    check_can_run(started, now=later)
    with pytest.raises(OnboardingIsOver):
        onboarding.tick_step(
            deed(ada), project_id, "extra", rules=replace(RULES, onboarding=(extra(),))
        )


def extra():
    return replace(RULES.onboarding[1], id="extra")


def test_the_clock_starts_by_itself_and_the_end_then_stays():
    ada, project_id = waiting()
    bare = replace(RULES, onboarding=())
    found = projects.get_project(ada, project_id)
    assert (found.period.starts_at, found.period.ends_at) == (NOON + DAYS, NOON + DAYS + MONTH)
    told = [
        onboarding.get_onboarding(ada, project_id, rules=RULES, now=at).clock.english()
        for at in (NOON, NOON + DAYS)
    ]
    assert told[0].startswith("The time starts when the project does, at the latest on 2026-12-07")
    assert told[1].startswith("The time has been running since 2026-12-07")
    late = onboarding.activate_project(deed(ada, now=NOON + 20 * DAY), project_id, rules=bare)
    assert late.period == found.period


def test_a_project_that_is_never_set_up_ends_with_its_time():
    ada, project_id = waiting()
    ends_at = NOON + DAYS + MONTH
    ended = projects.end_due_projects(deed(DAEMON, now=ends_at), rules=RULES)
    assert [each.id for each in ended] == [project_id]
    with pytest.raises(ProjectHasEnded):
        check_can_run(projects.get_project(ada, project_id), now=ends_at)


def test_a_condition_alone_holds_the_clock_too():
    open_playground()
    application = assessed(*founder())
    ada = people_store.get_person(application.applicant_id)
    award = awards.award_application(
        deed(officer()), application.id, rules=RULES, condition="Sign."
    )
    assert "at the latest on 2026-12-07" in award.letter[1].english()
    awards.accept_condition(deed(ada, now=NOON + DAY), award.id)
    started = projects.get_project(ada, award.project_id)
    assert (started.period.starts_at, started.period.seconds) == (
        NOON + DAY,
        int(MONTH.total_seconds()),
    )


def test_without_steps_the_time_starts_at_the_award():
    open_playground()
    ada, firm = founder()
    project = projects.get_project(ada, awarded(ada, firm).project_id)
    assert (project.state, project.period.starts_at) == (ProjectState.ACTIVE, NOON)
    assert onboarding.get_onboarding(ada, project.id, rules=RULES, now=NOON).steps == ()


def test_everybody_ticks_what_is_theirs_and_once():
    ada, project_id = waiting()
    eve, _ = founder("eve")
    office = officer()
    with pytest.raises(NotYourStep):
        tick(ada, project_id, "identity")
    with pytest.raises(NotYourStep):
        tick(office, project_id, "terms")
    with pytest.raises(SystemSeesStep):
        tick(ada, project_id, "sign-in")
    for nobody in (
        lambda: tick(eve, project_id, "terms"),
        lambda: tick(ada, project_id, "unknown"),
        lambda: tick(ada, "prj-none", "terms"),
    ):
        with pytest.raises(NotFound):
            nobody()
    with pytest.raises(NotPermitted):
        tick(person("auditor", Role.AUDITOR), project_id, "identity")
    tick(ada, project_id, "terms")
    tick(ada, project_id, "terms", now=NOON + DAY)
    view = onboarding.get_onboarding(office, project_id, rules=RULES, now=NOON)
    terms = next(step for step in view.steps if step.id == "terms")
    assert (terms.ticked_at, view.names[terms.ticked_by]) == (NOON, ada.name)
    actions = [event.action for event in audit_store.list_events(limit=1000)]
    assert actions.count("project.step_ticked") == 1


def test_who_came_to_the_office_from_the_project_ticks_nothing_there():
    ada, project_id = waiting()
    guest = person("guest")
    projects.add_member(deed(ada), project_id, person_id=guest.id)
    hired = replace(guest, roles=frozenset({Role.PROGRAMME_OFFICER}))
    with pytest.raises(NotYourStep):
        tick(hired, project_id, "identity")


def test_guests_tick_nothing_of_the_organisation():
    ada, project_id = waiting()
    guest, _ = founder("guest")
    projects.add_member(deed(ada), project_id, person_id=guest.id)
    with pytest.raises(NotYourStep):
        tick(guest, project_id, "terms")
    sign_in(ada)
    assert "sign-in" not in done(ada, project_id)
    sign_in(guest)
    assert "sign-in" in done(ada, project_id)


def test_the_burn_down_of_a_project_that_waits_has_its_whole_time_ahead():
    ada, project_id = waiting()
    found = burn_downs.get_burn_down(ada, project_id, now=NOON, factory=load_factory())
    assert found.burn.ahead_seconds == int(MONTH.total_seconds())
    assert (found.burn.used_seconds, found.burn.awarded_seconds) == (0, 4 * 3600)


def test_a_member_does_not_lift_a_suspension_by_starting_again():
    open_playground()
    ada, firm = founder()
    project_id = awarded(ada, firm).project_id
    projects.suspend_project(deed(officer()), project_id, why="A check.")
    with pytest.raises(OnboardingIsOver):
        activate(ada, project_id)
    assert projects.get_project(ada, project_id).state is ProjectState.SUSPENDED
