"""Attempts at sites with an agent: what was ordered, what was reported, which files came."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.db import models

from allmende.domain.scheduling.backends import EndReason, Observation
from allmende.domain.scheduling.exchanges import (
    FileKind,
    FileName,
    Order,
    launch_from_json,
    observation_from_json,
    observation_to_json,
)


@dataclass(frozen=True, kw_only=True)
class Relayed:
    """An attempt at a site: the order, and what came back."""

    order: Order
    site_id: str
    job_id: str
    ordered_at: datetime
    is_handed_out: bool = False  # the agent may know of it; until then nothing can have begun
    seen: Observation | None = None  # as last reported
    # The files of its end, once it was reported; it has ended here when all of them have come.
    file_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class RelayedFile:
    """A file of a site as far as it came."""

    id: int
    file: FileName
    have_bytes: int = 0
    size_bytes: int = -1  # -1: it still grows
    sha256: str = ""
    is_whole: bool = False
    stays_there: bool = False  # too large to be passed on
    tries: int = 0  # how often it was whole and something else than was said


class RelaySiteRow(models.Model):
    """How many orders a site was given; its row makes their numbers come in order."""

    site_id = models.CharField(max_length=40, primary_key=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        app_label = "storage"
        db_table = "relay_site"


class RelayRow(models.Model):
    """An attempt at a site with an agent."""

    key = models.CharField(max_length=80, primary_key=True)
    site_id = models.CharField(max_length=40)
    job_id = models.CharField(max_length=40)
    revision = models.BigIntegerField()
    partition_id = models.CharField(max_length=40)
    launch = models.JSONField()
    stop_reason = models.CharField(max_length=20, default="")
    stop_grace_seconds = models.IntegerField(default=0)
    is_closed = models.BooleanField(default=False)
    ordered_at = models.DateTimeField()
    is_handed_out = models.BooleanField(default=False)
    seen = models.JSONField(null=True)
    file_ids = models.JSONField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "relay"
        indexes = (models.Index(fields=["site_id", "revision"], name="relay_of_site"),)


class RelayFileRow(models.Model):
    """A file of an attempt, or of a job, at a site with an agent; its content lies in the home."""

    id = models.BigAutoField(primary_key=True)
    site_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=10)
    owner = models.CharField(max_length=80)
    name = models.TextField()
    have_bytes = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=-1)
    sha256 = models.CharField(max_length=64, default="")
    is_whole = models.BooleanField(default=False)
    stays_there = models.BooleanField(default=False)
    tries = models.IntegerField(default=0)

    class Meta:
        app_label = "storage"
        db_table = "relay_file"
        constraints = (
            models.UniqueConstraint(
                fields=["site_id", "owner", "kind", "name"], name="relay_file_once"
            ),
        )


def next_revision(site_id: str) -> int:
    """Return the next number of a site's orders. Whoever asks next waits for this transaction:

    an agent that has seen a number has seen all before it.
    """
    RelaySiteRow.objects.get_or_create(site_id=site_id)
    RelaySiteRow.objects.filter(site_id=site_id).update(revision=models.F("revision") + 1)
    return int(RelaySiteRow.objects.get(site_id=site_id).revision)


def find_revision(site_id: str) -> int:
    """Return the number of the newest order of a site; 0 where there is none."""
    row = RelaySiteRow.objects.filter(site_id=site_id).first()
    return int(row.revision) if row else 0


def find_relayed(key: str) -> Relayed | None:
    """Return an attempt, which nobody else changes before this transaction ends."""
    row = RelayRow.objects.select_for_update().filter(key=key).first()
    return _relayed(row) if row else None


def save_relayed(relayed: Relayed) -> None:
    """Write an attempt, new or changed."""
    order = relayed.order
    facts: dict[str, Any] = {
        "site_id": relayed.site_id,
        "job_id": relayed.job_id,
        "revision": order.revision,
        "partition_id": order.partition_id,
        "launch": asdict(order.launch),
        "stop_reason": order.stop_reason or "",
        "stop_grace_seconds": order.stop_grace_seconds,
        "is_closed": order.is_closed,
        "ordered_at": relayed.ordered_at,
        "is_handed_out": relayed.is_handed_out,
        "seen": observation_to_json(relayed.seen) if relayed.seen else None,
        "file_ids": None if relayed.file_ids is None else list(relayed.file_ids),
    }
    RelayRow.objects.update_or_create(key=order.key, defaults=facts)


def list_relayed(site_id: str, keys: Collection[str]) -> dict[str, Relayed]:
    """Return the attempts of a site by their keys, as far as there are any."""
    rows = RelayRow.objects.filter(site_id=site_id, key__in=list(keys))
    return {row.key: _relayed(row) for row in rows}


def list_orders(site_id: str, *, after: int, limit: int) -> list[Relayed]:
    """Return what changed after a revision, the oldest first; nobody else changes it meanwhile."""
    rows = RelayRow.objects.select_for_update().filter(site_id=site_id, revision__gt=after)
    return [_relayed(row) for row in rows.order_by("revision")[:limit]]


def note_handed_out(keys: Collection[str]) -> None:
    """Note that the agent is being told of these attempts."""
    RelayRow.objects.filter(key__in=list(keys), is_handed_out=False).update(is_handed_out=True)


def list_ending(site_id: str) -> list[Relayed]:
    """Return the attempts of a site that have ended there, and whose files are still coming."""
    rows = RelayRow.objects.select_for_update().filter(site_id=site_id, is_closed=False)
    return [_relayed(row) for row in rows.exclude(file_ids=None).order_by("key")]


def list_open(site_id: str, job_id: str) -> list[Relayed]:
    """Return the attempts of a job at a site of which not everything has come."""
    rows = RelayRow.objects.filter(site_id=site_id, job_id=job_id, is_closed=False)
    return [_relayed(row) for row in rows]


def find_project_of_code(site_id: str, code: str) -> str:
    """Return a project of which an open order at a site names this code; "" where none does."""
    rows = RelayRow.objects.filter(site_id=site_id, is_closed=False, launch__code=code)
    return rows.values_list("launch__account", flat=True).first() or ""


def find_file(site_id: str, file: FileName) -> RelayedFile | None:
    """Return what came of a file."""
    row = RelayFileRow.objects.filter(
        site_id=site_id, kind=file.kind, owner=file.owner, name=file.name
    ).first()
    return _file(row) if row else None


def find_progress_files(site_id: str, job_ids: Collection[str]) -> dict[str, RelayedFile]:
    """Return what came of the progress of some jobs, by job."""
    rows = RelayFileRow.objects.filter(
        site_id=site_id, kind=FileKind.PROGRESS, owner__in=list(job_ids), name=""
    )
    return {row.owner: _file(row) for row in rows}


def get_or_add_file(site_id: str, file: FileName) -> RelayedFile:
    """Return what came of a file, from now on with a number of its own."""
    row, _ = RelayFileRow.objects.get_or_create(
        site_id=site_id, kind=file.kind, owner=file.owner, name=file.name
    )
    return _file(row)


def save_file(file: RelayedFile) -> None:
    """Write how far a file came."""
    RelayFileRow.objects.filter(id=file.id).update(
        have_bytes=file.have_bytes,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        is_whole=file.is_whole,
        stays_there=file.stays_there,
        tries=file.tries,
    )


def list_files(ids: Iterable[int]) -> list[RelayedFile]:
    """Return files by their numbers, in that order."""
    return [_file(row) for row in RelayFileRow.objects.filter(id__in=list(ids)).order_by("id")]


def list_output_files(site_id: str, job_id: str) -> list[RelayedFile]:
    """Return the files that a job left in its output folder, by name."""
    rows = RelayFileRow.objects.filter(site_id=site_id, owner=job_id, kind=FileKind.OUTPUT)
    return [_file(row) for row in rows.order_by("name")]


def forget_files(ids: Collection[int]) -> None:
    """Forget files that are no longer there."""
    RelayFileRow.objects.filter(id__in=list(ids)).delete()


def reopen(relayed: Relayed, **changes: Any) -> Relayed:
    """Return an attempt with its order changed, under a new revision; closed, without secrets."""
    order = replace(relayed.order, revision=next_revision(relayed.site_id), **changes)
    if order.is_closed:
        order = replace(order, launch=replace(order.launch, sealed_secrets=""))
    return replace(relayed, order=order)


def _relayed(row: RelayRow) -> Relayed:
    order = Order(
        key=row.key,
        revision=row.revision,
        partition_id=row.partition_id,
        launch=launch_from_json(row.launch),
        stop_reason=EndReason(row.stop_reason) if row.stop_reason else None,
        stop_grace_seconds=row.stop_grace_seconds,
        is_closed=row.is_closed,
    )
    return Relayed(
        order=order,
        site_id=row.site_id,
        job_id=row.job_id,
        ordered_at=row.ordered_at,
        is_handed_out=row.is_handed_out,
        seen=observation_from_json(row.seen) if row.seen else None,
        file_ids=None if row.file_ids is None else tuple(row.file_ids),
    )


def _file(row: RelayFileRow) -> RelayedFile:
    return RelayedFile(
        id=row.id,
        file=FileName(kind=FileKind(row.kind), owner=row.owner, name=row.name),
        have_bytes=row.have_bytes,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        is_whole=row.is_whole,
        stays_there=row.stays_there,
        tries=row.tries,
    )
