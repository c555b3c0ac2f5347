"""Archives of code as rows, each of one project; the files lie on a shelf (`document_files`)."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models.fields.json import KT

from allmende.domain.training.code_archives import PREFIX, CodeArchive
from allmende.storage.jobs import ALIVE, JobRow
from allmende.storage.trained_models import TrainedModelRow

SHARED = "project_id sha256 size_bytes files added_by added_at used_at".split()


class CodeArchiveRow(models.Model):
    """A folder of code that a project has sent, by the hash of its archive."""

    project_id = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    files = models.IntegerField()
    added_by = models.CharField(max_length=40)
    added_at = models.DateTimeField()
    used_at = models.DateTimeField()

    class Meta:
        app_label = "storage"
        db_table = "code_archive"
        constraints = (
            models.UniqueConstraint(fields=("project_id", "sha256"), name="one_archive_per_hash"),
        )


def add_archive(archive: CodeArchive) -> None:
    """Write a new archive."""
    CodeArchiveRow.objects.create(**{name: getattr(archive, name) for name in SHARED})


def find_archive(project_id: str, sha256: str) -> CodeArchive | None:
    """Return an archive of a project; None where it has none with this hash."""
    row = CodeArchiveRow.objects.filter(project_id=project_id, sha256=sha256).first()
    return _archive(row) if row else None


def note_use(project_id: str, sha256: str, *, at: datetime) -> bool:
    """Note that an archive is needed now; say whether there is one."""
    rows = CodeArchiveRow.objects.filter(project_id=project_id, sha256=sha256)
    return rows.update(used_at=at) > 0


def list_archives(project_id: str) -> list[CodeArchive]:
    """Return the archives of a project, the least recently used first."""
    rows = CodeArchiveRow.objects.filter(project_id=project_id).order_by("used_at", "sha256")
    return [_archive(row) for row in rows]


def list_needed(project_id: str, *, for_models: bool = True) -> set[str]:
    """Return the hashes of the code of jobs that have not ended, and of those that left a model."""
    kept = TrainedModelRow.objects.filter(project_id=project_id, deleted_at=None).values("job_id")
    jobs = JobRow.objects.filter(project_id=project_id)
    is_alive = models.Q(state__in=ALIVE)
    jobs = jobs.filter(is_alive | models.Q(id__in=kept) if for_models else is_alive)
    named = jobs.annotate(code=KT("spec__workdir")).values_list("code", flat=True).distinct()
    return {each.removeprefix(PREFIX) for each in named if each}


def remove_archives(project_id: str, hashes: Collection[str]) -> None:
    """Forget archives of a project."""
    CodeArchiveRow.objects.filter(project_id=project_id, sha256__in=list(hashes)).delete()


def _archive(row: CodeArchiveRow) -> CodeArchive:
    return CodeArchive(**{name: getattr(row, name) for name in SHARED})
