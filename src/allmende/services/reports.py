"""Reports of projects: written by the project, decided by the office; the final one closes it."""

from dataclasses import dataclass
from datetime import datetime

from allmende.domain.access import projects, reports
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.access.reports import Report, ReportFacts, ReportKind
from allmende.domain.access.reviews import OwnApplication
from allmende.domain.access.snapshots import hash_content
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import count_hours
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, budgets
from allmende.services import projects as project_service
from allmende.services.deeds import Deed, one_transaction
from allmende.services.reviews import lock_foreign
from allmende.storage import organisations as organisation_store
from allmende.storage import projects as project_store
from allmende.storage import reports as store
from allmende.storage import trained_models as model_store

MODELS_MAX = 100


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """A report with its project, its dates, and what they mean at an instant."""

    project: Project
    report: Report
    due_at: datetime | None  # None: an interim report, due on no day
    is_overdue: bool
    has_large_rest: bool
    data_deadline: datetime
    is_data_due: bool


def get_report(
    reader: Person,
    project_id: str,
    *,
    rules: AccessRules,
    now: datetime,
    kind: ReportKind = ReportKind.FINAL,
) -> ReportView:
    """Return the report of a project that the person may see, an empty draft before it begins.

    Of its interim reports it is the latest.
    """
    project = project_service.get_project(reader, project_id)
    return _view(project, store.get_report(project_id, kind), rules=rules, now=now)


def date_report(project: Project, *, rules: AccessRules, now: datetime) -> ReportView:
    """Return the final report of a project that the reader sees already."""
    return _view(project, store.get_report(project.id), rules=rules, now=now)


def list_reports(
    reader: Person,
    *,
    rules: AccessRules,
    now: datetime,
    with_closed: bool = False,
    after: str = "",
    limit: int = 100,
) -> list[ReportView]:
    """Return a page of the ended projects with their reports, in the order of the projects."""
    check_permission(reader, Permission.SEE_REPORTS)
    ended = project_store.list_ended(with_closed=with_closed, after=after, limit=limit)
    found = store.list_reports([project.id for project in ended])
    return [_view(each, found[each.id], rules=rules, now=now) for each in ended]


def gather_facts(
    reader: Person,
    project_id: str,
    *,
    rules: AccessRules,
    kind: ReportKind = ReportKind.FINAL,
) -> ReportFacts:
    """Return what a report of the project says without anybody writing it.

    What was handed in keeps the facts of that instant.
    """
    project = project_service.get_project(reader, project_id)
    report = store.get_report(project_id, kind)
    return report.facts or _gather(reader, project, rules=rules)


@one_transaction
def write_report(
    deed: Deed,
    project_id: str,
    *,
    results: str,
    publications: str = "",
    feedback: str = "",
    kind: ReportKind = ReportKind.FINAL,
) -> Report:
    """Write the texts of a report that is not handed in; what is missing may come later.

    After an accepted interim report this begins the next one.
    """
    check_permission(deed.actor, Permission.WRITE_REPORT)
    project_service.check_own(deed.actor, project_store.lock_project(project_id))
    known = store.get_report(project_id, kind)
    if kind is ReportKind.INTERIM:
        known = reports.find_next(known)
    texts = {"results": results, "publications": publications, "feedback": feedback}
    written = reports.edit(known, **texts, now=deed.now)
    return _save(deed, written, action="report.written", content=hash_content(texts))


@one_transaction
def hand_in_report(
    deed: Deed, project_id: str, *, rules: AccessRules, kind: ReportKind = ReportKind.FINAL
) -> Report:
    """Hand in the report of one's own project: the office decides on it, and no bar is left."""
    check_permission(deed.actor, Permission.WRITE_REPORT)
    project = project_service.check_own(deed.actor, project_store.lock_project(project_id))
    known = store.get_report(project_id, kind)
    facts = _gather(deed.actor, project, rules=rules)
    handed = reports.hand_in(known, project, facts=facts, by=deed.actor.id, now=deed.now)
    if handed == known:
        return known
    return _save(deed, handed, action="report.handed_in", content=hash_content(handed))


@one_transaction
def accept_report(deed: Deed, project_id: str, *, kind: ReportKind = ReportKind.FINAL) -> Report:
    """Accept the report of a project of others; the final one closes the project."""
    project = _lock_to_decide(deed, project_id)
    known = store.get_report(project_id, kind)
    accepted = reports.accept(known, by=deed.actor.id, now=deed.now)
    if kind is ReportKind.INTERIM:
        return known if accepted == known else _save(deed, accepted, action="report.accepted")
    return _close(deed, project, known, accepted, action="report.accepted")


