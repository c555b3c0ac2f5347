"""Projects and their members as rows."""

from collections.abc import Collection
from datetime import datetime

from django.db import models

from allmende.domain.access.projects import Project, ProjectState, Tick
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence


class ProjectRow(models.Model):
    """The work under an award."""

    id = models.CharField(max_length=40, primary_key=True)
    name = models.CharField(max_length=200)
    organisation_id = models.CharField(max_length=40, db_index=True)
    application_id = models.CharField(max_length=40, unique=True)
    group_id = models.CharField(max_length=40)
    partition_id = models.CharField(max_length=40)
    access_share = models.CharField(max_length=40)
    awarded_seconds = models.BigIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    ticks = models.JSONField(default=list)
    state = models.CharField(max_length=20)
    suspended_because = models.JSONField(null=True)
    ended_at = models.DateTimeField(null=True)
    unused_seconds = models.BigIntegerField(default=0)

    class Meta:
        app_label = "storage"
        db_table = "project"


class ProjectMemberRow(models.Model):
    """A person works in a project; `place` keeps the order in which they came."""

    project = models.ForeignKey(ProjectRow, on_delete=models.PROTECT, related_name="members")
    person_id = models.CharField(max_length=40, db_index=True)
    place = models.PositiveIntegerField()

    class Meta:
        app_label = "storage"
        db_table = "project_member"
        ordering = ("place",)
        constraints = (
            models.UniqueConstraint(fields=("project", "person_id"), name="project_member_once"),
        )


def save_project(project: Project) -> None:
    """Write a project with its members, new or changed."""
    ProjectRow.objects.update_or_create(
        id=project.id,
        defaults={
            "name": project.name,
            "organisation_id": project.organisation_id,
            "application_id": project.application_id,
            "group_id": project.group_id,
            "partition_id": project.partition_id,
            "access_share": project.access_share,
            "awarded_seconds": project.awarded_seconds,
            "starts_at": project.period.starts_at,
            "ends_at": project.period.ends_at,
            "state": project.state.value,
            "suspended_because": (
                project.suspended_because.to_json() if project.suspended_because else None
            ),
            "ticks": to_plain(project.ticks),
            "ended_at": project.ended_at,
            "unused_seconds": project.unused_seconds,
        },
    )
    members = ProjectMemberRow.objects.filter(project_id=project.id)
    members.exclude(person_id__in=project.member_ids).delete()
    for place, person_id in enumerate(project.member_ids):
        ProjectMemberRow.objects.update_or_create(
            project_id=project.id, person_id=person_id, defaults={"place": place}
        )


def get_project(project_id: str) -> Project:
    """Return a project; `NotFound` when there is none."""
    return _get(_rows().filter(id=project_id), project_id)


def list_projects_by_id(project_ids: Collection[str]) -> list[Project]:
    """Return these projects in the order of their ids."""
    return [_from_row(row) for row in _rows().filter(id__in=project_ids).order_by("id")]


def find_begins(project_ids: Collection[str]) -> dict[str, datetime]:
    """Return when each of these projects begins, without those that there are not."""
    rows = ProjectRow.objects.filter(id__in=project_ids)
    return dict(rows.values_list("id", "starts_at"))


def lock_project(project_id: str) -> Project:
    """Return a project that nobody else can change until this transaction ends."""
    return _get(_rows().select_for_update().filter(id=project_id), project_id)


def list_projects(
    *,
    organisation_ids: frozenset[str] | None = None,
    person_id: str = "",
    after: str = "",
    limit: int = 100,
) -> list[Project]:
    """Return projects in the order of their ids: all, or those of organisations or a person."""
    rows = _rows().filter(id__gt=after).order_by("id")
    if organisation_ids is not None:
        mine = models.Q(organisation_id__in=organisation_ids)
        member = ProjectMemberRow.objects.filter(person_id=person_id).values("project_id")
        rows = rows.filter(mine | models.Q(id__in=member))
    return [_from_row(row) for row in rows[:limit]]


