"""The onboarding of projects: who ticks what, and the start that follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access import onboarding, projects
from allmende.domain.access.awards import check_no_open_condition
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.onboarding import OWNER_WORDS, NotYourStep, StepView
from allmende.domain.access.onboarding_steps import OnboardingStep, Sight, StepOwner
from allmende.domain.access.projects import Project
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, can_do, check_permission, is_member
from allmende.services import audit
from allmende.services import projects as project_service
from allmende.services.deeds import Deed, one_transaction
from allmende.services.reviews import lock_foreign
from allmende.storage import applications as application_store
from allmende.storage import awards as award_store
from allmende.storage import people as people_store
from allmende.storage import projects as store


@dataclass(frozen=True, kw_only=True)
class OnboardingView:
    """What a project has to do before it starts, and what its clock does meanwhile."""

    project_id: str
    clock: Sentence
    steps: tuple[StepView, ...]
    names: Mapping[str, str]  # of those who ticked

    @property
    def is_done(self) -> bool:
        """Say whether nothing is open."""
        return all(step.is_done for step in self.steps)


def get_onboarding(
    reader: Person, project_id: str, *, rules: AccessRules, now: datetime
) -> OnboardingView:
    """Return how the onboarding of a project stands that the person may see."""
    return view_onboarding(project_service.get_project(reader, project_id), rules=rules, now=now)


def view_onboarding(project: Project, *, rules: AccessRules, now: datetime) -> OnboardingView:
    """Return how the onboarding of a project stands that the reader sees already."""
    steps = _look(project, rules)
    return OnboardingView(
        project_id=project.id,
        clock=onboarding.tell_clock(project, now=now),
        steps=steps,
        names=people_store.get_names({step.ticked_by for step in steps}),
    )


def can_tick(person: Person, project: Project, step: StepView) -> bool:
    """Say whether a person is the one who ticks a step."""
    is_own = is_member(person, project.organisation_id)
    if step.done_by is StepOwner.OFFICE:
        # Nobody of the office ticks for their own organisation, or where they work as a guest.
        works_there = is_own or person.id in project.member_ids
        return can_do(person, Permission.AWARD_APPLICATION) and not works_there
    return can_do(person, Permission.MANAGE_MEMBERS) and is_own


@one_transaction
def tick_step(deed: Deed, project_id: str, step_id: str, *, rules: AccessRules) -> Project:
    """Tick a step that is one's own to do; doing it again changes nothing."""
    check_permission(deed.actor, Permission.TICK_ONBOARDING)
    project_service.get_project(deed.actor, project_id)
    project = store.lock_project(project_id)
    step = next((each for each in _list_steps(project, rules) if each.id == step_id), None)
    if step is None:
        raise NotFound(kind="onboarding step", id=step_id)
    if step.done_by is StepOwner.OFFICE and can_do(deed.actor, Permission.AWARD_APPLICATION):
        lock_foreign(deed.actor, project.application_id)
    if not can_tick(deed.actor, project, onboarding.look_at(step, project, seen=frozenset())):
        raise NotYourStep(step=step.names, who=OWNER_WORDS[step.done_by])
    changed = onboarding.tick(project, step, by=deed.actor.id, now=deed.now)
    if changed != project:
        store.save_project(changed)
        audit.record(deed, action="project.step_ticked", subject=project.id, step=step.id)
    return changed


@one_transaction
def activate_project(deed: Deed, project_id: str, *, rules: AccessRules) -> Project:
    """Finish the onboarding: from now on its members submit jobs, and its time runs."""
    check_permission(deed.actor, Permission.MANAGE_MEMBERS)
    project = project_service.check_governed(deed.actor, store.lock_project(project_id))
    onboarding.check_open(project)
    award = award_store.find_award_of_application(project.application_id)
    if award is not None:
        check_no_open_condition(award)
    onboarding.check_done(project, _look(project, rules))
    started = projects.start(project, now=deed.now)
    store.save_project(started)
    audit.record(deed, action="project.activated", subject=project.id)
    return started


def _list_steps(project: Project, rules: AccessRules) -> tuple[OnboardingStep, ...]:
    application = application_store.get_application(project.application_id)
    return onboarding.list_steps(rules.onboarding, application.submitted.call)


def _look(project: Project, rules: AccessRules) -> tuple[StepView, ...]:
    steps = _list_steps(project, rules)
    seen = _see(project) if any(step.seen_as for step in steps) else frozenset()
    return tuple(onboarding.look_at(step, project, seen=seen) for step in steps)


def _see(project: Project) -> frozenset[Sight]:
    award = award_store.find_award_of_application(project.application_id)
    done = {
        Sight.CONDITION: award is None or not award.is_open,
        Sight.MEMBERS: len(project.member_ids) > 1,
        Sight.SIGN_IN: not people_store.count_never_signed_in(project.member_ids),
    }
    return frozenset(sight for sight, is_seen in done.items() if is_seen)
