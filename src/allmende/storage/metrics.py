"""What a monitoring system asks: sums over whole tables, each in one question."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models

from allmende.storage import database
from allmende.storage.cycles import FairnessStateRow, LeaseRow
from allmende.storage.jobs import ALIVE, JobRow
from allmende.storage.ledger import LedgerTransferRow


@dataclass(frozen=True, kw_only=True)
class AliveJobs:
    """The jobs of one group on one partition that wait, or that run."""

    partition_id: str
    group_id: str
    state: str
    jobs: int
    nodes: int
    submitted_at: datetime  # of the oldest


def count_alive_jobs() -> list[AliveJobs]:
    """Return the pending and running jobs by partition, group and state."""
    columns = ("partition_id", "group_id", "state")
    rows = JobRow.objects.filter(state__in=ALIVE).order_by(*columns).values_list(*columns)
    counted = rows.annotate(models.Count("id"), models.Sum("nodes"), models.Min("submitted_at"))
    return [
        AliveJobs(
            partition_id=partition_id,
            group_id=group_id,
            state=state,
            jobs=jobs,
            nodes=nodes,
            submitted_at=submitted_at,
        )
        for partition_id, group_id, state, jobs, nodes, submitted_at in counted
    ]


def list_fairness_states() -> dict[str, dict[str, Any]]:
    """Return what the last plan left on each partition."""
    return dict(FairnessStateRow.objects.order_by("partition_id").values_list())


def find_lease_end(name: str) -> datetime | None:
    """Return until when a lease is somebody's; None while it is nobody's."""
    return LeaseRow.objects.filter(name=name).values_list("expires_at", flat=True).first()


def count_transfers() -> int:
    """Return the number of the last transfer of the ledger."""
    last = LedgerTransferRow.objects.order_by("-number").values_list("number", flat=True).first()
    return last or 0


def measure_database() -> int:
    """Return how many bytes the database takes on disk."""
    sizes = {
        True: "SELECT pg_database_size(current_database())",
        False: "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    }
    with connection.cursor() as cursor:
        cursor.execute(sizes[database.is_postgresql()])
        (size,) = cursor.fetchone()
    return int(size)
