"""Secrets of projects as rows: their names, and their values sealed."""

from collections.abc import Collection

from django.db import models

from allmende.domain.training.secrets import SecretFacts


class ProjectSecretRow(models.Model):
    """A secret of a project. The key that opens it is no part of the database."""

    project_id = models.CharField(max_length=40)
    name = models.CharField(max_length=64)
    sealed = models.BinaryField()
    set_by = models.CharField(max_length=40)
    set_at = models.DateTimeField()

    class Meta:
        app_label = "storage"
        db_table = "project_secret"
        constraints = (
            models.UniqueConstraint(fields=("project_id", "name"), name="one_secret_per_name"),
        )


def save_secret(facts: SecretFacts, sealed: bytes) -> None:
    """Write a secret, new or with another value."""
    ProjectSecretRow.objects.update_or_create(
        project_id=facts.project_id,
        name=facts.name,
        defaults={"sealed": sealed, "set_by": facts.set_by, "set_at": facts.set_at},
    )


def remove_secret(project_id: str, name: str) -> bool:
    """Forget a secret; say whether there was one."""
    removed, _ = ProjectSecretRow.objects.filter(project_id=project_id, name=name).delete()
    return removed > 0


def list_secrets(project_id: str) -> list[SecretFacts]:
    """Return what may be told of the secrets of a project, by name."""
    rows = ProjectSecretRow.objects.filter(project_id=project_id).defer("sealed").order_by("name")
    return [
        SecretFacts(project_id=row.project_id, name=row.name, set_by=row.set_by, set_at=row.set_at)
        for row in rows
    ]


def read_sealed(project_id: str, names: Collection[str]) -> dict[str, bytes]:
    """Return by name what is sealed of some secrets of a project."""
    rows = ProjectSecretRow.objects.filter(project_id=project_id, name__in=names)
    return {row.name: bytes(row.sealed) for row in rows}
