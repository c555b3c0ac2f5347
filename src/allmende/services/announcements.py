"""What the deeds of access announce by e-mail, each in the transaction of its deed."""

from allmende.domain.access.appeals import find_end
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.awards import Award
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.expert_reviews import Review
from allmende.domain.access.gates import Step, find_due
from allmende.domain.access.messages import MessageKind
from allmende.domain.access.projects import Project
from allmende.domain.access.reminders import find_report_due
from allmende.domain.basics.people import Role
from allmende.domain.basics.units import hours_from_seconds
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
    hours = f"{hours_from_seconds(award.seconds).normalize():f} {award.unit.hours_name}"
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


def tell_ended(deed: Deed, project: Project) -> None:
    """Tell the people of a project that it has ended, and when its report is due."""
    mail.announce(
        deed,
        MessageKind.PROJECT_ENDED,
        about=project.id,
        to=project.member_ids,
        title=project.name,
        report_due_at=find_report_due(project),
    )
