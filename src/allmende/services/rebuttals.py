"""Rebuttals: the applicant answers the experts' texts before the panel ranks."""

from allmende.domain.access import rebuttals
from allmende.domain.access.rebuttals import Rebuttal, RebuttalIsIn
from allmende.domain.access.snapshots import hash_content
from allmende.domain.basics.people import Person
from allmende.domain.trust.permissions import Permission, check_member, check_permission
from allmende.services import applications as application_service
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import appeals as store
from allmende.storage import applications as application_store


@one_transaction
def answer_reviews(deed: Deed, application_id: str, *, text: str) -> Rebuttal:
    """Answer the reviews of one's own application, once; the same answer again is the same."""
    check_permission(deed.actor, Permission.ANSWER_REVIEWS)
    application = application_store.lock_application(application_id)
    check_member(deed.actor, application.organisation_id, kind="application", id=application_id)
    known = store.find_rebuttal(application_id, application.reviewed_at)
    if known is not None:
        if known.text != text.strip():
            raise RebuttalIsIn
        return known
    rebuttal = rebuttals.write_rebuttal(application, text=text, by=deed.actor.id, now=deed.now)
    store.create_rebuttal(rebuttal)
    audit.record(
        deed,
        action="reviews.answered",
        subject=application_id,
        content=hash_content(rebuttal.text),
    )
    return rebuttal


def find_rebuttal(reader: Person, application_id: str) -> Rebuttal | None:
    """Return the answer to the reviews that count now, to those who may see the application."""
    application = application_service.get_application(reader, application_id)
    if application.reviewed_at is None:
        return None
    return store.find_rebuttal(application_id, application.reviewed_at)
