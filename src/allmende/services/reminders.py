"""The reminders that are due now, as the database has things; nothing is scheduled ahead."""

from datetime import datetime, timedelta

from allmende.domain.access import reminders
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    Message,
    write_message,
)
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.access.reminders import Reminder
from allmende.domain.access.reports import find_due
from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.basics.units import hours_from_seconds
from allmende.services.budgets import PARTITIONS_MAX
from allmende.storage import applications as application_store
from allmende.storage import awards as award_store
from allmende.storage import expert_reviews as review_store
from allmende.storage import ledger as ledger_store
from allmende.storage import projects as project_store
from allmende.storage import reports as report_store

ABOUT_REVIEWS = frozenset({MessageKind.REVIEW_DUE_SOON, MessageKind.REVIEW_OVERDUE})
# How far ahead an end can lie of which somebody is to be reminded.
AHEAD = timedelta(days=max(reminders.ENDING_DAYS))


def list_due(now: datetime, *, rules: AccessRules) -> list[Message]:
    """Return every reminder that is due at an instant, whether it is queued or not."""
    return _write((*_of_reviews(now), *_of_projects(now, rules=rules)), now=now)


def is_due(message: Message, *, now: datetime, rules: AccessRules) -> bool:
    """Say whether a queued reminder still tells what is so."""
    if message.kind in ABOUT_REVIEWS:
        found = _of_reviews(now, application_id=message.about)
    elif message.kind is MessageKind.CONDITION_OPEN:
        found = _of_projects(now, rules=rules, application_id=message.about)
    else:
        found = _of_projects(now, rules=rules, project_id=message.about)
    return message.id in {each.id for each in _write(found, now=now)}


def _write(found: tuple[Reminder, ...], *, now: datetime) -> list[Message]:
    return [
        write_message(
            each.kind,
            about=each.about,
            recipient_id=recipient_id,
            occasion=each.occasion,
            facts=each.facts,
            now=now,
        )
        for each in found
        for recipient_id in each.recipient_ids
    ]


def _of_reviews(now: datetime, *, application_id: str = "") -> tuple[Reminder, ...]:
    owed = review_store.list_owed_reviews(application_id)
    known = application_store.list_by_ids({each.application_id for each in owed})
    return tuple(
        reminder
        for review in owed
        for reminder in reminders.list_review_reminders(
            review, known[review.application_id], now=now
        )
    )


def _of_projects(
    now: datetime, *, rules: AccessRules, project_id: str = "", application_id: str = ""
) -> tuple[Reminder, ...]:
    found = project_store.list_projects_to_remind(
        ends_before=now + AHEAD,
        project_id=project_id,
        application_id=application_id,
    )
    starting = {each.application_id for each in found if each.state is ProjectState.ONBOARDING}
    awards = award_store.list_by_applications(starting)
    ended = {each.id: each for each in found if each.state is ProjectState.ENDED}
    report_dues = {
        each: find_due(ended[each], report, book=rules.book)
        for each, report in report_store.list_reports(ended).items()
        if report.is_open
    }
    left = _tell_left([each for each in found if each.state in reminders.RUNNING])
    return tuple(
        reminder
        for project in found
        for reminder in reminders.list_project_reminders(
            project,
            award=awards.get(project.application_id),
            left=left.get(project.id),
            report_due_at=report_dues.get(project.id),
            now=now,
        )
    )


def _tell_left(projects: list[Project]) -> dict[str, str]:
    """Return what projects have left, in words, by project; nothing for those without a rest."""
    ids = [each.id for each in projects]
    if not ids:
        return {}
    accounts = ledger_store.list_accounts(
        kind=AccountKind.PROJECT, owner_ids=ids, limit=len(ids) * PARTITIONS_MAX
    )
    balances = ledger_store.get_balances([each.id for each in accounts])
    left: dict[str, list[str]] = {}
    for each in accounts:
        hours = round(hours_from_seconds(balances.get(each.id, 0)), 1)
        if hours > 0:
            left.setdefault(each.owner_id, []).append(f"{hours} {each.unit.hours_name}")
    return {project_id: ", ".join(parts) for project_id, parts in left.items()}
