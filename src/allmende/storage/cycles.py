"""Recorded cycles: what the kernel saw and what it decided, so that anybody can replay it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models

# Beyond what a lease lasts, and what the clocks of two machines may differ.
FURTHEST_EXPIRY = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One pass of the scheduler: snapshot in, plan out, both as JSON values."""

    number: int
    partition_id: str
    at: datetime
    snapshot: dict[str, Any]
    plan: dict[str, Any]


class CycleRow(models.Model):
    """One recorded cycle."""

    number = models.BigAutoField(primary_key=True)
    partition_id = models.CharField(max_length=40, db_index=True)
    at = models.DateTimeField()
    snapshot = models.JSONField()
    plan = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "cycle"


class FairnessStateRow(models.Model):
    """What the kernel carries from one cycle to the next: lags and decayed usage."""

    partition_id = models.CharField(primary_key=True, max_length=40)
    state = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "fairness_state"


class LeaseRow(models.Model):
    """Who leads: the daemon that holds the lease is the only one that plans."""

    name = models.CharField(primary_key=True, max_length=40)
    holder = models.CharField(max_length=100)
    expires_at = models.DateTimeField()

    class Meta:
        app_label = "storage"
        db_table = "lease"


def add_cycle(
    *, partition_id: str, at: datetime, snapshot: dict[str, Any], plan: dict[str, Any]
) -> int:
    """Record a cycle and return its number."""
    row = CycleRow.objects.create(partition_id=partition_id, at=at, snapshot=snapshot, plan=plan)
    return int(row.number)


def list_cycles(*, partition_id: str = "") -> Iterator[Cycle]:
    """Yield the recorded cycles in order."""
    rows = CycleRow.objects.order_by("number")
    if partition_id:
        rows = rows.filter(partition_id=partition_id)
    for row in rows.iterator():
        yield _cycle(row)


def find_fairness_state(partition_id: str) -> dict[str, Any] | None:
    """Return what the kernel carried out of its last cycle."""
    row = FairnessStateRow.objects.filter(partition_id=partition_id).first()
    return row.state if row else None


def save_fairness_state(partition_id: str, state: dict[str, Any]) -> None:
    """Keep what the kernel carries into its next cycle."""
    if not FairnessStateRow.objects.filter(partition_id=partition_id).update(state=state):
        # The first time; two daemons may both be at it.
        FairnessStateRow.objects.update_or_create(
            partition_id=partition_id, defaults={"state": state}
        )


def take_lease(name: str, *, holder: str, now: datetime, expires_at: datetime) -> bool:
    """Take or renew a lease; return whether `holder` has it now. Two racers: one wins."""
    LeaseRow.objects.get_or_create(name=name, defaults={"holder": holder, "expires_at": expires_at})
    free_or_own = models.Q(holder=holder) | models.Q(expires_at__lte=now)
    # Nobody takes a lease for that long: the clock was set back since.
    from_the_future = models.Q(expires_at__gt=now + FURTHEST_EXPIRY)
    rows = LeaseRow.objects.filter(free_or_own | from_the_future, name=name)
    return rows.update(holder=holder, expires_at=expires_at) == 1


def renew_lease(name: str, *, holder: str, expires_at: datetime) -> bool:
    """Hold a lease longer; return False where anybody else has had it since."""
    return LeaseRow.objects.filter(name=name, holder=holder).update(expires_at=expires_at) == 1


def lock_lease(name: str, *, holder: str) -> bool:
    """Say whether `holder` has a lease; if so, nobody takes it before this transaction ends."""
    rows = LeaseRow.objects.select_for_update()
    return rows.filter(name=name, holder=holder).first() is not None


def give_lease_back(name: str, *, holder: str) -> None:
    """Let the next daemon lead at once."""
    LeaseRow.objects.filter(name=name, holder=holder).delete()


def _cycle(row: CycleRow) -> Cycle:
    return Cycle(
        number=row.number,
        partition_id=row.partition_id,
        at=row.at,
        snapshot=row.snapshot,
        plan=row.plan,
    )
