"""What the deeds of access announce by e-mail, each in the transaction of its deed."""

from datetime import datetime

from allmende.domain.access.appeals import Appeal, AppealState, find_end
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.awards import Award
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.changes import ProjectChange
from allmende.domain.access.expert_reviews import Review
from allmende.domain.access.gates import Step, find_due
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.projects import Project
from allmende.domain.access.rebuttals import find_end as find_rebuttal_end
from allmende.domain.basics.people import Role
from allmende.domain.basics.units import plain_hours
from allmende.services import mail
from allmende.services.deeds import Deed


def tell_submitted(deed: Deed, application: Application, *, rules: AccessRules) -> None:
    """Give the applicant their receipt, and what the rules said at once if it was a no.

    Where they leave it open, the office is asked.
    """
    mail.announce(
        deed,
        MessageKind.APPLICATION_SUBMITTED,
        about=application.id,
        to=[application.applicant_id],
        title=application.form.title,
        submitted_at=application.submitted_at,
        cut_off_at=application.cut_off_at,
        due_at=application.due_at,
    )
    if application.state is ApplicationState.INELIGIBLE:
        tell_refused(deed, application, rules=rules)
    elif application.state is ApplicationState.SUBMITTED:
        kind, officers = MessageKind.ELIGIBILITY_OPEN, Role.PROGRAMME_OFFICER
        mail.announce_to(deed, officers, kind, about=application.id, due_at=application.due_at)


def tell_refused(deed: Deed, application: Application, *, rules: AccessRules | None) -> None:
    """Tell the applicant that the answer is no, why, and until when they can appeal."""
    is_refused = application.state is ApplicationState.REFUSED
    mail.announce(
        deed,
        MessageKind.APPLICATION_REFUSED if is_refused else MessageKind.APPLICATION_INELIGIBLE,
        about=application.id,
        to=[application.applicant_id],
        occasion=str(application.decided_at),  # upheld appeals lead to another decision
        title=application.form.title,
        reason=application.decision,
        appeal_ends_at=find_end(application, rules=rules.book) if rules else None,
    )


def tell_awarded(deed: Deed, application: Application, award: Award) -> None:
    """Tell the applicant that they have the time, and what they have to accept first."""
    hours = f"{plain_hours(award.seconds)} {award.unit.hours_name}"
    mail.announce(
        deed,
        MessageKind.AWARDED_ON_CONDITION if award.condition else MessageKind.APPLICATION_AWARDED,
        about=application.id,
        to=[application.applicant_id],
        title=application.form.title,
        hours=hours,
    )


def tell_reviewer(deed: Deed, kind: MessageKind, application: Application, review: Review) -> None:
    """Tell an expert about their own review: no title, no names, nobody else's review."""
    mail.announce(
        deed,
        kind,
        about=application.id,
        to=[review.reviewer_id],
        due_at=find_due(application, Step.EXPERT_REVIEW),
    )


def tell_readable(deed: Deed, application: Application) -> None:
    """Tell the applicant that they may answer their reviews, where the mode lets them."""
    ends_at = find_rebuttal_end(application)
    if ends_at is None:
        return
    mail.announce(
        deed,
        MessageKind.REVIEWS_READABLE,
        about=application.id,
        to=[application.applicant_id],
        occasion=str(application.reviewed_at),  # reviews that count no more make room for others
        title=application.form.title,
        ends_at=ends_at,
    )


def tell_appealed(deed: Deed, appeal: Appeal) -> None:
    """Tell the office that an appeal waits."""
    officers, kind = Role.PROGRAMME_OFFICER, MessageKind.APPEAL_FILED
    about, occasion = appeal.application_id, appeal.id
    mail.announce_to(deed, officers, kind, about=about, occasion=occasion, due_at=appeal.due_at)


def tell_appeal_answered(deed: Deed, application: Application, appeal: Appeal) -> None:
    """Tell the applicant what came of their appeal; `application` is as it stands after it."""
    is_upheld = appeal.state is AppealState.UPHELD
    mail.announce(
        deed,
        MessageKind.APPEAL_UPHELD if is_upheld else MessageKind.APPEAL_REJECTED,
        about=application.id,
        to=[application.applicant_id],
        occasion=appeal.id,
        title=application.form.title,
        answer=appeal.answer,
        due_at=application.due_at,
    )


def tell_asked(deed: Deed, project: Project, change: ProjectChange) -> None:
    """Tell the office that a project asks for more."""
    officers, kind = Role.PROGRAMME_OFFICER, MessageKind.CHANGE_ASKED
    due_at = project.period.ends_at
    mail.announce_to(deed, officers, kind, about=project.id, occasion=change.id, due_at=due_at)


def tell_change_answered(deed: Deed, project: Project, change: ProjectChange) -> None:
    """Tell who asked for more that there is an answer."""
    mail.announce(
        deed,
        MessageKind.CHANGE_ANSWERED,
        about=project.id,
        to=[change.asked_by],
        occasion=change.id,
        title=project.name,
    )


def tell_ended(deed: Deed, project: Project, *, report_due_at: datetime) -> None:
    """Tell the people of a project that it has ended, and when its report is due."""
    mail.announce(
        deed,
        MessageKind.PROJECT_ENDED,
        about=project.id,
        to=project.member_ids,
        title=project.name,
        report_due_at=report_due_at,
    )
