"""The bar of an overdue report on everybody behind it: they draft, but hand nothing in."""

from datetime import datetime

from allmende.domain.access.applications import Application
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.projects import Project
from allmende.domain.access.reports import ReportIsOverdue, find_due, is_overdue
from allmende.domain.basics.sentences import Sentence
from allmende.services import aid
from allmende.storage import applications as application_store
from allmende.storage import reports as store


def check_no_bar(application: Application, *, rules: AccessRules, now: datetime) -> None:
    """Refuse while a report of the organisation, its group or the investigator is overdue."""
    bar = find_bar(application, rules=rules, now=now)
    if bar is not None:
        raise bar


def find_bar(
    application: Application, *, rules: AccessRules, now: datetime
) -> ReportIsOverdue | None:
    """Return what an overdue report says to an application, or None."""
    overdue = list_overdue(rules=rules, now=now)
    for project, due_at in overdue:
        if project.organisation_id == application.organisation_id:
            return _bar(project, due_at, Sentence("This organisation owes a report."))
    if not overdue:  # the usual case: the graphs of all organisations stay unread
        return None
    investigator = _investigator(application)
    theirs = application_store.list_by_ids([project.application_id for project, _ in overdue])
    for project, due_at in overdue:
        earlier = theirs.get(project.application_id)
        if investigator and earlier is not None and _investigator(earlier) == investigator:
            whose = Sentence("The principal investigator owes a report of another project.")
            return _bar(project, due_at, whose)
    group = aid.find_undertaking(application.organisation_id, rules=rules, now=now)
    for project, due_at in overdue:
        if project.organisation_id in group:
            whose = Sentence("An organisation of the same group of undertakings owes a report.")
            return _bar(project, due_at, whose)
    return None


def list_overdue(*, rules: AccessRules, now: datetime) -> list[tuple[Project, datetime]]:
    """Return the projects whose report is overdue and whose bar nobody lifted, with its due."""
    owing = store.list_projects_owing(now)
    reports = store.list_reports([project.id for project in owing])
    return [
        (project, find_due(project, report, book=rules.book))
        for project in owing
        if is_overdue(project, report := reports[project.id], book=rules.book, now=now)
        and not report.lifted_because
    ]


def _bar(project: Project, due_at: datetime, whose: Sentence) -> ReportIsOverdue:
    return ReportIsOverdue(whose=whose, project=project.id, due_at=due_at)


def _investigator(application: Application) -> str:
    return application.form.principal_investigator_email.strip().casefold()
