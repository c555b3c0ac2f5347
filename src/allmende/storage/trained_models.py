"""Trained models as rows; `models.py` beside it is Django's word for all tables."""

from collections.abc import Iterable

from django.db import models

from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.models import Model, ModelFile


class TrainedModelRow(models.Model):
    """A model with its card and record; its files stay where the job left them."""

    id = models.CharField(primary_key=True, max_length=40)
    # One training leaves one model: registering twice is registering once.
    job_id = models.CharField(max_length=40, unique=True)
    project_id = models.CharField(max_length=40, db_index=True)
    organisation_id = models.CharField(max_length=40, db_index=True)
    name = models.CharField(max_length=200)
    licence = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    files = models.JSONField()
    card = models.TextField()
    record = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "trained_model"
        indexes = (models.Index(fields=("-created_at", "-id"), name="model_newest"),)


# Fields that a row and its value share by name and form.
SHARED = "id job_id project_id organisation_id name licence created_at card record".split()


def add_model(model: Model) -> None:
    """Insert the model."""
    files = [[file.name, file.size_bytes, file.sha256] for file in model.files]
    values = {name: getattr(model, name) for name in SHARED}
    TrainedModelRow.objects.create(**values, files=files)


def get_model(model_id: str) -> Model:
    """Return a model by its id."""
    row = TrainedModelRow.objects.filter(id=model_id).first()
    if row is None:
        raise NotFound(kind="model", id=model_id)
    return _model(row)


def find_model_of_job(job_id: str) -> Model | None:
    """Return the model that a job left, if it left one."""
    row = TrainedModelRow.objects.filter(job_id=job_id).first()
    return _model(row) if row else None


def sum_bytes_by_job(job_ids: Iterable[str]) -> dict[str, int]:
    """Return by job how large the model is that it left, for those that left one."""
    rows = TrainedModelRow.objects.filter(job_id__among=set(job_ids))
    return {
        job_id: sum(file[1] for file in files)
        for job_id, files in rows.values_list("job_id", "files")
    }


def list_models(
    *,
    organisation_ids: Iterable[str] | None = None,
    project_ids: Iterable[str] = (),
    project_id: str = "",
    after: str = "",
    limit: int = 50,
) -> list[Model]:
    """Return models, the newest first; `after` is the id of the last one already seen."""
    rows = TrainedModelRow.objects.order_by("-created_at", "-id")
    if organisation_ids is not None:
        of_organisation = models.Q(organisation_id__in=list(organisation_ids))
        rows = rows.filter(of_organisation | models.Q(project_id__in=list(project_ids)))
    if project_id:
        rows = rows.filter(project_id=project_id)
    if after and (last := rows.filter(id=after).first()):
        rows = rows.filter(
            models.Q(created_at__lt=last.created_at)
            | models.Q(created_at=last.created_at, id__lt=after)
        )
    return [_model(row) for row in rows[:limit]]


def _model(row: TrainedModelRow) -> Model:
    return Model(
        **{name: getattr(row, name) for name in SHARED},
        files=tuple(
            ModelFile(name=name, size_bytes=size_bytes, sha256=sha256)
            for name, size_bytes, sha256 in row.files
        ),
    )
