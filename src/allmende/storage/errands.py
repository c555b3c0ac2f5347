"""Errands to sites with an agent: what waits to be taken there, and what was answered."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models

from allmende.domain.scheduling.errands import Errand, ErrandKind


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far an errand has come."""

    is_handed_out: bool  # the agent may have run it
    answer: str | None  # as it came


class ErrandRow(models.Model):
    """An errand that somebody waits for; it is gone with who waits, or soon after."""

    number = models.BigAutoField(primary_key=True)  # a site takes them in this order
    id = models.CharField(max_length=40, unique=True)
    site_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    body = models.JSONField()
    expires_at = models.DateTimeField(db_index=True)
    is_handed_out = models.BooleanField(default=False)
    answer = models.TextField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "errand"
        indexes = (models.Index(fields=["site_id", "number"], name="errand_of_site"),)


def add_errand(site_id: str, errand: Errand, *, expires_at: datetime) -> None:
    """Keep an errand for the next call of a site's agent."""
    facts = {"kind": errand.kind, "body": dict(errand.body), "expires_at": expires_at}
    ErrandRow.objects.create(id=errand.id, site_id=site_id, **facts)


def hand_out(site_id: str, *, now: datetime, limit: int) -> list[Errand]:
    """Return the errands that have no answer yet, the oldest first; none that was given up."""
    rows = ErrandRow.objects.select_for_update().filter(
        site_id=site_id, answer=None, expires_at__gt=now
    )
    found = list(rows.order_by("number")[:limit])
    numbers = [row.number for row in found if not row.is_handed_out]
    ErrandRow.objects.filter(number__in=numbers).update(is_handed_out=True)
    return [Errand(id=row.id, kind=ErrandKind(row.kind), body=row.body) for row in found]


def save_answer(site_id: str, errand_id: str, answer: str) -> None:
    """Keep the first answer to an errand; one that nobody waits for is nothing."""
    rows = ErrandRow.objects.filter(site_id=site_id, id=errand_id, is_handed_out=True, answer=None)
    rows.update(answer=answer)


def find_standing(errand_id: str) -> Standing:
    """Return how far an errand has come."""
    return _standing(ErrandRow.objects.filter(id=errand_id).first())


def end_errand(errand_id: str) -> Standing:
    """Take an errand away: from now on nobody is told of it. Return how far it had come."""
    row = ErrandRow.objects.select_for_update().filter(id=errand_id).first()
    seen = _standing(row)
    ErrandRow.objects.filter(id=errand_id).delete()
    return seen


def forget_errands(*, before: datetime) -> None:
    """Forget errands whose asker was killed."""
    ErrandRow.objects.filter(expires_at__lt=before).delete()


def _standing(row: ErrandRow | None) -> Standing:
    """Return how far a row has come; of one that was forgotten nobody knows."""
    if row is None:
        return Standing(is_handed_out=True, answer=None)
    return Standing(is_handed_out=row.is_handed_out, answer=row.answer)
