"""Documents: added to a draft, frozen with it, read by those who may read the application."""

from dataclasses import replace
from datetime import timedelta
from typing import BinaryIO

from allmende.domain.access.applications import Application, check_draft
from allmende.domain.access.documents import (
    Document,
    DocumentKind,
    check_room,
    clean_name,
    find_same,
)
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.trust.permissions import Permission, check_member, check_permission
from allmende.services import applications, audit, expert_reviews
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import applications as application_store
from allmende.storage import documents as store
from allmende.storage.document_files import Incoming, Shelf

REUSABLE_MAX = 50
# A file gets its row in the transaction that gives it its place: what has none after a day was
# left by a crash, or by a document that was removed.
STRAY_AFTER = timedelta(days=1)
BATCH = 500


def check_draft_of(person: Person, application_id: str) -> None:
    """Refuse, before anything is received, a file for what is no draft of the person's own."""
    check_permission(person, Permission.EDIT_APPLICATION)
    _check_own(person, application_store.get_application(application_id))


@one_transaction
def add_document(
    deed: Deed,
    application_id: str,
    *,
    kind: DocumentKind,
    name: str,
    incoming: Incoming,
    shelf: Shelf,
) -> Document:
    """Add a file that was received and judged; the same file again is the one that is there."""
    known, application = _open_draft(deed, application_id)
    same = find_same(known, incoming.sha256)
    if same is not None:
        return same
    check_room(known)
    # File first, row second, both before the commit: killed in between, no row lacks its file.
    shelf.keep(incoming)
    document = Document(
        id=deed.new_id("doc"),
        kind=kind,
        name=clean_name(name),
        sha256=incoming.sha256,
        size_bytes=incoming.size_bytes,
        pages=incoming.counted,
        added_by=deed.actor.id,
        added_at=deed.now,
    )
    return _add(deed, application, document)


@one_transaction
def reuse_document(deed: Deed, application_id: str, document_id: str) -> Document:
    """Add a document of another application of the same organisation; no file travels."""
    known, application = _open_draft(deed, application_id)
    earlier = store.get_of_organisation(document_id, organisation_id=application.organisation_id)
    same = find_same(known, earlier.sha256)
    if same is not None:
        return same
    check_room(known)
    added = replace(earlier, id=deed.new_id("doc"), added_by=deed.actor.id, added_at=deed.now)
    return _add(deed, application, added)


@one_transaction
def remove_document(deed: Deed, application_id: str, document_id: str) -> None:
    """Take a document from a draft; one that is gone already is removed."""
    known, _ = _open_draft(deed, application_id)
    for document in known:
        if document.id == document_id:
            store.remove_document(document_id)
            audit.record(
                deed,
                action="document.removed",
                subject=application_id,
                document=document_id,
                sha256=document.sha256,
            )


def list_documents(reader: Person, application_id: str) -> tuple[Document, ...]:
    """Return the documents of an application: as submitted, or as the draft has them now."""
    application = applications.get_application(reader, application_id)
    if application.frozen is not None:
        return application.frozen.documents
    return store.list_documents(application_id)


def list_reusable(reader: Person, application_id: str) -> tuple[Document, ...]:
    """Return the files of the organisation's other applications that this draft does not have.

    Some of them are of drafts, which are the organisation's alone: the office is offered none.
    """
    application = applications.get_application(reader, application_id)
    check_member(reader, application.organisation_id, kind="application", id=application_id)
    has = {each.sha256 for each in store.list_documents(application_id)}
    others = store.list_of_organisation(
        application.organisation_id, but_application_id=application_id, limit=REUSABLE_MAX
    )
    return tuple(
        {each.sha256: each for each in reversed(others) if each.sha256 not in has}.values()
    )


def open_document(
    reader: Person, application_id: str, document_id: str, *, shelf: Shelf
) -> tuple[Document, BinaryIO]:
    """Return a document with its file, for its organisation and for the office."""
    return _open(list_documents(reader, application_id), document_id, shelf=shelf)


def open_for_review(
    deed: Deed, application_id: str, document_id: str, *, shelf: Shelf
) -> tuple[Document, BinaryIO]:
    """Return a document with its file to a reviewer who may read the application now."""
    file = expert_reviews.open_file(deed, application_id)
    return _open(file.application.submitted.documents, document_id, shelf=shelf)


def remove_strays(deed: Deed, *, shelf: Shelf) -> int:
    """Remove files that belong to no document and have had time to; return how many."""
    check_permission(deed.actor, Permission.RUN_CYCLE)
    before = deed.now - STRAY_AFTER
    removed, old = shelf.sweep_incoming(before), shelf.list_older(before)
    for start in range(0, len(old), BATCH):
        batch = old[start : start + BATCH]
        if strays := set(batch) - store.list_known(batch):
            removed += _remove_strays(deed, strays, shelf=shelf)
    return removed


@one_transaction
def _remove_strays(deed: Deed, strays: set[str], *, shelf: Shelf) -> int:
    """Look again where no document can come: a stray may have been handed in this moment."""
    store.lock_documents()
    old = set(shelf.list_older(deed.now - STRAY_AFTER))
    gone = (strays & old) - store.list_known(strays)
    for sha256 in gone:
        shelf.remove(sha256)
    return len(gone)


def _open_draft(deed: Deed, application_id: str) -> tuple[tuple[Document, ...], Application]:
    check_permission(deed.actor, Permission.EDIT_APPLICATION)
    application = application_store.lock_application(application_id)
    _check_own(deed.actor, application)
    store.lock_documents()
    return store.list_documents(application_id), application


def _check_own(person: Person, application: Application) -> None:
    check_member(person, application.organisation_id, kind="application", id=application.id)
    check_draft(application)


def _add(deed: Deed, application: Application, document: Document) -> Document:
    store.add_document(
        document, application_id=application.id, organisation_id=application.organisation_id
    )
    audit.record(
        deed,
        action="document.added",
        subject=application.id,
        document=document.id,
        sha256=document.sha256,
    )
    return document


def _open(
    documents: tuple[Document, ...], document_id: str, *, shelf: Shelf
) -> tuple[Document, BinaryIO]:
    for document in documents:
        if document.id == document_id:
            return document, shelf.open(document.sha256)
    raise NotFound(kind="document", id=document_id)