def list_project_ids_of(person_id: str) -> list[str]:
    """Return the projects in which a person works, whatever organisation they belong to."""
    rows = ProjectMemberRow.objects.filter(person_id=person_id).order_by("project_id")
    return [row.project_id for row in rows]


def list_colleagues(person_ids: Collection[str]) -> dict[str, set[str]]:
    """Return with whom each of these people shares, or shared, a project."""
    wanted = set(person_ids)
    theirs = ProjectMemberRow.objects.filter(person_id__in=wanted).values("project_id")
    rows = ProjectMemberRow.objects.filter(project_id__in=theirs)
    members: dict[str, set[str]] = {}
    for project_id, person_id in rows.values_list("project_id", "person_id"):
        members.setdefault(project_id, set()).add(person_id)
    colleagues: dict[str, set[str]] = {person_id: set() for person_id in wanted}
    for together in members.values():
        for person_id in together & wanted:
            colleagues[person_id] |= together - {person_id}
    return colleagues


def is_project_member(project_id: str, person_id: str) -> bool:
    """Say whether a person works in a project."""
    return ProjectMemberRow.objects.filter(project_id=project_id, person_id=person_id).exists()


def list_projects_over(
    now: datetime, *, states: Collection[ProjectState], limit: int = 100
) -> list[Project]:
    """Return projects in one of the states whose period is over, the earliest end first."""
    rows = _rows().filter(ends_at__lte=now, state__in=[state.value for state in states])
    return [_from_row(row) for row in rows.order_by("ends_at", "id")[:limit]]


def list_ended(*, with_closed: bool = False, after: str = "", limit: int = 100) -> list[Project]:
    """Return ended projects in the order of their ids, closed ones too if they are wanted."""
    states = [ProjectState.ENDED.value, *([ProjectState.CLOSED.value] if with_closed else [])]
    rows = _rows().filter(id__gt=after, state__in=states).order_by("id")
    return [_from_row(row) for row in rows[:limit]]


def list_projects_to_remind(
    *, ends_before: datetime, project_id: str = "", application_id: str = ""
) -> list[Project]:
    """Return projects of which somebody may have to be reminded: one of them, or all.

    Those that are being set up, those that end before an instant, those that have ended.
    """
    running = [ProjectState.ACTIVE.value, ProjectState.SUSPENDED.value]
    rows = _rows().filter(
        models.Q(state=ProjectState.ONBOARDING.value)
        | models.Q(state__in=running, ends_at__lte=ends_before)
        | models.Q(state=ProjectState.ENDED.value)
    )
    if project_id:
        rows = rows.filter(id=project_id)
    if application_id:
        rows = rows.filter(application_id=application_id)
    return [_from_row(row) for row in rows.order_by("id")]


def _rows() -> "models.QuerySet[ProjectRow]":
    return ProjectRow.objects.prefetch_related("members")


def _get(rows: "models.QuerySet[ProjectRow]", project_id: str) -> Project:
    row = rows.first()
    if row is None:
        raise NotFound(kind="project", id=project_id)
    return _from_row(row)


def _from_row(row: ProjectRow) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        organisation_id=row.organisation_id,
        application_id=row.application_id,
        group_id=row.group_id,
        partition_id=row.partition_id,
        access_share=row.access_share,
        awarded_seconds=row.awarded_seconds,
        period=Period(starts_at=row.starts_at, ends_at=row.ends_at),
        state=ProjectState(row.state),
        member_ids=tuple(member.person_id for member in row.members.all()),
        suspended_because=(
            Sentence.from_json(row.suspended_because) if row.suspended_because else None
        ),
        ticks=tuple(from_plain(Tick, each) for each in row.ticks),
        ended_at=row.ended_at,
        unused_seconds=row.unused_seconds,
    )
