"""How a cluster is steered: what is carried from look to look, and what each look showed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import models

from allmende.domain.scheduling.steering import GroupFigures


@dataclass(frozen=True, kw_only=True)
class KeptLook:
    """A look at a partition. Where the cluster gave no answer, the figures are the last known."""

    partition_id: str
    at: datetime
    is_answered: bool
    nodes_in_service: int
    groups: tuple[GroupFigures, ...]

    def find_group(self, group_id: str) -> GroupFigures | None:
        """Return how a group stood; None where the configuration did not name it yet."""
        return next((group for group in self.groups if group.group_id == group_id), None)


class SteeringRow(models.Model):
    """What the controller of a partition carries from one look to the next."""

    partition_id = models.CharField(primary_key=True, max_length=40)
    memory = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "steering"


class SteeringLookRow(models.Model):
    """One look that showed something new."""

    partition_id = models.CharField(max_length=40)
    at = models.DateTimeField()
    is_answered = models.BooleanField()
    nodes_in_service = models.PositiveIntegerField()
    groups = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "steering_look"
        indexes = (models.Index(fields=["partition_id", "at"], name="steering_look_at"),)


def find_memory(partition_id: str) -> dict[str, Any] | None:
    """Return what was carried out of the last look."""
    row = SteeringRow.objects.filter(partition_id=partition_id).first()
    return row.memory if row else None


def save_memory(partition_id: str, memory: dict[str, Any]) -> None:
    """Keep what is carried into the next look."""
    SteeringRow.objects.update_or_create(partition_id=partition_id, defaults={"memory": memory})


def add_look(look: KeptLook) -> None:
    """Append a look to the series of its partition."""
    SteeringLookRow.objects.create(
        partition_id=look.partition_id,
        at=look.at,
        is_answered=look.is_answered,
        nodes_in_service=look.nodes_in_service,
        groups=[asdict(group) for group in look.groups],
    )


def find_last_look(partition_id: str) -> KeptLook | None:
    """Return the newest look at a partition."""
    row = SteeringLookRow.objects.filter(partition_id=partition_id).order_by("-at", "-id").first()
    return _look(row) if row else None


def list_looks(partition_id: str, *, since: datetime) -> Iterator[KeptLook]:
    """Yield the looks at a partition, the oldest first."""
    rows = SteeringLookRow.objects.filter(partition_id=partition_id, at__gte=since)
    for row in rows.order_by("at", "id").iterator():
        yield _look(row)


def delete_looks_before(instant: datetime) -> int:
    """Delete the looks before an instant, and return how many there were."""
    return SteeringLookRow.objects.filter(at__lt=instant).delete()[0]


def _look(row: SteeringLookRow) -> KeptLook:
    return KeptLook(
        partition_id=row.partition_id,
        at=row.at,
        is_answered=row.is_answered,
        nodes_in_service=row.nodes_in_service,
        groups=tuple(GroupFigures.from_json(group) for group in row.groups),
    )
