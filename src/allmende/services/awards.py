"""Awards: an application becomes a project with a budget, or is refused; one transaction each."""

from dataclasses import replace

from allmende.domain.access import applications, projects
from allmende.domain.access.aid import AidEntry, write_notice
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.awards import (
    AlreadyAwarded,
    Award,
    AwardDecision,
    check_award,
    grant,
    open_project,
)
from allmende.domain.access.awards import accept_condition as accept
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.gates import check_gates
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.access.rechecks import Recheck, check_recheck
from allmende.domain.access.snapshots import hash_content
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import plain_hours
from allmende.domain.trust.permissions import (
    Permission,
    check_member,
    check_permission,
)
from allmende.services import aid, allocations, announcements, audit, ceilings, quotas
from allmende.services import applications as application_service
from allmende.services.deeds import Deed, one_transaction
from allmende.services.expert_reviews import list_counted
from allmende.services.report_bars import check_no_bar
from allmende.services.reviews import lock_foreign
from allmende.storage import applications as application_store
from allmende.storage import awards as store
from allmende.storage import organisations as organisation_store
from allmende.storage import projects as project_store
from allmende.storage import reviews as review_store


@one_transaction
def award_application(
    deed: Deed,
    application_id: str,
    *,
    rules: AccessRules,
    seconds: int | None = None,
    award_id: str = "",
    condition: str = "",
) -> Award:
    """Give an assessed application its time: all that it asks for, unless `seconds` says less.

    With a `condition` the project starts when the applicant has accepted it. The caller makes
    `award_id`: the same award again is the same award, another one is refused.
    """
    check_permission(deed.actor, Permission.AWARD_APPLICATION)
    application = lock_foreign(deed.actor, application_id)
    wanted = seconds if seconds is not None else application.form.requested_seconds or 0
    award_id = award_id or f"award-{application_id}"
    known = store.find_award_of_application(application_id)
    if known is not None:
        return _same_award(known, award_id=award_id, seconds=wanted, condition=condition.strip())
    applications.LIFECYCLE.check_move(application.state, ApplicationState.AWARDED)
    check_award(application, assessment=review_store.get_assessment(application_id), seconds=wanted)
    check_gates(application, list_counted(application, now=deed.now))
    check_no_bar(application, rules=rules, now=deed.now)
    recheck = check_again(deed, application, rules)
    decision = AwardDecision(
        award_id=award_id,
        project_id=deed.new_id("prj"),
        seconds=wanted,
        granted_at=deed.now,
        granted_by=deed.actor.id,
        condition=condition.strip(),
        latest_start_days=_latest_start_days(deed, application, rules, condition),
    )
    entry = _check_limits(deed, application, decision, rules)
    notice = write_notice(entry) if entry else ()
    award = replace(grant(application, decision, notice=notice), recheck=recheck)
    _write(deed, application, award, rules, decision)
    if entry is not None:
        aid.record_entry(deed, entry)
    return award


@one_transaction
def refuse_application(
    deed: Deed, application_id: str, *, why: str, rules: AccessRules | None = None
) -> Application:
    """Refuse an assessed application, in words that the applicant reads.

    With the rules, they are also told until when they can appeal.
    """
    check_permission(deed.actor, Permission.REFUSE_APPLICATION)
    reason = Sentence("{words}", {"words": why})
    refused = applications.refuse(
        lock_foreign(deed.actor, application_id), why=reason, now=deed.now, by=deed.actor.id
    )
    application_store.save_application(refused)
    audit.record(deed, action="application.refused", subject=application_id, why=reason)
    announcements.tell_refused(deed, refused, rules=rules)
    return refused


@one_transaction
def accept_condition(deed: Deed, award_id: str) -> Award:
    """Accept the condition of an award of one's own organisation: the project can start."""
    check_permission(deed.actor, Permission.ACCEPT_AWARD)
    award = store.lock_award(award_id)
    application = application_store.get_application(award.application_id)
    check_member(deed.actor, application.organisation_id, kind="award", id=award_id)
    accepted = accept(award, by=deed.actor.id, now=deed.now)
    if accepted == award:
        return award
    store.save_award(accepted)
    project = project_store.lock_project(award.project_id)
    onboards = application.submitted.call.needs_onboarding
    if not onboards and project.state is ProjectState.ONBOARDING:
        project_store.save_project(projects.start(project, now=deed.now))
    audit.record(
        deed,
        action="award.condition_accepted",
        subject=award_id,
        project=award.project_id,
        condition=hash_content(award.condition),
    )
    return accepted


