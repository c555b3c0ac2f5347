"""Drained nodes as rows."""

from datetime import datetime

from django.db import models

from allmende.domain.scheduling.nodes import NodeDrain

FIELDS = (
    "partition_id", "node", "reason", "drained_at", "drained_by", "resumed_at", "resumed_by",
)  # fmt: skip


class NodeDrainRow(models.Model):
    """A node out of service, from one instant to another or until further notice."""

    partition_id = models.CharField(max_length=40)
    node = models.CharField(max_length=80)
    reason = models.TextField()
    drained_at = models.DateTimeField()
    drained_by = models.CharField(max_length=40)
    resumed_at = models.DateTimeField(null=True)
    resumed_by = models.CharField(max_length=40, default="", blank=True)

    class Meta:
        app_label = "storage"
        db_table = "node_drain"
        constraints = (
            models.UniqueConstraint(
                fields=("partition_id", "node"),
                condition=models.Q(resumed_at__isnull=True),
                name="drained_once",
            ),
        )


def add_drain(drain: NodeDrain) -> None:
    """Write down that a node is drained."""
    NodeDrainRow.objects.create(**{name: getattr(drain, name) for name in FIELDS})


def end_drain(partition_id: str, node: str, *, at: datetime, by: str) -> None:
    """Write down that a node is in service again."""
    _open(partition_id).filter(node=node).update(resumed_at=at, resumed_by=by)


def find_drain(partition_id: str, node: str) -> NodeDrain | None:
    """Return how a node is drained, or None while it is in service."""
    row = _open(partition_id).filter(node=node).first()
    return _drain(row) if row else None


def list_drains(partition_id: str) -> list[NodeDrain]:
    """Return the drained nodes of a partition by name."""
    return [_drain(row) for row in _open(partition_id)]


def list_drained(partition_id: str) -> list[str]:
    """Return the names of the drained nodes of a partition."""
    return list(_open(partition_id).values_list("node", flat=True))


def count_drained() -> dict[str, int]:
    """Return how many nodes are drained, by partition."""
    rows = NodeDrainRow.objects.filter(resumed_at__isnull=True).values_list("partition_id")
    return dict(rows.annotate(nodes=models.Count("id")).order_by("partition_id"))


def _open(partition_id: str) -> "models.QuerySet[NodeDrainRow]":
    rows = NodeDrainRow.objects.filter(partition_id=partition_id, resumed_at__isnull=True)
    return rows.order_by("node")


def _drain(row: NodeDrainRow) -> NodeDrain:
    return NodeDrain(**{name: getattr(row, name) for name in FIELDS})
