"""Reports of projects as documents, and what the system knows for them."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q

from allmende.domain.access.projects import Project, ProjectState
from allmende.domain.access.reports import OPEN, EnergyByMethod, Report, ReportKind
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.storage import projects as project_store
from allmende.storage.jobs import AttemptRow, JobRow
from allmende.storage.projects import ProjectRow


class ReportRow(models.Model):
    """The final report of a project."""

    project_id = models.CharField(max_length=40, primary_key=True)
    state = models.CharField(max_length=20, db_index=True)
    content = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "report"


class InterimReportRow(models.Model):
    """An interim report of a project: the first, the second ..."""

    project_id = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    content = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "interim_report"
        constraints = (
            models.UniqueConstraint(fields=["project_id", "number"], name="interim_report_number"),
        )


def save_report(report: Report) -> None:
    """Write a report, new or changed."""
    content = to_plain(report)
    if report.kind is ReportKind.INTERIM:
        InterimReportRow.objects.update_or_create(
            project_id=report.project_id, number=report.number, defaults={"content": content}
        )
        return
    ReportRow.objects.update_or_create(
        project_id=report.project_id,
        defaults={"state": report.state.value, "content": content},
    )


def get_report(project_id: str, kind: ReportKind = ReportKind.FINAL) -> Report:
    """Return the report of a project: an empty draft where nobody began to write it.

    Of its interim reports it is the latest.
    """
    if kind is ReportKind.FINAL:
        return list_reports([project_id])[project_id]
    first = Report(project_id=project_id, kind=ReportKind.INTERIM, number=1)
    return next(iter(list_interim_reports(project_id)), first)


def list_interim_reports(project_id: str) -> list[Report]:
    """Return the interim reports of a project, the latest first."""
    rows = InterimReportRow.objects.filter(project_id=project_id).order_by("-number")
    return [from_plain(Report, row.content) for row in rows]


def list_reports(project_ids: Collection[str]) -> dict[str, Report]:
    """Return the final reports of projects by their ids, empty drafts among them."""
    rows = ReportRow.objects.filter(project_id__in=list(project_ids))
    found = {row.project_id: from_plain(Report, row.content) for row in rows}
    return {each: found.get(each) or Report(project_id=each) for each in project_ids}


def list_projects_owing(now: datetime) -> list[Project]:
    """Return the projects that are over and whose report is not in, in the order of their ids."""
    is_in = ReportRow.objects.filter(project_id=OuterRef("id")).exclude(
        state__in=[state.value for state in OPEN]
    )
    is_over = Q(state=ProjectState.ENDED.value) | Q(ends_at__lte=now)
    rows = ProjectRow.objects.filter(is_over, ~Exists(is_in))
    ids = rows.exclude(state=ProjectState.CLOSED.value).values_list("id", flat=True)
    return project_store.list_projects_by_id(list(ids))


def count_jobs(project_id: str) -> dict[str, int]:
    """Return how many jobs of a project are in each state."""
    rows = JobRow.objects.filter(project_id=project_id).order_by()
    return dict(rows.values_list("state").annotate(models.Count("id")))


def sum_energy(project_id: str) -> tuple[EnergyByMethod, ...]:
    """Return the energy of a project's settled attempts, by how it was found."""
    jobs = JobRow.objects.filter(project_id=project_id).values("id")
    rows = AttemptRow.objects.filter(job_id__in=jobs, settled_at__isnull=False)
    summed = (
        rows.exclude(energy_method="")
        .values_list("energy_method")
        .annotate(joules=models.Sum("energy_joules"))
        .order_by("energy_method")
    )
    return tuple(EnergyByMethod(method=method, joules=joules) for method, joules in summed)
