"""Changes of running projects: more months, more hours, by the limits of their mode.

More time is an award of its own as far as ceilings, State aid, eligibility and the ledger go: all
of it is checked and written in one transaction, or nothing is.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from allmende.domain.access import changes, conversions
from allmende.domain.access.aid import write_notice
from allmende.domain.access.applications import Application
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.changes import ChangeState, Limits, ProjectChange
from allmende.domain.access.conversions import MachineHour
from allmende.domain.access.projects import Project
from allmende.domain.access.reviews import OwnApplication
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.trust.permissions import Permission, check_permission, is_member
from allmende.services import (
    aid,
    allocations,
    announcements,
    audit,
    awards,
    ceilings,
    mergers,
    quotas,
)
from allmende.services import projects as project_service
from allmende.services.deeds import Deed, one_transaction
from allmende.services.report_bars import check_no_bar
from allmende.storage import applications as application_store
from allmende.storage import awards as award_store
from allmende.storage import changes as store
from allmende.storage import projects as project_store
from allmende.storage import reports as report_store


@one_transaction
def ask_for_change(
    deed: Deed,
    project_id: str,
    *,
    rules: AccessRules,
    reason: str,
    months: int = 0,
    seconds: int = 0,
    partition_id: str = "",
    back_seconds: int = 0,
) -> ProjectChange:
    """Ask for a later end, or more hours, of a project of one's own organisation.

    With `partition_id` the hours are on that partition, and `back_seconds` of the award are offered
    for them. The same again, while it waits, is the same request.
    """
    check_permission(deed.actor, Permission.ASK_FOR_CHANGE)
    project = project_store.lock_project(project_id)
    project_service.check_governed(deed.actor, project)
    earlier = store.list_changes_of(project_id)
    wanted = ProjectChange(
        id=deed.new_id("chg"),
        project_id=project_id,
        months=months,
        seconds=seconds,
        reason=reason,
        asked_by=deed.actor.id,
        asked_at=deed.now,
        partition_id=partition_id,
        back_seconds=back_seconds,
    )
    known = next((each for each in earlier if _is_same(each, wanted)), None)
    if known is not None:
        return known
    mergers.check_not_merged(project.organisation_id)
    asked = _compare(changes.ask(project, wanted, earlier), project, rules, now=deed.now)
    store.save_change(asked)
    announcements.tell_asked(deed, project, asked)
    audit.record(
        deed,
        action="project.change_asked",
        subject=project_id,
        change=asked.id,
        months=months,
        seconds=seconds,
        **_place_facts(asked, back_seconds=back_seconds),
    )
    return asked


@one_transaction
def withdraw_change(deed: Deed, change_id: str) -> ProjectChange:
    """Take a request of one's own organisation back; doing it again changes nothing."""
    check_permission(deed.actor, Permission.ASK_FOR_CHANGE)
    project = project_store.lock_project(store.get_change(change_id).project_id)
    project_service.check_governed(deed.actor, project)
    change = store.get_change(change_id)
    if change.state is ChangeState.WITHDRAWN:
        return change
    withdrawn = changes.withdraw(change, by=deed.actor.id, now=deed.now)
    return _save(deed, withdrawn, action="project.change_withdrawn")


@one_transaction
def approve_change(
    deed: Deed,
    change_id: str,
    *,
    rules: AccessRules,
    months: int | None = None,
    seconds: int | None = None,
    back_seconds: int | None = None,
    answer: str = "",
) -> ProjectChange:
    """Give what was asked for, unless `months` or `seconds` says less; the same again is the same.

    Hours pass each check of an award: eligibility of today, State aid, ceilings, the pool. Those on
    another partition pass those of that partition, and `back_seconds` of the award go back.
    """
    check_permission(deed.actor, Permission.ANSWER_CHANGE)
    project, change = _lock(deed.actor, change_id)
    months = change.months if months is None else months
    seconds = change.seconds if seconds is None else seconds
    back = changes.find_back(change, seconds=seconds) if back_seconds is None else back_seconds
    given = (change.given_months, change.given_seconds, change.given_back_seconds)
    if change.state is ChangeState.APPROVED and (months, seconds, back) == given:
        return change
    changes.check_running(project, now=deed.now)
    mergers.check_not_merged(project.organisation_id)
    application = application_store.get_application(project.application_id)
    limits = _limits_of(project, application, rules, now=deed.now)
    changes.check_report(limits, project, report_store.list_interim_reports(project.id))
    approved = changes.approve(
        _compare(change, project, rules, now=deed.now),
        months=months,
        seconds=seconds,
        back_seconds=back,
        answer=answer,
        by=deed.actor.id,
        now=deed.now,
    )
    changes.check_limits(limits, store.list_changes_of(project.id), approved)
    if seconds:
        approved = _give(deed, application, project, approved, rules)
    project_store.save_project(changes.extend(project, approved))
    announcements.tell_change_answered(deed, project, approved)
    return _save(deed, approved, action="project.change_approved")


@one_transaction
def decline_change(deed: Deed, change_id: str, *, answer: str) -> ProjectChange:
    """Say no, in words that the project reads."""
    check_permission(deed.actor, Permission.ANSWER_CHANGE)
    project, change = _lock(deed.actor, change_id)
    if (change.state, change.answer) == (ChangeState.DECLINED, answer.strip()):
        return change
    declined = changes.decline(change, answer=answer, by=deed.actor.id, now=deed.now)
    announcements.tell_change_answered(deed, project, declined)
    return _save(deed, declined, action="project.change_declined")


def list_changes_of(reader: Person, project_id: str) -> list[ProjectChange]:
    """Return every request of a project that the person may see, the latest first."""
    project_service.get_project(reader, project_id)
    return store.list_changes_of(project_id)


