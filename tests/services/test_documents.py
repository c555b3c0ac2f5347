"""Documents: who adds, who reads, what is frozen, and what a chore removes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from allmende.domain.access.applications import ApplicationIsFrozen, ApplicationState
from allmende.domain.access.documents import DOCUMENTS_MAX, DocumentKind, TooManyDocuments
from allmende.domain.access.reviewers import ConflictOfInterest, FileIsClosed
from allmende.domain.basics.people import DAEMON, PUBLIC, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import applications, audit, documents, expert_reviews
from allmende.storage import people as people_store
from allmende.storage.document_files import Shelf
from tests.services import peer_review
from tests.services.access import (
    RULES,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
    person,
    submitted,
)
from tests.services.peer_review import AFTER

pytestmark = pytest.mark.django_db
CONTENT = b"a proposal"


@pytest.fixture(autouse=True)
def call():
    return open_playground()


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "documents", judge=lambda path: 2, most_bytes=1000)


@pytest.fixture
def draft():
    ada, firm = founder()
    return ada, firm, drafted(ada, firm)


def add(shelf, actor, application, content=CONTENT, *, name="proposal.pdf"):
    with shelf.receive([content]) as incoming:
        return documents.add_document(
            deed(actor),
            application.id,
            kind=DocumentKind.PROPOSAL,
            name=name,
            incoming=incoming,
            shelf=shelf,
        )


def read(shelf, reader, application, document):
    found, file = documents.open_document(reader, application.id, document.id, shelf=shelf)
    with file:
        return found, file.read()


def read_as_reviewer(shelf, reviewer, application, document, *, now=AFTER):
    _, file = documents.open_for_review(
        deed(reviewer, now=now), application.id, document.id, shelf=shelf
    )
    with file:
        return file.read()


def files_in(shelf):
    return [path.name for path in shelf.folder.glob("??/*")]


def test_a_document_is_added_and_read_back(shelf, draft):
    ada, _, application = draft
    added = add(shelf, ada, application, name="../geheim/Plan\u202e.pdf")
    assert (added.name, added.pages, added.size_bytes) == ("Plan.pdf", 2, len(CONTENT))
    assert (added.sha256, added.added_by) == (sha256(CONTENT).hexdigest(), ada.id)
    assert documents.list_documents(ada, application.id) == (added,)
    assert read(shelf, ada, application, added) == (added, CONTENT)


def test_the_same_file_twice_is_one(shelf, draft):
    ada, firm, application = draft
    first = add(shelf, ada, application)
    assert add(shelf, ada, application, name="again.pdf") == first
    other = drafted(ada, firm)
    assert add(shelf, ada, other).id != first.id
    assert files_in(shelf) == [first.sha256]


def test_an_application_takes_so_many_and_not_one_more(shelf, draft):
    ada, firm, application = draft
    for number in range(DOCUMENTS_MAX):
        add(shelf, ada, application, b"%d" % number)
    with pytest.raises(TooManyDocuments):
        add(shelf, ada, application, b"one more")
    assert len(files_in(shelf)) == DOCUMENTS_MAX
    earlier = add(shelf, ada, drafted(ada, firm), b"of another")
    with pytest.raises(TooManyDocuments):
        documents.reuse_document(deed(ada), application.id, earlier.id)


def test_a_document_of_a_draft_is_removed_and_removing_again_changes_nothing(shelf, draft):
    ada, _, application = draft
    added = add(shelf, ada, application)
    for _ in range(2):
        documents.remove_document(deed(ada), application.id, added.id)
    assert documents.list_documents(ada, application.id) == ()
    auditor = person("auditor", Role.AUDITOR)
    told = [event.action for event in audit.list_events(auditor, subject=application.id)]
    assert told.count("document.removed") == 1
    with pytest.raises(NotFound):
        read(shelf, ada, application, added)


def test_submission_freezes_the_documents_with_their_hashes(shelf, draft):
    ada, _, application = draft
    added = add(shelf, ada, application)
    done = applications.submit_application(deed(ada), application.id, rules=RULES)
    assert applications.get_application(ada, done.id).submitted.documents == (added,)
    auditor = person("auditor", Role.AUDITOR)
    event = next(
        each
        for each in audit.list_events(auditor, subject=done.id)
        if each.action == "application.submitted"
    )
    assert event.facts["documents"] == [added.sha256]
    for change in (
        lambda: add(shelf, ada, application, b"late"),
        lambda: documents.remove_document(deed(ada), application.id, added.id),
        lambda: documents.check_draft_of(ada, application.id),
    ):
        with pytest.raises(ApplicationIsFrozen):
            change()
    assert read(shelf, ada, application, added)[1] == CONTENT


def test_what_was_taken_back_is_kept_for_the_record(shelf, draft):
    ada, _, application = draft
    added = add(shelf, ada, application)
    applications.submit_application(deed(ada), application.id, rules=RULES)
    applications.withdraw_application(deed(ada), application.id)
    for reader in (ada, officer()):
        assert read(shelf, reader, application, added)[1] == CONTENT
    with pytest.raises(ApplicationIsFrozen):
        documents.remove_document(deed(ada), application.id, added.id)


def test_nobody_else_reads_the_documents_of_a_draft(shelf, draft):
    ada, _, application = draft
    added = add(shelf, ada, application)
    eve, _ = founder("eve")
    others = (eve, officer(), person("auditor", Role.AUDITOR))
    for reader in others:
        with pytest.raises(NotFound):
            read(shelf, reader, application, added)
        with pytest.raises(NotFound):
            documents.list_documents(reader, application.id)
    with pytest.raises(NotPermitted):
        documents.list_documents(PUBLIC, application.id)


def test_after_submission_the_office_reads_them_and_foreign_tenants_still_do_not(shelf, draft):
    ada, _, application = draft
    added = add(shelf, ada, application)
    applications.submit_application(deed(ada), application.id, rules=RULES)
    assert read(shelf, officer(), application, added)[1] == CONTENT
    eve, firm = founder("eve")
    with pytest.raises(NotFound):
        read(shelf, eve, application, added)
    with pytest.raises(NotPermitted):
        read(shelf, person("root", Role.ADMINISTRATOR), application, added)
    # Nor under an application of their own.
    own = drafted(eve, firm)
    for attempt in (
        lambda: read(shelf, eve, own, added),
        lambda: documents.reuse_document(deed(eve), own.id, added.id),
        lambda: add(shelf, eve, application),
        lambda: documents.remove_document(deed(eve), application.id, added.id),
        lambda: documents.check_draft_of(eve, application.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert documents.list_reusable(eve, own.id) == ()


def test_the_office_does_not_learn_of_files_in_drafts_by_way_of_what_was_handed_in(shelf, draft):
    ada, firm, application = draft
    done = applications.submit_application(deed(ada), application.id, rules=RULES)
    secret = add(shelf, ada, drafted(ada, firm))
    assert documents.list_reusable(ada, done.id) == (secret,)
    with pytest.raises(NotFound):
        documents.list_reusable(officer(), done.id)


@pytest.fixture
def under_review(shelf):
    """Return a scientist, their application with a document, and that document."""
    peer_review.open_round()
    rosa, university = peer_review.scientist()
    draft = peer_review.drafted_in_full(rosa, university)
    added = add(shelf, rosa, draft)
    applications.submit_application(deed(rosa), draft.id, rules=RULES)
    peer_review.reviews.record_technical_assessment(
        deed(officer(), now=AFTER), draft.id, is_feasible=True
    )
    return rosa, university, draft, added


def test_a_reviewer_reads_them_after_accepting_and_only_while_there_is_a_review(
    shelf, under_review
):
    rosa, _, application, added = under_review
    xenia, yann = peer_review.expert("xenia"), peer_review.expert("yann")
    with pytest.raises(NotFound):
        read_as_reviewer(shelf, xenia, application, added)
    peer_review.invited(application, xenia)
    with pytest.raises(NotFound):  # invited is not accepted
        read_as_reviewer(shelf, xenia, application, added)
    peer_review.accepted(application, yann)
    assert read_as_reviewer(shelf, yann, application, added) == CONTENT
    with pytest.raises(NotPermitted):  # not by the door of the office
        read(shelf, yann, application, added)
    with pytest.raises(NotFound):
        read_as_reviewer(shelf, yann, application, replace(added, id="none"))
    applications.withdraw_application(deed(rosa, now=AFTER), application.id)
    with pytest.raises(NotFound):
        read_as_reviewer(shelf, yann, application, added)


def test_a_reviewer_with_a_conflict_reads_none_whenever_it_comes(shelf, under_review):
    _, university, application, added = under_review
    yann, zoe = peer_review.expert("yann"), peer_review.expert("zoe")
    for reviewer in (yann, zoe):
        peer_review.accepted(application, reviewer)
        assert read_as_reviewer(shelf, reviewer, application, added) == CONTENT
    expert_reviews.declare_conflict(deed(yann, now=AFTER), application.id)
    with pytest.raises(ConflictOfInterest):
        read_as_reviewer(shelf, yann, application, added)
    people_store.add_member(zoe.id, university.id)
    with pytest.raises(ConflictOfInterest):
        read_as_reviewer(shelf, zoe, application, added)


def test_a_reviewer_whom_the_applicant_named_reads_none_and_does_not_learn_why(shelf, under_review):
    rosa, _, application, added = under_review
    yann = peer_review.expert("yann")
    peer_review.accepted(application, yann)
    applications.store.save_application(
        replace(
            applications.get_application(rosa, application.id),
            form=replace(application.form, excluded_reviewers="yann"),
        )
    )
    with pytest.raises(FileIsClosed):
        read_as_reviewer(shelf, yann, application, added)


def test_files_of_other_applications_are_offered_and_used_without_sending_them_again(shelf, draft):
    ada, firm, application = draft
    earlier = add(shelf, ada, application)
    done = applications.submit_application(deed(ada), application.id, rules=RULES)
    new = drafted(ada, firm)
    assert documents.list_reusable(ada, new.id) == (earlier,)
    used = documents.reuse_document(deed(ada), new.id, earlier.id)
    assert (used.sha256, used.name) == (earlier.sha256, earlier.name)
    assert documents.reuse_document(deed(ada), new.id, earlier.id) == used
    assert documents.list_reusable(ada, new.id) == ()
    assert read(shelf, ada, new, used)[1] == CONTENT
    documents.remove_document(deed(ada), new.id, used.id)
    assert read(shelf, ada, done, earlier)[1] == CONTENT


def test_the_chore_removes_strays_and_nothing_that_somebody_has(shelf, draft):
    ada, _, application = draft
    kept = add(shelf, ada, application)
    removed = add(shelf, ada, application, b"not wanted any more")
    documents.remove_document(deed(ada), application.id, removed.id)
    (shelf.incoming / "half").write_bytes(b"%PD")
    now = datetime.now(UTC)
    assert documents.remove_strays(deed(DAEMON, now=now), shelf=shelf) == 0
    later = now + timedelta(days=1, minutes=1)
    assert documents.remove_strays(deed(DAEMON, now=later), shelf=shelf) == 2
    assert files_in(shelf) == [kept.sha256]
    assert documents.remove_strays(deed(DAEMON, now=later), shelf=shelf) == 0
    with pytest.raises(NotPermitted):
        documents.remove_strays(deed(ada), shelf=shelf)


def test_an_application_of_before_there_were_documents_has_none(draft):
    ada, firm, _ = draft
    done = submitted(ada, firm)
    assert done.state is not ApplicationState.DRAFT
    assert documents.list_documents(ada, done.id) == ()
