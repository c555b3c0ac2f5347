"""Awards; the database itself holds that an application has at most one."""

from collections.abc import Collection

from django.db import models

from allmende.domain.access.awards import Award
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound


class AwardRow(models.Model):
    """A decision that gave time."""

    id = models.CharField(max_length=60, primary_key=True)
    application_id = models.CharField(max_length=40, unique=True)
    project_id = models.CharField(max_length=40, unique=True)
    seconds = models.BigIntegerField()
    granted_at = models.DateTimeField()
    content = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "award"


def create_award(award: Award) -> None:
    """Write a new award."""
    AwardRow.objects.create(
        id=award.id,
        application_id=award.application_id,
        project_id=award.project_id,
        seconds=award.seconds,
        granted_at=award.granted_at,
        content=to_plain(award),
    )


def save_award(award: Award) -> None:
    """Write a change of an award: what was decided stays, a condition is accepted."""
    AwardRow.objects.filter(id=award.id).update(content=to_plain(award))


def lock_award(award_id: str) -> Award:
    """Return an award that nobody else can change until this transaction ends."""
    row = AwardRow.objects.select_for_update().filter(id=award_id).first()
    if row is None:
        raise NotFound(kind="award", id=award_id)
    return from_plain(Award, row.content)


def get_award(award_id: str) -> Award:
    """Return an award; `NotFound` when there is none."""
    row = AwardRow.objects.filter(id=award_id).first()
    if row is None:
        raise NotFound(kind="award", id=award_id)
    return from_plain(Award, row.content)


def find_award_of_application(application_id: str) -> Award | None:
    """Return the award on an application, or None."""
    row = AwardRow.objects.filter(application_id=application_id).first()
    return from_plain(Award, row.content) if row else None


def list_by_applications(application_ids: Collection[str]) -> dict[str, Award]:
    """Return awards by the application that they are on; applications without one are left out."""
    rows = AwardRow.objects.filter(application_id__in=list(application_ids))
    return {row.application_id: from_plain(Award, row.content) for row in rows}


def list_awards(*, after: str = "", limit: int = 100) -> list[Award]:
    """Return awards in the order of their ids, from the one after `after` on."""
    rows = AwardRow.objects.filter(id__gt=after).order_by("id")[:limit]
    return [from_plain(Award, row.content) for row in rows]
