"""Documents of applications as rows; their files lie on the shelf (`document_files`)."""

from collections.abc import Collection

from django.db import models

from allmende.domain.access.documents import Document, DocumentKind
from allmende.domain.basics.refusals import NotFound
from allmende.storage import database


class DocumentRow(models.Model):
    """A file of an application, by the hash of its content."""

    id = models.CharField(max_length=40, primary_key=True)
    application_id = models.CharField(max_length=40, db_index=True)
    organisation_id = models.CharField(max_length=40, db_index=True)
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.BigIntegerField()
    pages = models.IntegerField()
    added_by = models.CharField(max_length=40)
    added_at = models.DateTimeField()

    class Meta:
        app_label = "storage"
        db_table = "document"


def lock_documents() -> None:
    """Let no document come or go before this transaction ends."""
    database.lock_table(DocumentRow._meta.db_table)


def add_document(document: Document, *, application_id: str, organisation_id: str) -> None:
    """Write a new document of an application."""
    DocumentRow.objects.create(
        id=document.id,
        application_id=application_id,
        organisation_id=organisation_id,
        kind=document.kind.value,
        name=document.name,
        sha256=document.sha256,
        size_bytes=document.size_bytes,
        pages=document.pages,
        added_by=document.added_by,
        added_at=document.added_at,
    )


def remove_document(document_id: str) -> None:
    """Take a document from its application."""
    DocumentRow.objects.filter(id=document_id).delete()


def list_documents(application_id: str) -> tuple[Document, ...]:
    """Return the documents of an application in the order in which they came."""
    rows = DocumentRow.objects.filter(application_id=application_id)
    return tuple(_from_row(row) for row in rows.order_by("added_at", "id"))


def list_of_organisation(
    organisation_id: str, *, but_application_id: str, limit: int
) -> tuple[Document, ...]:
    """Return documents of an organisation's other applications, the newest first."""
    rows = DocumentRow.objects.filter(organisation_id=organisation_id)
    rows = rows.exclude(application_id=but_application_id).order_by("-added_at", "-id")
    return tuple(_from_row(row) for row in rows[:limit])


def get_of_organisation(document_id: str, *, organisation_id: str) -> Document:
    """Return a document of an organisation; `NotFound` when there is none."""
    row = DocumentRow.objects.filter(id=document_id, organisation_id=organisation_id).first()
    if row is None:
        raise NotFound(kind="document", id=document_id)
    return _from_row(row)


def list_known(hashes: Collection[str]) -> set[str]:
    """Return those hashes that some document has."""
    rows = DocumentRow.objects.filter(sha256__in=list(hashes))
    return set(rows.values_list("sha256", flat=True).distinct())


def _from_row(row: DocumentRow) -> Document:
    return Document(
        id=row.id,
        kind=DocumentKind(row.kind),
        name=row.name,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        pages=row.pages,
        added_by=row.added_by,
        added_at=row.added_at,
    )
