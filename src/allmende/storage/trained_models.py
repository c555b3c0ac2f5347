"""Trained models as rows; `models.py` beside it is Django's word for all tables."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import models

from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.models import Model, ModelFile, Visibility


class TrainedModelRow(models.Model):
    """A model with its card and record; its files stay where the job left them."""

    id = models.CharField(primary_key=True, max_length=40)
    # One training leaves one model: registering twice is registering once.
    job_id = models.CharField(max_length=40, unique=True)
    project_id = models.CharField(max_length=40, db_index=True)
    organisation_id = models.CharField(max_length=40, db_index=True)
    name = models.CharField(max_length=200)
    family = models.CharField(max_length=200)
    version = models.PositiveIntegerField()
    parents = models.JSONField(default=list)
    visibility = models.CharField(max_length=10, default=Visibility.PROJECT)
    keep_until = models.DateField(null=True)
    deletion_asked_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    licence = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    files = models.JSONField()
    card = models.TextField()
    record = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "trained_model"
        indexes = (models.Index(fields=("-created_at", "-id"), name="model_newest"),)
        constraints = (
            models.UniqueConstraint(
                fields=("project_id", "family", "version"), name="model_version_once"
            ),
        )


class ModelParentRow(models.Model):
    """That one registered model was trained further from another: to find successors."""

    child_id = models.CharField(max_length=40)
    parent_id = models.CharField(max_length=40, db_index=True)

    class Meta:
        app_label = "storage"
        db_table = "model_parent"


# Fields that a row and its value share by name and form.
SHARED = (
    "id job_id project_id organisation_id name family version keep_until deletion_asked_at "
    "deleted_at licence created_at card record"
).split()


def add_model(model: Model) -> None:
    """Insert the model."""
    files = [[file.name, file.size_bytes, file.sha256] for file in model.files]
    TrainedModelRow.objects.create(**_values(model), files=files)
    # Of parents from elsewhere the names stand in the model; nobody asks for their successors.
    ours = TrainedModelRow.objects.filter(id__in=model.parents).values_list("id", flat=True)
    ModelParentRow.objects.bulk_create(
        ModelParentRow(child_id=model.id, parent_id=parent) for parent in ours
    )


def save_model(model: Model) -> None:
    """Write what may change of a model; its files and parents never do."""
    TrainedModelRow.objects.filter(id=model.id).update(**_values(model))


def _values(model: Model) -> dict[str, Any]:
    values = {name: getattr(model, name) for name in SHARED}
    return {**values, "parents": list(model.parents), "visibility": model.visibility}


def lock_model(model_id: str) -> Model:
    """Return a model that nobody else changes until the transaction ends."""
    row = TrainedModelRow.objects.select_for_update().filter(id=model_id).first()
    if row is None:
        raise NotFound(kind="model", id=model_id)
    return _model(row)


def get_models(model_ids: Iterable[str]) -> list[Model]:
    """Return those of the models that there are."""
    return [_model(row) for row in TrainedModelRow.objects.filter(id__among=set(model_ids))]


def list_versions(project_id: str, family: str) -> list[Model]:
    """Return the versions of a model, the oldest first."""
    rows = TrainedModelRow.objects.filter(project_id=project_id, family=family)
    return [_model(row) for row in rows.order_by("version")]


def list_children(model_id: str, *, limit: int) -> list[Model]:
    """Return models that were trained further from this one, the oldest first."""
    children = ModelParentRow.objects.filter(parent_id=model_id).values("child_id")
    rows = TrainedModelRow.objects.filter(id__in=children).order_by("created_at", "id")
    return [_model(row) for row in rows[:limit]]


def list_to_delete(on: date) -> list[Model]:
    """Return the models whose files are to go: kept until a day before this one, or asked for."""
    is_due = models.Q(keep_until__lt=on) | models.Q(deletion_asked_at__isnull=False)
    rows = TrainedModelRow.objects.filter(is_due, deleted_at=None)
    return [_model(row) for row in rows.order_by("keep_until", "id")]


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
    visibilities: Iterable[Visibility] = (),
    project_id: str = "",
    after: str = "",
    limit: int = 50,
) -> list[Model]:
    """Return models, the newest first; `after` is the id of the last one already seen.

    Without organisations every one; else theirs, those of the projects, and those so visible.
    """
    rows = TrainedModelRow.objects.order_by("-created_at", "-id")
    if organisation_ids is not None:
        of_organisation = models.Q(organisation_id__in=list(organisation_ids))
        of_project = models.Q(project_id__in=list(project_ids))
        shared = models.Q(visibility__in=list(visibilities))
        rows = rows.filter(of_organisation | of_project | shared)
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
        parents=tuple(row.parents),
        visibility=Visibility(row.visibility),
        files=tuple(
            ModelFile(name=name, size_bytes=size_bytes, sha256=sha256)
            for name, size_bytes, sha256 in row.files
        ),
    )
