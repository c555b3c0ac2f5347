"""Reviews: the office settles what the rules leave open, the hosting entity says if it will run."""

from allmende.domain.access import applications
from allmende.domain.access.applications import Application
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.reviews import OwnApplication, TechnicalAssessment, check_assessment
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, check_permission, is_member
from allmende.services import announcements, audit
from allmende.services import applications as application_service
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import applications as application_store
from allmende.storage import reviews as store


@one_transaction
def record_eligibility(
    deed: Deed,
    application_id: str,
    *,
    is_eligible: bool,
    why: str,
    rules: AccessRules | None = None,
) -> Application:
    """Decide on eligibility where the rules leave it to a person.

    With the rules, the applicant is also told until when they can appeal.
    """
    check_permission(deed.actor, Permission.AWARD_APPLICATION)
    application = lock_foreign(deed.actor, application_id)
    reason = Sentence("{words}", {"words": why})
    decided = applications.decide_eligibility(
        application, is_eligible=is_eligible, why=reason, now=deed.now, by=deed.actor.id
    )
    application_store.save_application(decided)
    audit.record(
        deed,
        action="application.eligibility_decided",
        subject=application_id,
        why=reason,
        is_eligible=is_eligible,
    )
    if not is_eligible:
        announcements.tell_refused(deed, decided, rules=rules)
    return decided


@one_transaction
def record_technical_assessment(
    deed: Deed, application_id: str, *, is_feasible: bool, notes: str = ""
) -> Application:
    """Record whether the project will run on the partition.

    A yes passes it on to the experts where its mode asks them. A no leaves only the refusal.
    """
    check_permission(deed.actor, Permission.ASSESS_APPLICATION)
    assessment = TechnicalAssessment(
        application_id=application_id,
        is_feasible=is_feasible,
        notes=notes,
        assessed_by=deed.actor.id,
        assessed_at=deed.now,
    )
    check_assessment(assessment)
    application = lock_foreign(deed.actor, application_id)
    assessed = applications.assess(application, is_feasible=is_feasible)
    store.save_assessment(assessment)
    application_store.save_application(assessed)
    audit.record(
        deed, action="application.assessed", subject=application_id, is_feasible=is_feasible
    )
    return assessed


def find_technical_assessment(reader: Person, application_id: str) -> TechnicalAssessment | None:
    """Return the assessment of an application that the person may see, or None."""
    application_service.get_application(reader, application_id)
    return store.find_assessment(application_id)


def lock_foreign(person: Person, application_id: str) -> Application:
    """Return an application for its decision; nobody decides on that of their own organisation."""
    application = application_store.lock_application(application_id)
    if is_member(person, application.organisation_id):
        raise OwnApplication
    return application
