"""Requests of projects for more, as rows."""

from collections.abc import Collection

from django.db import models

from allmende.domain.access.changes import ChangeState, ProjectChange
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import NotFound


class ProjectChangeRow(models.Model):
    """A request for a later end or more hours."""

    id = models.CharField(max_length=60, primary_key=True)
    project_id = models.CharField(max_length=40, db_index=True)
    state = models.CharField(max_length=20, db_index=True)
    asked_at = models.DateTimeField()
    content = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "project_change"


def save_change(change: ProjectChange) -> None:
    """Write a request, new or answered."""
    ProjectChangeRow.objects.update_or_create(
        id=change.id,
        defaults={
            "project_id": change.project_id,
            "state": change.state.value,
            "asked_at": change.asked_at,
            "content": to_plain(change),
        },
    )


def get_change(change_id: str) -> ProjectChange:
    """Return a request; `NotFound` when there is none."""
    row = ProjectChangeRow.objects.filter(id=change_id).first()
    if row is None:
        raise NotFound(kind="request", id=change_id)
    return from_plain(ProjectChange, row.content)


def list_changes_of(project_id: str) -> list[ProjectChange]:
    """Return every request of a project, the latest first."""
    rows = ProjectChangeRow.objects.filter(project_id=project_id).order_by("-asked_at", "-id")
    return [from_plain(ProjectChange, row.content) for row in rows]


def list_approved(project_ids: Collection[str]) -> list[ProjectChange]:
    """Return what was given to these projects, in the order in which they asked."""
    rows = ProjectChangeRow.objects.filter(
        project_id__in=project_ids, state=ChangeState.APPROVED.value
    )
    return [from_plain(ProjectChange, row.content) for row in rows.order_by("asked_at", "id")]


def list_changes(
    *, state: ChangeState | None = None, after: str = "", limit: int = 100
) -> list[ProjectChange]:
    """Return requests in the order of their ids, from the one after `after` on."""
    rows = ProjectChangeRow.objects.filter(id__gt=after).order_by("id")
    if state is not None:
        rows = rows.filter(state=state.value)
    return [from_plain(ProjectChange, row.content) for row in rows[:limit]]
