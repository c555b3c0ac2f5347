"""Who may come in to which session: the digests of tickets and cookies."""

from datetime import datetime

from django.db import models

from allmende.domain.training.sessions import SessionPass


class SessionPassRow(models.Model):
    """A ticket that was not used yet, or the cookie of a browser that came in."""

    digest = models.CharField(max_length=64, primary_key=True)
    job_id = models.CharField(max_length=40)
    person_id = models.CharField(max_length=40, db_index=True)
    is_ticket = models.BooleanField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "storage"
        db_table = "session_pass"


def save_pass(issued: SessionPass) -> None:
    """Write a pass."""
    SessionPassRow.objects.create(**vars(issued))


def find_pass(digest: str) -> SessionPass | None:
    """Return the pass with this digest."""
    row = SessionPassRow.objects.filter(digest=digest).first()
    if row is None:
        return None
    return SessionPass(
        digest=row.digest,
        job_id=row.job_id,
        person_id=row.person_id,
        is_ticket=row.is_ticket,
        expires_at=row.expires_at,
    )


def remove_pass(digest: str) -> bool:
    """Forget a pass; say whether there was one, so that of two who use it only one comes in."""
    removed, _ = SessionPassRow.objects.filter(digest=digest).delete()
    return removed > 0


def remove_passes_of(person_id: str) -> None:
    """Forget every pass of a person."""
    SessionPassRow.objects.filter(person_id=person_id).delete()


def remove_expired(*, now: datetime) -> None:
    """Forget what no longer lets anybody in."""
    SessionPassRow.objects.filter(expires_at__lte=now).delete()
