"""Projects: who works in them, and whether they may run jobs."""

from dataclasses import replace

from allmende.domain.access import projects
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.projects import Project, ProjectState, check_can_run
from allmende.domain.access.reports import Report, find_due
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import (
    Permission,
    can_do,
    can_see,
    check_permission,
    is_member,
)
from allmende.services import allocations, announcements, audit, mistakes
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import people as people_store
from allmende.storage import projects as store

__all__ = [
    "add_member",
    "check_can_run",
    "end_due_projects",
    "end_project",
    "get_project",
    "list_projects",
    "remove_member",
    "resume_project",
    "suspend_project",
]

UNENDED = (ProjectState.ONBOARDING, ProjectState.ACTIVE, ProjectState.SUSPENDED)


class OrganisationGoverns(Refusal):
    """Project {project} is governed by its organisation, and you are a guest in it. Ask a member of
    the organisation; leaving is up to you."""

    status = 403


def get_project(reader: Person, project_id: str) -> Project:
    """Return a project to its members and organisation, and to those who may see every one."""
    check_permission(reader, Permission.SEE_PROJECT)
    return _check_visible(reader, store.get_project(project_id))


def list_projects(reader: Person, *, after: str = "", limit: int = 100) -> list[Project]:
    """Return a page of the projects that the person may see."""
    check_permission(reader, Permission.SEE_PROJECT)
    if can_do(reader, Permission.SEE_EVERY_PROJECT):
        return store.list_projects(after=after, limit=limit)
    return store.list_projects(
        organisation_ids=reader.organisation_ids, person_id=reader.id, after=after, limit=limit
    )


def is_own(person: Person, *, organisation_id: str, project_id: str) -> bool:
    """Say whether a project's work is the person's: by their organisation, or as its member."""
    return is_member(person, organisation_id) or store.is_project_member(project_id, person.id)


def check_own(person: Person, project: Project) -> Project:
    """Refuse, as if there were no such project, whoever neither works in it nor owns it.

    Staff see every project, but spend nobody's hours and choose nobody's members.
    """
    if not (is_member(person, project.organisation_id) or person.id in project.member_ids):
        raise NotFound(kind="project", id=project.id)
    return project


@one_transaction
def add_member(deed: Deed, project_id: str, *, person_id: str) -> Project:
    """Let a person work in a project; doing it again changes nothing."""
    check_permission(deed.actor, Permission.MANAGE_MEMBERS)
    project = _lock_governed(deed.actor, project_id)
    # Nobody decides on their own project, so nobody may make a decider work in theirs.
    if can_do(people_store.get_person(person_id), Permission.SEE_EVERY_APPLICATION):
        raise NotFound(kind="person", id=person_id)
    changed = projects.add_member(project, person_id)
    return _save(deed, changed, action="project.member_added", person=person_id)


@one_transaction
def remove_member(deed: Deed, project_id: str, *, person_id: str) -> Project:
    """End a person's work in a project, or one's own as a guest; the last member stays."""
    check_permission(deed.actor, Permission.MANAGE_MEMBERS)
    project = check_own(deed.actor, store.lock_project(project_id))
    if person_id != deed.actor.id:
        _check_governs(deed.actor, project)
    changed = projects.remove_member(project, person_id)
    return _save(deed, changed, action="project.member_removed", person=person_id)


@one_transaction
def suspend_project(deed: Deed, project_id: str, *, why: str) -> Project:
    """Stop a project from running further jobs, until it is resumed."""
    check_permission(deed.actor, Permission.SUSPEND_PROJECT)
    reason = Sentence("{words}", {"words": why})
    project = _lock_visible(deed.actor, project_id)
    changed = projects.move(project, ProjectState.SUSPENDED, why=reason)
    return _save(deed, changed, action="project.suspended", why=reason)


@one_transaction
def resume_project(deed: Deed, project_id: str) -> Project:
    """Let a suspended project run jobs again."""
    check_permission(deed.actor, Permission.RESUME_PROJECT)
    project = _lock_visible(deed.actor, project_id)
    return _save(deed, projects.move(project, ProjectState.ACTIVE), action="project.resumed")


@one_transaction
def end_project(deed: Deed, project_id: str, *, rules: AccessRules) -> Project:
    """End a project and let what it did not use expire, on every partition."""
    check_permission(deed.actor, Permission.END_PROJECT)
    project = _lock_visible(deed.actor, project_id)
    expired = allocations.expire_places(
        deed,
        expiry_id=project_id,
        project_id=project_id,
        reason=Sentence("The project ended."),
    )
    expiry = expired.get((project.partition_id, project.access_share))
    unused_seconds = expiry.amount_seconds if expiry is not None else 0
    changed = replace(projects.end(project, now=deed.now), unused_seconds=unused_seconds)
    report_due_at = find_due(changed, Report(project_id=project_id), book=rules.book)
    announcements.tell_ended(deed, changed, report_due_at=report_due_at)
    return _save(deed, changed, action="project.ended", unused_seconds=unused_seconds)


def end_due_projects(deed: Deed, *, rules: AccessRules, limit: int = 100) -> list[Project]:
    """End every project whose period is over, each by itself, as `mistakes.do_each` does."""
    check_permission(deed.actor, Permission.END_PROJECT)
    over = store.list_projects_over(deed.now, states=UNENDED, limit=limit)
    return mistakes.do_each(over, lambda project: end_project(deed, project.id, rules=rules))


def _check_visible(person: Person, project: Project) -> Project:
    is_own = person.id in project.member_ids
    if not is_own and not can_see(
        person, project.organisation_id, unless=Permission.SEE_EVERY_PROJECT
    ):
        raise NotFound(kind="project", id=project.id)
    return project


def _lock_visible(person: Person, project_id: str) -> Project:
    return _check_visible(person, store.lock_project(project_id))


def _check_governs(person: Person, project: Project) -> None:
    """Refuse a guest of the project: they work in it, and choose nobody."""
    if not is_member(person, project.organisation_id):
        raise OrganisationGoverns(project=project.name)


def check_governed(person: Person, project: Project) -> Project:
    """Refuse whoever does not belong to the organisation of a project."""
    check_own(person, project)
    _check_governs(person, project)
    return project


def _lock_governed(person: Person, project_id: str) -> Project:
    return check_governed(person, store.lock_project(project_id))


def _save(
    deed: Deed, project: Project, *, action: str, why: Sentence | None = None, **facts: str | int
) -> Project:
    store.save_project(project)
    audit.record(deed, action=action, subject=project.id, why=why, **facts)
    return project
