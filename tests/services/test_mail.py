"""What is announced to whom, when reminders come, and what the office does about failures."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.access.applications import ApplicationIsFrozen
from allmende.domain.access.gates import Step, find_due
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    KEPT,
    PATIENCE,
    MessageIsDone,
    MessageState,
)
from allmende.domain.basics.people import DAEMON, Role
from allmende.domain.basics.refusals import NotPermitted
from allmende.services import (
    applications,
    awards,
    calls,
    expert_reviews,
    mail,
    panels,
    projects,
    reports,
)
from allmende.services import reviews as review_service
from allmende.services.mail import NotDelivered
from allmende.storage import people as people_store
from allmende.storage import projects as project_store
from tests.services.access import (
    CALL_ID,
    NOON,
    RULES,
    assessed,
    awarded,
    deed,
    founder,
    officer,
    open_playground,
    person,
    submitted,
)
from tests.services.peer_review import (
    AFTER,
    accepted,
    before_the_panel,
    expert,
    invited,
    open_round,
    opinions,
    scientist,
    with_experts,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def kinds_to(reader):
    """Return the kinds of the messages to somebody, the oldest first."""
    return sorted(each.kind for each in mail.list_own_messages(reader))


def texts_to(reader):
    return "\n".join(
        text.english()
        for each in mail.list_own_messages(reader)
        for text in (each.subject, *each.body)
    )


def refuse(_parcel):
    raise NotDelivered(problem="450 busy")


def test_an_applicant_has_a_receipt_with_reference_and_dates():
    open_playground()
    ada, firm = founder()
    application = submitted(ada, firm)
    assert kinds_to(ada) == [MessageKind.APPLICATION_SUBMITTED]
    text = texts_to(ada)
    assert application.id in text
    assert str(application.due_at) in text


def test_an_applicant_learns_at_once_that_the_rules_say_no():
    open_playground()
    ada, firm = founder()
    application = submitted(ada, firm, is_prohibited_practice="yes")
    assert kinds_to(ada) == [
        MessageKind.APPLICATION_INELIGIBLE,
        MessageKind.APPLICATION_SUBMITTED,
    ]
    assert application.decision.english() in texts_to(ada)
    assert "You can appeal before" in texts_to(ada)


def test_the_office_is_asked_what_the_rules_leave_open():
    open_playground()
    olga, auditor = officer(), person("auditor", Role.AUDITOR)
    ada, firm = founder(size=None)
    application = submitted(ada, firm)
    assert kinds_to(olga) == [MessageKind.ELIGIBILITY_OPEN]
    assert kinds_to(auditor) == []
    review_service.record_eligibility(
        deed(olga), application.id, is_eligible=False, why="No SME.", rules=RULES
    )
    assert "No SME." in texts_to(ada)
    assert MessageKind.APPLICATION_INELIGIBLE in kinds_to(ada)


def test_a_decision_is_told_with_its_reason_or_its_hours():
    open_playground()
    ada, firm = founder()
    awarded(ada, firm)
    assert MessageKind.APPLICATION_AWARDED in kinds_to(ada)
    assert "4 node-h" in texts_to(ada)
    second = assessed(ada, firm)
    awards.award_application(deed(officer()), second.id, rules=RULES, condition="Sign.")
    assert MessageKind.AWARDED_ON_CONDITION in kinds_to(ada)
    assert "Sign." not in texts_to(ada)  # it stands in the letter, behind the sign-in
    third = assessed(ada, firm)
    awards.refuse_application(deed(officer()), third.id, why="No nodes left.", rules=RULES)
    assert MessageKind.APPLICATION_REFUSED in kinds_to(ada)
    assert "No nodes left." in texts_to(ada)


def test_a_deed_that_fails_announces_nothing():
    open_playground()
    ada, firm = founder()
    application = submitted(ada, firm)
    with pytest.raises(ApplicationIsFrozen):
        applications.submit_application(deed(ada), application.id, rules=RULES)
    assert kinds_to(ada) == [MessageKind.APPLICATION_SUBMITTED]


def test_an_expert_is_invited_thanked_and_called_off():
    open_round()
    application = with_experts(*scientist())
    xenia, yuri = expert("xenia"), expert("yuri")
    invited(application, xenia)
    invited(application, xenia)  # asking again is the same invitation
    accepted(application, yuri)
    olga = officer()
    panels.call_off_review(deed(olga, now=AFTER), application.id, reviewer_id=yuri.id)
    assert kinds_to(xenia) == [MessageKind.REVIEW_INVITED]
    assert kinds_to(yuri) == [
        MessageKind.REVIEW_ACCEPTED,
        MessageKind.REVIEW_CALLED_OFF,
        MessageKind.REVIEW_INVITED,
    ]


def test_no_mail_tells_a_score_a_title_to_experts_or_who_else_reviews():
    open_round()
    rosa, university = scientist()
    application, experts = before_the_panel(rosa, university, scores=((4, 3, 5), (2, 4, 3)))
    names = {each.name for each in experts} | {each.id for each in experts}
    everybody = [rosa, *experts]
    text = "\n".join(texts_to(each) for each in everybody)
    assert not any(f" {name} " in text for name in names)
    assert "Sound" not in text  # what the reviews say
    for each in experts:
        assert application.form.title not in texts_to(each)
        assert university.name not in texts_to(each)
    # Nothing goes out when a review comes in, which would count them; one mail when all are in.
    told = [MessageKind.APPLICATION_SUBMITTED, MessageKind.REVIEWS_READABLE]
    assert sorted(kinds_to(rosa)) == told


def test_an_owed_review_is_called_to_mind_once_and_not_when_it_is_in():
    open_round()
    application = with_experts(*scientist())
    xenia, yuri = expert("xenia"), expert("yuri")
    for each in (xenia, yuri):
        accepted(application, each)
    before = find_due(application, Step.EXPERT_REVIEW) - timedelta(minutes=1)
    assert mail.remind(deed(DAEMON, now=before), rules=RULES) == 2
    assert mail.remind(deed(DAEMON, now=before), rules=RULES) == 0
    expert_reviews.submit_review(deed(yuri, now=before), application.id, opinions=opinions(4, 4, 4))
    sent = []
    mail.deliver(lambda: deed(DAEMON, now=before), send=sent.append, rules=RULES)
    reminded = [each.recipient.id for each in sent if "due_soon" in each.message.kind]
    assert reminded == [xenia.id]
    lapsed = [each for each in mail.list_own_messages(yuri) if each.state is MessageState.LAPSED]
    assert [each.kind for each in lapsed] == [MessageKind.REVIEW_DUE_SOON]


def test_a_project_is_told_its_end_with_what_is_left():
    open_playground()
    ada, firm = founder()
    project = projects.get_project(ada, awarded(ada, firm).project_id)
    ends_at = project.period.ends_at
    mail.remind(deed(DAEMON, now=ends_at - 3 * DAY), rules=RULES)
    assert "4.0 node-h are not used yet." in texts_to(ada)
    projects.end_due_projects(deed(DAEMON, now=ends_at), rules=RULES)
    assert MessageKind.PROJECT_ENDED in kinds_to(ada)
    mail.remind(deed(DAEMON, now=ends_at + 80 * DAY), rules=RULES)
    assert MessageKind.REPORT_DUE_SOON in kinds_to(ada)


def test_a_report_is_called_to_mind_by_the_dated_rule_and_anew_after_its_return():
    open_playground()
    ada, firm = founder()
    project = projects.get_project(ada, awarded(ada, firm).project_id)
    ends_at, olga, rows = project.period.ends_at, officer(), RULES.book.rules
    longer = tuple(
        replace(row, value=Decimal(5)) if row.rule == "report.period_months" else row
        for row in rows
    )
    slow = replace(RULES, book=type(RULES.book)(longer))
    projects.end_due_projects(deed(DAEMON, now=ends_at), rules=slow)
    assert mail.remind(deed(DAEMON, now=ends_at + 80 * DAY), rules=slow) == 0
    late = ends_at + 155 * DAY
    assert mail.remind(deed(DAEMON, now=late), rules=slow) == 1
    assert MessageKind.REPORT_OVERDUE in kinds_to(ada)
    reports.write_report(deed(ada, now=late), project.id, results="Done.")
    reports.hand_in_report(deed(ada, now=late), project.id, rules=slow)
    assert mail.remind(deed(DAEMON, now=late), rules=slow) == 0
    reports.return_report(deed(olga, now=late), project.id, why="Name the data.")
    assert mail.remind(deed(DAEMON, now=late), rules=slow) == 1
    assert MessageKind.REPORT_DUE_SOON in kinds_to(ada)


def test_a_condition_is_called_to_mind_until_it_is_accepted():
    configured = replace(RULES.get_call(CALL_ID), needs_onboarding=True)
    calls.open_call(deed(DAEMON), CALL_ID, rules=replace(RULES, calls=(configured,)))
    ada, firm = founder()
    application = assessed(ada, firm)
    award = awards.award_application(
        deed(officer()), application.id, rules=RULES, condition="Sign."
    )
    week, three = NOON + 7 * DAY, NOON + 21 * DAY
    mail.remind(deed(DAEMON, now=week), rules=RULES)
    assert MessageKind.CONDITION_OPEN in kinds_to(ada)
    awards.accept_condition(deed(ada, now=week), award.id)
    sent = []
    mail.deliver(lambda: deed(DAEMON, now=week), send=sent.append, rules=RULES)
    assert MessageKind.CONDITION_OPEN not in [each.message.kind for each in sent]
    mail.remind(deed(DAEMON, now=three), rules=RULES)
    assert MessageKind.ONBOARDING_OPEN in kinds_to(ada)


def test_who_is_gone_is_written_to_no_more():
    open_playground()
    ada, firm = founder()
    submitted(ada, firm)
    people_store.PersonRow.objects.filter(id=ada.id).delete()
    assert mail.deliver(lambda: deed(DAEMON), send=refuse, rules=RULES).sent == 0
    assert mail.list_own_messages(ada)[0].state is MessageState.LAPSED


def test_what_cannot_be_delivered_is_given_up_told_and_tried_anew():
    open_playground()
    ada, firm = founder()
    submitted(ada, firm)
    olga, otto = officer(), person("otto", Role.OPERATOR)
    assert len(mail.deliver(lambda: deed(DAEMON), send=refuse, rules=RULES).failed) == 1
    late = NOON + PATIENCE
    delivery = mail.deliver(lambda: deed(DAEMON, now=late), send=refuse, rules=RULES)
    assert delivery.given_up == []  # its time was over before this try
    (lost,) = mail.list_own_messages(ada)
    assert (lost.state, lost.error) == (MessageState.GIVEN_UP, "450 busy")
    assert kinds_to(olga) == kinds_to(otto) == [MessageKind.MAIL_GIVEN_UP]
    with pytest.raises(NotPermitted):
        mail.retry_message(deed(otto), lost.id)
    mail.retry_message(deed(olga, now=late), lost.id)
    sent = []
    mail.deliver(lambda: deed(DAEMON, now=late), send=sent.append, rules=RULES)
    assert lost.id in [each.message.id for each in sent]
    with pytest.raises(MessageIsDone):
        mail.retry_message(deed(olga, now=late), lost.id)


def test_a_last_try_that_fails_gives_up_and_a_notice_brings_no_notice():
    olga = officer()
    mail.announce(
        deed(DAEMON), MessageKind.MAIL_GIVEN_UP, about="mail", to=[olga.id], occasion="first"
    )
    (parcel,) = [mail.take_next(deed(DAEMON), rules=RULES)]
    lost = mail.record_failure(
        deed(DAEMON, now=NOON + PATIENCE), parcel.message.id, error="550 no such person"
    )
    assert lost.state is MessageState.GIVEN_UP
    assert kinds_to(olga) == [MessageKind.MAIL_GIVEN_UP]


def test_the_queue_is_for_office_and_auditors():
    open_playground()
    ada, firm = founder()
    submitted(ada, firm)
    for role in (Role.PROGRAMME_OFFICER, Role.AUDITOR):
        view = mail.list_queue(person("p", role))
        assert view.names == {ada.id: ada.name}
        assert view.counts == {MessageState.QUEUED: 1}
    assert mail.list_queue(officer(), states=[MessageState.SENT]).messages == []
    for role in (Role.APPLICANT, Role.REVIEWER, Role.OPERATOR, Role.ADMINISTRATOR):
        with pytest.raises(NotPermitted):
            mail.list_queue(person("p", role))
        with pytest.raises(NotPermitted):
            mail.remind(deed(person("p", role)), rules=RULES)


def test_the_queue_pages_newest_first():
    reader = person("reader")
    for number in range(5):
        mail.announce(
            deed(DAEMON, now=NOON + number // 2 * DAY),
            MessageKind.REVIEW_CALLED_OFF,
            about=f"app-{number}",
            to=[reader.id],
        )
    every = mail.list_own_messages(reader)
    first = mail.list_own_messages(reader, limit=2)
    second = mail.list_own_messages(reader, after=first[-1].id, limit=2)
    third = mail.list_own_messages(reader, after=second[-1].id, limit=2)
    assert [*first, *second, *third] == every
    assert [each.queued_at for each in every] == sorted(
        (each.queued_at for each in every), reverse=True
    )


def test_messages_are_forgotten_after_a_year():
    reader = person("reader")
    mail.announce(deed(DAEMON), MessageKind.REVIEW_CALLED_OFF, about="app-1", to=[reader.id])
    assert mail.forget_old(deed(DAEMON, now=NOON + KEPT)) == 0
    assert mail.forget_old(deed(DAEMON, now=NOON + KEPT + DAY)) == 1


def test_reminders_take_as_many_questions_for_many_projects_as_for_few():
    open_playground()
    ada, firm = founder()
    project = projects.get_project(ada, awarded(ada, firm).project_id)
    now = project.period.ends_at - DAY

    def count_questions():
        with CaptureQueriesContext(connection) as asked:
            mail.remind(deed(DAEMON, now=now), rules=RULES)
        return len(asked)

    mail.remind(deed(DAEMON, now=now), rules=RULES)
    one = count_questions()
    for number in range(5):
        project_store.save_project(
            replace(project, id=f"prj-{number}", application_id=f"app-x{number}")
        )
    mail.remind(deed(DAEMON, now=now), rules=RULES)
    assert count_questions() == one
