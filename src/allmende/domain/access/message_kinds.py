"""The kinds of message that people are told by e-mail, each with its words: one table.

Mails travel in the open: none tells a score, how many reviews are in, or who reviews; those to
reviewers and to the office name an application by its reference alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from allmende.domain.basics.sentences import Sentence


class MessageKind(StrEnum):
    """What a message is about."""

    APPLICATION_SUBMITTED = "application_submitted"
    APPLICATION_INELIGIBLE = "application_ineligible"
    ELIGIBILITY_OPEN = "eligibility_open"
    REVIEW_INVITED = "review_invited"
    REVIEW_ACCEPTED = "review_accepted"
    REVIEW_CALLED_OFF = "review_called_off"
    REVIEW_DUE_SOON = "review_due_soon"
    REVIEW_OVERDUE = "review_overdue"
    REVIEWS_READABLE = "reviews_readable"
    APPLICATION_AWARDED = "application_awarded"
    AWARDED_ON_CONDITION = "awarded_on_condition"
    APPLICATION_REFUSED = "application_refused"
    APPEAL_FILED = "appeal_filed"
    APPEAL_UPHELD = "appeal_upheld"
    APPEAL_REJECTED = "appeal_rejected"
    CHANGE_ASKED = "change_asked"
    CHANGE_ANSWERED = "change_answered"
    CONDITION_OPEN = "condition_open"
    ONBOARDING_OPEN = "onboarding_open"
    PROJECT_ENDS_SOON = "project_ends_soon"
    PROJECT_ENDED = "project_ended"
    REPORT_DUE_SOON = "report_due_soon"
    REPORT_DUE = "report_due"
    REPORT_OVERDUE = "report_overdue"
    ORGANISATION_MERGED = "organisation_merged"
    MAIL_GIVEN_UP = "mail_given_up"


# What holds only as long as the state that it tells of; checked once more before it is sent.
REMINDERS = frozenset(
    {
        MessageKind.REVIEW_DUE_SOON,
        MessageKind.REVIEW_OVERDUE,
        MessageKind.CONDITION_OPEN,
        MessageKind.ONBOARDING_OPEN,
        MessageKind.PROJECT_ENDS_SOON,
        MessageKind.REPORT_DUE_SOON,
        MessageKind.REPORT_DUE,
        MessageKind.REPORT_OVERDUE,
    }
)


@dataclass(frozen=True)
class Wording:
    """Subject, paragraphs and the page that a message leads to.

    A paragraph with a place for a fact that is not known is left out.
    """

    subject: Sentence
    body: tuple[Sentence, ...]
    path: str


_APPLICATION, _REVIEW, _PROJECT = "/applications/{about}", "/reviews/{about}", "/projects/{about}"

WORDINGS: Mapping[MessageKind, Wording] = MappingProxyType(
    {
        MessageKind.APPLICATION_SUBMITTED: Wording(
            Sentence("Your application {about} is in"),
            (
                Sentence("Your application “{title}” was handed in on {submitted_at}."),
                Sentence("Its reference is {about}. Please name it when you write to us."),
                Sentence("It is evaluated after the cut-off on {cut_off_at}."),
                Sentence("You have our decision before {due_at}."),
            ),
            _APPLICATION,
        ),
        MessageKind.APPLICATION_INELIGIBLE: Wording(
            Sentence("Your application {about} is not eligible"),
            (
                Sentence("Your application “{title}” cannot be considered, for this reason:"),
                Sentence("{reason}"),
                Sentence("You can appeal before {appeal_ends_at}, on the page of the application."),
            ),
            _APPLICATION,
        ),
        MessageKind.ELIGIBILITY_OPEN: Wording(
            Sentence("Is application {about} eligible?"),
            (
                Sentence("The rules leave the eligibility of application {about} to the office."),
                Sentence("The applicant was promised a decision before {due_at}."),
            ),
            "/programme/{about}",
        ),
        MessageKind.REVIEW_INVITED: Wording(
            Sentence("You are asked to review application {about}"),
            (
                Sentence("The programme office asks you to review an application."),
                Sentence("Please accept or decline. You see first whom it concerns, so that you "
                         "can tell a conflict of interest."),
                Sentence("The review is due before {due_at}."),
            ),
            _REVIEW,
        ),
        MessageKind.REVIEW_ACCEPTED: Wording(
            Sentence("You review application {about}"),
            (
                Sentence("Thank you for accepting. The file is open to you now."),
                Sentence("The review is due before {due_at}."),
            ),
            _REVIEW,
        ),
        MessageKind.REVIEW_CALLED_OFF: Wording(
            Sentence("Your review of application {about} is no longer needed"),
            (
                Sentence("The programme office has called your review off. There is nothing left "
                         "to do, and the file is closed."),
            ),
            "/reviews",
        ),
        MessageKind.REVIEW_DUE_SOON: Wording(
            Sentence("Your review of application {about} is due soon"),
            (
                Sentence("The review is due before {due_at}."),
                Sentence("If you cannot write it, please decline, so that somebody else can."),
            ),
            _REVIEW,
        ),
        MessageKind.REVIEW_OVERDUE: Wording(
            Sentence("Your review of application {about} is overdue"),
            (
                Sentence("The review was due before {due_at}."),
                Sentence("If you cannot write it, please decline, so that somebody else can."),
            ),
            _REVIEW,
        ),
        MessageKind.REVIEWS_READABLE: Wording(
            Sentence("You can answer what the experts wrote about application {about}"),
            (
                Sentence("The experts have written about your application “{title}”. You can read "
                         "it and answer once, before {ends_at}; you need not."),
                Sentence("The panel reads your answer beside what they wrote."),
            ),
            _APPLICATION,
        ),
        MessageKind.APPLICATION_AWARDED: Wording(
            Sentence("Your application {about} is awarded"),
            (
                Sentence("Your application “{title}” is awarded {hours}."),
                Sentence("The award letter is on the page of the application."),
            ),
            _APPLICATION,
        ),
        MessageKind.AWARDED_ON_CONDITION: Wording(
            Sentence("Your application {about} is awarded on a condition"),
            (
                Sentence("Your application “{title}” is awarded {hours}, on a condition."),
                Sentence("The project starts when you have accepted it. Read it in the award "
                         "letter, and accept it, on the page of the application."),
            ),
            _APPLICATION,
        ),
        MessageKind.APPLICATION_REFUSED: Wording(
            Sentence("Your application {about} is refused"),
            (
                Sentence("Your application “{title}” is refused, for this reason:"),
                Sentence("{reason}"),
                Sentence("You can appeal before {appeal_ends_at}, on the page of the application."),
            ),
            _APPLICATION,
        ),
        MessageKind.APPEAL_FILED: Wording(
            Sentence("There is an appeal on application {about}"),
            (
                Sentence("The applicant appeals against the decision. Somebody who did not take it "
                         "answers, before {due_at}."),
            ),
            "/programme/{about}",
        ),
        MessageKind.APPEAL_UPHELD: Wording(
            Sentence("The decision on your application {about} is taken back"),
            (
                Sentence("Your appeal on “{title}” was right, for this reason:"),
                Sentence("{answer}"),
                Sentence("The application goes on from the step whose answer was wrong. You have "
                         "the new decision before {due_at}."),
            ),
            _APPLICATION,
        ),
        MessageKind.APPEAL_REJECTED: Wording(
            Sentence("The decision on your application {about} stands"),
            (
                Sentence("Your appeal on “{title}” changes nothing, for this reason:"),
                Sentence("{answer}"),
            ),
            _APPLICATION,
        ),
        MessageKind.CHANGE_ASKED: Wording(
            Sentence("Project {about} asks for more time"),
            (Sentence("It ends on {due_at}; what is left then expires."),),
            "/projects/{about}/changes",
        ),
        MessageKind.CHANGE_ANSWERED: Wording(
            Sentence("Your request for project {about} is answered"),
            (Sentence("The answer stands on the page of the project “{title}”."),),
            "/projects/{about}/changes",
        ),
        MessageKind.ORGANISATION_MERGED: Wording(
            Sentence("{organisation} merged into {heir}"),
            (
                Sentence("The programme office recorded that {organisation} merged into {heir} on "
                         "{on}."),
                Sentence("Running projects go on as they were awarded."),
                Sentence("Whatever is new is applied for as {heir}: ask one of its members to add "
                         "you."),
            ),
            "/apply",
        ),
        MessageKind.CONDITION_OPEN: Wording(
            Sentence("The condition of your award waits"),
            (
                Sentence("The award for “{title}” has a condition that nobody accepted yet. The "
                         "project starts only then. Its time starts with it, but no later than "
                         "{starts_at}, and ends by {ends_at}."),
            ),
            _APPLICATION,
        ),
        MessageKind.ONBOARDING_OPEN: Wording(
            Sentence("Project {about} has not started yet"),
            (
                Sentence("The onboarding of “{title}” is not finished, so nobody can run jobs. Its "
                         "time starts when you finish, but no later than {starts_at}, and ends by "
                         "{ends_at}."),
            ),
            _PROJECT,
        ),
        MessageKind.PROJECT_ENDS_SOON: Wording(
            Sentence("Project {about} ends on {ends_at}"),
            (
                Sentence("The project “{title}” ends on {ends_at}. What is not used by then "
                         "expires."),
                Sentence("{left} are not used yet."),
            ),
            _PROJECT,
        ),
        MessageKind.PROJECT_ENDED: Wording(
            Sentence("Project {about} has ended"),
            (
                Sentence("The project “{title}” has ended. Its results stay readable."),
                Sentence("A short final report is due before {report_due_at}."),
            ),
            _PROJECT,
        ),
        MessageKind.REPORT_DUE_SOON: Wording(
            Sentence("The final report of project {about} is due soon"),
            (Sentence("The final report on “{title}” is due before {report_due_at}."),),
            _PROJECT,
        ),
        MessageKind.REPORT_DUE: Wording(
            Sentence("The final report of project {about} is due today"),
            (Sentence("The final report on “{title}” is due before {report_due_at}."),),
            _PROJECT,
        ),
        MessageKind.REPORT_OVERDUE: Wording(
            Sentence("The final report of project {about} is overdue"),
            (
                Sentence("The final report on “{title}” was due before {report_due_at}."),
                Sentence("If something keeps you from writing it, please tell the programme "
                         "office."),
            ),
            _PROJECT,
        ),
        MessageKind.MAIL_GIVEN_UP: Wording(
            Sentence("Some e-mails could not be delivered"),
            (
                Sentence("At least one e-mail was given up after several days. The programme "
                         "office sees which, and can send it again; the log of the daemon says "
                         "what the mail server answered."),
            ),
            "/mail",
        ),
    }
)  # fmt: skip