def list_changes(
    reader: Person, *, state: ChangeState | None = None, after: str = "", limit: int = 100
) -> list[ProjectChange]:
    """Return a page of the requests of all projects, to those who may see every project."""
    check_permission(reader, Permission.SEE_EVERY_PROJECT)
    return store.list_changes(state=state, after=after, limit=limit)


def find_limits(reader: Person, project_id: str, *, rules: AccessRules, now: datetime) -> Limits:
    """Return what the mode of a project allows in all, on top of its award."""
    project = project_service.get_project(reader, project_id)
    application = application_store.get_application(project.application_id)
    return _limits_of(project, application, rules, now=now)


def list_places(
    reader: Person, project_id: str, *, rules: AccessRules, now: datetime
) -> list[MachineHour]:
    """Return the other partitions on which a project could be given hours, and what one is."""
    project = project_service.get_project(reader, project_id)
    application = application_store.get_application(project.application_id)
    return list(_list_hours(project, application, rules, now=now))


def _list_hours(
    project: Project, application: Application, rules: AccessRules, *, now: datetime
) -> Iterator[MachineHour]:
    for there in rules.partitions:
        try:
            home = rules.get_partition(project.partition_id)
            conversions.check_place(project, application.submitted, there)
            yield conversions.convert(rules.book, home, there, on=day_of(now)).there
        except Refusal:
            continue


def _give(
    deed: Deed,
    application: Application,
    project: Project,
    change: ProjectChange,
    rules: AccessRules,
) -> ProjectChange:
    """Check and post the hours of a change; return it with what has to be told about them."""
    if change.partition_id:
        partition = rules.get_partition(change.partition_id)
        application = conversions.place_on(application, partition)
    frozen, seconds = application.submitted, change.given_seconds
    check_no_bar(application, rules=rules, now=deed.now)
    awards.check_again(deed, application, rules)
    entry = aid.plan_entry(deed, application, award_id=change.id, seconds=seconds, rules=rules)
    ceilings.check_ceilings(deed, frozen.call, frozen.mode, seconds=seconds, rules=rules)
    if change.partition_id:
        _post_elsewhere(deed, project, change, partition, mode_id=frozen.mode.id)
    else:
        _post(deed, project, change, mode_id=frozen.mode.id)
    if entry is None:
        return change
    aid.record_entry(deed, entry)
    return replace(change, notice=write_notice(entry))


def _post(deed: Deed, project: Project, change: ProjectChange, *, mode_id: str) -> None:
    allocations.top_up_project(
        deed,
        top_up_id=change.id,
        project_id=project.id,
        mode_id=mode_id,
        seconds=change.given_seconds,
        reason=Sentence("change {change}", {"change": change.id}),
        partition_id=project.partition_id,
        access_share=project.access_share,
    )


def _post_elsewhere(
    deed: Deed, project: Project, change: ProjectChange, partition: Partition, *, mode_id: str
) -> None:
    beyond = quotas.overdraw_seconds(
        partition, mode_id, awarded_seconds=change.given_seconds, on=deed.now
    )
    allocations.award_elsewhere(
        deed,
        award_id=change.id,
        there=quotas.accounts_of(partition, project, may_overdraw_seconds=beyond),
        mode_id=mode_id,
        seconds=change.given_seconds,
        back_from=project.partition_id,
        back_seconds=change.given_back_seconds,
    )


def _compare(
    change: ProjectChange, project: Project, rules: AccessRules, *, now: datetime
) -> ProjectChange:
    """Return a request with how its hours compare today; refused where they cannot be given."""
    if not change.partition_id:
        return change
    application = application_store.get_application(project.application_id)
    there = rules.get_partition(change.partition_id)
    conversions.check_place(project, application.submitted, there)
    home = rules.get_partition(project.partition_id)
    found = conversions.convert(rules.book, home, there, on=day_of(now))
    return replace(change, conversion=found)


def _place_facts(change: ProjectChange, *, back_seconds: int) -> dict[str, Any]:
    """Return what the audit event of a request says about another partition."""
    if not change.partition_id:
        return {}
    return {"partition": change.partition_id, "back_seconds": back_seconds}


def _limits_of(
    project: Project, application: Application, rules: AccessRules, *, now: datetime
) -> Limits:
    award = award_store.find_award_of_application(project.application_id)
    first = award.seconds if award is not None else project.awarded_seconds
    return changes.read_limits(
        rules.book,
        mode_id=application.submitted.mode.id,
        awarded_seconds=first,
        on=day_of(now),
    )


def _lock(person: Person, change_id: str) -> tuple[Project, ProjectChange]:
    """Return a request and its project for an answer; nobody answers their own organisation."""
    project = project_store.lock_project(store.get_change(change_id).project_id)
    if is_member(person, project.organisation_id) or person.id in project.member_ids:
        raise OwnApplication
    return project, store.get_change(change_id)


def _is_same(known: ProjectChange, wanted: ProjectChange) -> bool:
    asked = replace(wanted, reason=wanted.reason.strip())
    names = ("state", "months", "seconds", "reason", "partition_id", "back_seconds")
    return all(getattr(known, name) == getattr(asked, name) for name in names)


def _save(deed: Deed, change: ProjectChange, *, action: str) -> ProjectChange:
    store.save_change(change)
    audit.record(
        deed,
        action=action,
        subject=change.project_id,
        why=Sentence("{words}", {"words": change.answer}) if change.answer else None,
        change=change.id,
        months=change.given_months,
        seconds=change.given_seconds,
        **_place_facts(change, back_seconds=change.given_back_seconds),
    )
    return change