def get_award(reader: Person, award_id: str) -> Award:
    """Return an award to its organisation, and to those who may see every application."""
    check_permission(reader, Permission.SEE_APPLICATION)
    award = store.get_award(award_id)
    application = application_store.get_application(award.application_id)
    check_member(
        reader,
        application.organisation_id,
        kind="award",
        id=award_id,
        unless=Permission.SEE_EVERY_APPLICATION,
    )
    return award


def get_letter(reader: Person, award_id: str) -> Award:
    """Return the award whose letter somebody takes away: its organisation and the office alone."""
    check_permission(reader, Permission.SEE_APPLICATION)
    award = store.get_award(award_id)
    application = application_store.get_application(award.application_id)
    check_member(
        reader,
        application.organisation_id,
        kind="award",
        id=award_id,
        unless=Permission.AWARD_APPLICATION,
    )
    return award


def find_award_of_application(reader: Person, application_id: str) -> Award | None:
    """Return the award on an application that the person may see, or None."""
    application_service.get_application(reader, application_id)
    return store.find_award_of_application(application_id)


def list_awards(reader: Person, *, after: str = "", limit: int = 100) -> list[Award]:
    """Return a page of all awards, to those who may see every application."""
    check_permission(reader, Permission.SEE_EVERY_APPLICATION)
    return store.list_awards(after=after, limit=limit)


def _same_award(known: Award, *, award_id: str, seconds: int, condition: str) -> Award:
    if (known.id, known.seconds, known.condition) != (award_id, seconds, condition):
        raise AlreadyAwarded(
            application=known.application_id,
            hours=plain_hours(known.seconds),
            award=known.id,
            project=known.project_id,
        )
    return known


def check_again(deed: Deed, application: Application, rules: AccessRules) -> Recheck:
    """Refuse when figures or rules changed since submission; keep what the check rests on."""
    organisation = organisation_store.get_organisation(application.organisation_id)
    call = replace(application.submitted.call, mode=application.submitted.mode)
    recheck = Recheck(
        organisation=organisation,
        eligibility=application_service.decide(
            application, call, organisation, rules=rules, deed=deed
        ),
        rules_hash=application_service.keep_rules_of_day(deed, rules),
    )
    check_recheck(application, recheck)
    return recheck


def _check_limits(
    deed: Deed, application: Application, decision: AwardDecision, rules: AccessRules
) -> AidEntry | None:
    """Refuse what would pass a ceiling of aid or of the machine; return the aid that it is."""
    frozen = application.submitted
    entry = aid.plan_entry(
        deed, application, award_id=decision.award_id, seconds=decision.seconds, rules=rules
    )
    ceilings.check_ceilings(deed, frozen.call, frozen.mode, seconds=decision.seconds, rules=rules)
    return entry


def _latest_start_days(
    deed: Deed, application: Application, rules: AccessRules, condition: str
) -> int:
    """Return how long the time can wait for its project: not at all where nothing is to be done."""
    if not application.submitted.call.needs_onboarding and not condition.strip():
        return 0
    return int(rules.book.number("project.latest_start_days", on=day_of(deed.now)))


def _write(
    deed: Deed,
    application: Application,
    award: Award,
    rules: AccessRules,
    decision: AwardDecision,
) -> None:
    project = open_project(application, award, latest_start_days=decision.latest_start_days)
    if not application.submitted.call.needs_onboarding and not award.is_open:
        project = projects.start(project, now=deed.now)
    project_store.save_project(project)
    store.create_award(award)
    why = application.submitted.eligibility.first_reason.sentence
    awarded = applications.award(application, why=why, now=deed.now, by=deed.actor.id)
    application_store.save_application(awarded)
    _post(deed, award, project, rules.get_partition(award.partition_id))
    audit.record(
        deed,
        action="application.awarded",
        subject=application.id,
        why=why,
        award=award.id,
        project=project.id,
        seconds=award.seconds,
        price=award.price.value,
        has_condition=bool(award.condition),
        rules=award.recheck.rules_hash if award.recheck else "",
        recheck=hash_content(award.recheck),
    )
    announcements.tell_awarded(deed, awarded, award)


def _post(deed: Deed, award: Award, project: Project, partition: Partition) -> None:
    allocations.award_to_project(
        deed,
        award_id=award.id,
        project_id=project.id,
        partition_id=award.partition_id,
        access_share=award.access_share,
        mode_id=award.mode_id,
        unit=award.unit,
        seconds=award.seconds,
        may_overdraw_seconds=quotas.overdraw_seconds(
            partition, award.mode_id, awarded_seconds=award.seconds, on=deed.now
        ),
    )