@one_transaction
def return_report(
    deed: Deed, project_id: str, *, why: str, kind: ReportKind = ReportKind.FINAL
) -> Report:
    """Return the report to its project, which has some days to mend a final one."""
    _lock_to_decide(deed, project_id)
    known = store.get_report(project_id, kind)
    returned = reports.give_back(known, why=why, by=deed.actor.id, now=deed.now)
    return known if returned == known else _save(deed, returned, action="report.returned")


@one_transaction
def waive_report(deed: Deed, project_id: str, *, why: str) -> Report:
    """Ask for no report of a project any more, which closes the project."""
    project = _lock_to_decide(deed, project_id)
    known = store.get_report(project_id)
    waived = reports.waive(known, project, why=why, by=deed.actor.id, now=deed.now)
    return _close(deed, project, known, waived, action="report.waived")


@one_transaction
def lift_bar(deed: Deed, project_id: str, *, why: str, rules: AccessRules) -> Report:
    """Let those behind an overdue report hand in applications again; the report stays due."""
    project = _lock_to_decide(deed, project_id)
    known = store.get_report(project_id)
    lifted = reports.lift_bar(
        known, project, why=why, by=deed.actor.id, now=deed.now, book=rules.book
    )
    if lifted == known:
        return known
    reason = Sentence("{words}", {"words": lifted.lifted_because})
    return _save(deed, lifted, action="report.bar_lifted", why=reason)


def _lock_to_decide(deed: Deed, project_id: str) -> Project:
    """Return a project for a decision on it; nobody decides on one that they have a part in."""
    check_permission(deed.actor, Permission.DECIDE_REPORT)
    lock_foreign(deed.actor, project_store.get_project(project_id).application_id)
    project = project_store.lock_project(project_id)
    if deed.actor.id in project.member_ids:
        raise OwnApplication
    return project


def _close(deed: Deed, project: Project, known: Report, decided: Report, *, action: str) -> Report:
    if decided == known:
        return known
    project_store.save_project(projects.move(project, ProjectState.CLOSED))
    _save(deed, decided, action=action)
    audit.record(deed, action="project.closed", subject=project.id)
    return decided


def _save(
    deed: Deed, report: Report, *, action: str, why: Sentence | None = None, **facts: str
) -> Report:
    store.save_report(report)
    reason = Sentence("{words}", {"words": report.reason}) if report.reason else None
    facts["kind"] = report.kind.value
    audit.record(deed, action=action, subject=report.project_id, why=why or reason, **facts)
    return report


def _view(project: Project, report: Report, *, rules: AccessRules, now: datetime) -> ReportView:
    book = rules.book
    data_deadline = reports.find_data_deadline(project, book=book)
    is_final = report.kind is ReportKind.FINAL
    return ReportView(
        project=project,
        report=report,
        due_at=reports.find_due(project, report, book=book) if is_final else None,
        is_overdue=is_final and reports.is_overdue(project, report, book=book, now=now),
        has_large_rest=reports.has_large_rest(project, book=book),
        data_deadline=data_deadline,
        is_data_due=now >= data_deadline,
    )


def _gather(reader: Person, project: Project, *, rules: AccessRules) -> ReportFacts:
    budget = budgets.get_budget(
        reader,
        project.id,
        partition_id=project.partition_id,
        access_share=project.access_share,
    )
    jobs = store.count_jobs(project.id)
    models = model_store.list_models(project_id=project.id, limit=MODELS_MAX)
    return ReportFacts(
        organisation=organisation_store.get_organisation(project.organisation_id).name,
        partition_id=project.partition_id,
        unit=budget.unit,
        starts_at=project.period.starts_at,
        ends_at=project.end,
        granted_seconds=budget.awarded_seconds,
        used_seconds=budget.consumed_seconds - budget.refunded_seconds,
        expired_seconds=budget.expired_seconds,
        jobs=sum(jobs.values()),
        completed_jobs=jobs.get(JobState.COMPLETED.value, 0),
        models=tuple(model.id for model in models),
        energy=store.sum_energy(project.id),
        acknowledgement=Sentence(
            "We acknowledge {authority} for awarding project {project} access to {machine}.",
            {
                "authority": rules.authority,
                "project": project.id,
                "machine": project.partition_id,
            },
        ),
        elsewhere=tuple(
            Sentence(
                "On {machine}, of {granted} {unit} granted, {used} were used and {expired} "
                "expired.",
                {
                    "machine": each.partition_id,
                    "granted": count_hours(each.awarded_seconds),
                    "unit": Sentence(each.unit.hours_name),
                    "used": count_hours(each.consumed_seconds - each.refunded_seconds),
                    "expired": count_hours(each.expired_seconds),
                },
            )
            for each in budgets.list_budgets(reader, project.id)
            if each != budget
        ),
    )
