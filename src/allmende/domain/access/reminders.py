"""Which reminders are due: read off the state of things at an instant, never scheduled ahead.

Each reminder has a span of time in which it holds. Asked again within it, the answer is the same
reminder; asked after it, nothing comes late.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.awards import Award
from allmende.domain.access.expert_reviews import Review
from allmende.domain.access.gates import Step, find_due
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.access.working_days import begin_before, day_of

REVIEW_WORKING_DAYS = 3  # a review is called to mind this long before it is due
OVERDUE = timedelta(days=14)  # how long after its time a review is asked for once more
STARTING_DAYS = (7, 21)  # after the award: the condition or the onboarding still waits
STARTING = timedelta(days=40)  # after which nobody is asked any more
ENDING_DAYS = (30, 7)
REPORT_AHEAD = timedelta(days=30)
REPORT_OVERDUE = timedelta(days=60)
RUNNING = frozenset({ProjectState.ONBOARDING, ProjectState.ACTIVE, ProjectState.SUSPENDED})


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """Somebody is to be reminded of something now; the occasion is its due day."""

    kind: MessageKind
    about: str
    recipient_ids: tuple[str, ...]
    occasion: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def list_review_reminders(
    review: Review, application: Application, *, now: datetime
) -> tuple[Reminder, ...]:
    """Return the reminder of a review that an expert still owes: due soon, or overdue.

    Whoever was asked later than that knows the day from the invitation.
    """
    if not review.is_open or application.state is not ApplicationState.EXPERT_REVIEW:
        return ()
    due_at = find_due(application, Step.EXPERT_REVIEW)
    if due_at is None:
        return ()
    land = application.submitted.call.land
    soon_at = begin_before(due_at, working_days=REVIEW_WORKING_DAYS, land=land)
    if soon_at <= now < due_at and review.invited_at < soon_at:
        kind = MessageKind.REVIEW_DUE_SOON
    elif due_at <= now < due_at + OVERDUE and review.invited_at < due_at:
        kind = MessageKind.REVIEW_OVERDUE
    else:
        return ()
    return (
        Reminder(
            kind=kind,
            about=application.id,
            recipient_ids=(review.reviewer_id,),
            occasion=_day(due_at),
            facts={"due_at": due_at},
        ),
    )


def list_project_reminders(
    project: Project,
    *,
    now: datetime,
    award: Award | None = None,
    left: str | None = None,
    report_due_at: datetime | None = None,
) -> tuple[Reminder, ...]:
    """Return what the people of a project are to be reminded of now.

    `left` is what of its time is not used yet, in words; None where no figure exists.
    `report_due_at` is the first instant at which its final report is late; None where it owes none.
    """
    found = (
        _remind_of_start(project, award, now=now),
        _remind_of_end(project, left, now=now),
        _remind_of_report(project, report_due_at, now=now),
    )
    return tuple(each for each in found if each is not None)


def _remind_of_start(project: Project, award: Award | None, *, now: datetime) -> Reminder | None:
    """Return the reminder that a project waits: for its condition first, then its onboarding."""
    begun_at = award.granted_at if award is not None else project.period.starts_at
    over_at = min(project.period.ends_at, begun_at + STARTING)
    passed = [days for days in STARTING_DAYS if now >= begun_at + timedelta(days=days)]
    if project.state is not ProjectState.ONBOARDING or not passed or now >= over_at:
        return None
    is_open = award is not None and award.is_open
    return Reminder(
        kind=MessageKind.CONDITION_OPEN if is_open else MessageKind.ONBOARDING_OPEN,
        about=project.application_id if is_open else project.id,
        recipient_ids=project.member_ids,
        occasion=f"{passed[-1]} days",
        facts={
            "title": project.name,
            "starts_at": project.period.starts_at,
            "ends_at": project.period.ends_at,
        },
    )


def _remind_of_end(project: Project, left: str | None, *, now: datetime) -> Reminder | None:
    """Return the reminder of the end: the nearest, and none that began before the project."""
    ends_at, begun_at = project.period.ends_at, project.period.starts_at
    near = [
        days
        for days in ENDING_DAYS
        if begun_at < ends_at - timedelta(days=days) <= now and now < ends_at
    ]
    if project.state not in RUNNING or not near:
        return None
    days = near[-1]
    return Reminder(
        kind=MessageKind.PROJECT_ENDS_SOON,
        about=project.id,
        recipient_ids=project.member_ids,
        # Where the end moves, the same number of days before it is another reminder.
        occasion=f"{_day(ends_at)} {days} days",
        facts={"title": project.name, "ends_at": ends_at, "left": left},
    )


def _remind_of_report(
    project: Project, due_at: datetime | None, *, now: datetime
) -> Reminder | None:
    if due_at is None or project.state is not ProjectState.ENDED:
        return None
    if now < due_at - REPORT_AHEAD or now >= due_at + REPORT_OVERDUE:
        return None
    last_day = day_of(due_at - timedelta(microseconds=1))
    if now >= due_at:
        kind = MessageKind.REPORT_OVERDUE
    elif day_of(now) == last_day:
        kind = MessageKind.REPORT_DUE
    else:
        kind = MessageKind.REPORT_DUE_SOON
    return Reminder(
        kind=kind,
        about=project.id,
        recipient_ids=project.member_ids,
        occasion=_day(due_at),
        facts={"title": project.name, "report_due_at": due_at},
    )


def _day(instant: datetime) -> str:
    return day_of(instant).isoformat()
