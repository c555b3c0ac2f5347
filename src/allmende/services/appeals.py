"""Appeals: an applicant asks for a second look, and somebody else of the office takes it."""

from dataclasses import replace

from allmende.domain.access import appeals
from allmende.domain.access.appeals import Appeal, AppealIsIn, AppealState, StillIneligible
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.snapshots import hash_content
from allmende.domain.access.verdicts import Verdict
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import (
    Permission,
    check_member,
    check_permission,
)
from allmende.services import announcements, audit
from allmende.services import applications as application_service
from allmende.services.deeds import Deed, one_transaction
from allmende.services.reviews import lock_foreign
from allmende.storage import appeals as store
from allmende.storage import applications as application_store
from allmende.storage import organisations as organisation_store
from allmende.storage import reviews as review_store


@one_transaction
def file_appeal(deed: Deed, application_id: str, *, reason: str, rules: AccessRules) -> Appeal:
    """Appeal against the decision on an application of one's own; once for each decision."""
    check_permission(deed.actor, Permission.FILE_APPEAL)
    application = application_store.lock_application(application_id)
    check_member(deed.actor, application.organisation_id, kind="application", id=application_id)
    for known in store.list_appeals_of(application_id):
        if known.appealed_at == application.decided_at:
            return _same_appeal(known, reason)
    appeal = appeals.file_appeal(
        application,
        id=deed.new_id("apl"),
        reason=reason,
        by=deed.actor.id,
        now=deed.now,
        rules=rules.book,
        assessment=review_store.find_assessment(application_id),
    )
    store.save_appeal(appeal)
    announcements.tell_appealed(deed, appeal)
    audit.record(
        deed,
        action="appeal.filed",
        subject=application_id,
        appeal=appeal.id,
        content=hash_content(appeal.reason),
        due_at=appeal.due_at,
    )
    return appeal


@one_transaction
def answer_appeal(
    deed: Deed, appeal_id: str, *, is_upheld: bool, answer: str, rules: AccessRules
) -> Appeal:
    """Uphold an appeal, which takes the decision back, or reject it; never one's own decision."""
    check_permission(deed.actor, Permission.ANSWER_APPEAL)
    application = lock_foreign(deed.actor, store.get_appeal(appeal_id).application_id)
    appeal = store.lock_appeal(appeal_id)
    wanted = AppealState.UPHELD if is_upheld else AppealState.REJECTED
    if (appeal.state, appeal.answer) == (wanted, answer.strip()):
        return appeal
    answered = appeals.answer_appeal(
        appeal, is_upheld=is_upheld, answer=answer, by=deed.actor.id, now=deed.now
    )
    if is_upheld:
        _check_rules(deed, application, rules)
        application = appeals.take_back_decision(application, answered, now=deed.now)
        application_store.save_application(application)
    store.save_appeal(answered)
    announcements.tell_appeal_answered(deed, application, answered)
    audit.record(
        deed,
        action=f"appeal.{answered.state.value}",
        subject=appeal.application_id,
        why=Sentence("{words}", {"words": answered.answer}),
        appeal=appeal_id,
    )
    return answered


def list_appeals_of(reader: Person, application_id: str) -> list[Appeal]:
    """Return the appeals on an application that the person may see, the earliest first."""
    application_service.get_application(reader, application_id)
    return store.list_appeals_of(application_id)


def list_appeals(
    reader: Person, *, state: AppealState | None = None, after: str = "", limit: int = 100
) -> list[Appeal]:
    """Return a page of all appeals."""
    check_permission(reader, Permission.SEE_APPEAL)
    return store.list_appeals(state=state, after=after, limit=limit)


def _same_appeal(known: Appeal, reason: str) -> Appeal:
    if known.reason != reason.strip():
        raise AppealIsIn(appeal=known.id)
    return known


def _check_rules(deed: Deed, application: Application, rules: AccessRules) -> None:
    """Refuse to uphold what the rules deny: an appeal can show that facts were wrong, not them."""
    if application.state is not ApplicationState.INELIGIBLE:
        return
    organisation = organisation_store.get_organisation(application.organisation_id)
    call = replace(application.submitted.call, mode=application.submitted.mode)
    result = application_service.decide(application, call, organisation, rules=rules, deed=deed)
    if result.verdict is Verdict.INELIGIBLE:
        raise StillIneligible(why=result.first_reason.sentence)
