"""Jobs, their attempts and their events as rows."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import (
    Attempt,
    Job,
    JobEvent,
    JobState,
    ResourceRequest,
    StopRequest,
)


class JobRow(models.Model):
    """A job. `client_key` makes a repeated submission the same submission."""

    id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField(max_length=200)
    project_id = models.CharField(max_length=40)
    organisation_id = models.CharField(max_length=40)
    person_id = models.CharField(max_length=40)
    partition_id = models.CharField(max_length=40)
    access_share = models.CharField(max_length=40)
    group_id = models.CharField(max_length=40)
    data_class = models.CharField(max_length=20)
    nodes = models.PositiveIntegerField()
    time_limit_seconds = models.PositiveIntegerField()
    further_seconds = models.PositiveIntegerField(default=0)
    memory_bytes_per_node = models.BigIntegerField()
    preemptible = models.BooleanField()
    grace_seconds = models.PositiveIntegerField()
    state = models.CharField(max_length=20)
    submitted_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outputs_read_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField()
    max_retries = models.PositiveIntegerField()
    retries_failed = models.BooleanField(default=False)
    wait = models.JSONField(null=True)
    end = models.JSONField(null=True)
    failures = models.PositiveIntegerField()
    stop_request = models.CharField(max_length=20)
    hold_id = models.CharField(max_length=60)
    held_seconds = models.BigIntegerField()
    client_key = models.CharField(max_length=100)
    reservation_id = models.CharField(max_length=40, default="", blank=True)
    sweep_id = models.CharField(max_length=40)
    sweep_index = models.PositiveIntegerField(default=0)
    max_parallel = models.PositiveIntegerField(default=0)
    after = models.JSONField(default=list)
    after_ok = models.JSONField(default=list)
    chosen_start_at = models.DateTimeField(null=True)
    latest_start_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    spec = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "job"
        constraints = (
            models.UniqueConstraint(fields=("project_id", "client_key"), name="job_client_key"),
        )
        indexes = (
            models.Index(fields=("project_id", "-submitted_at", "id"), name="job_of_project"),
            models.Index(
                fields=("sweep_id",), condition=~models.Q(sweep_id=""), name="job_of_sweep"
            ),
            # The scheduler asks for what is alive; finished jobs are the many.
            models.Index(
                fields=("partition_id",),
                condition=models.Q(state__in=("pending", "running")),
                name="job_alive",
            ),
            models.Index(
                fields=("partition_id",),
                condition=models.Q(state="completed", outputs_read_at__isnull=True),
                name="job_to_read",
            ),
        )


class AttemptRow(models.Model):
    """One try to run a job."""

    key = models.CharField(primary_key=True, max_length=60)
    job_id = models.CharField(max_length=40, db_index=True)
    number = models.PositiveIntegerField()
    partition_id = models.CharField(max_length=40)
    nodes = models.JSONField()
    decided_at = models.DateTimeField()
    cycle_number = models.BigIntegerField()
    hold_id = models.CharField(max_length=60)
    held_seconds = models.BigIntegerField()
    stop_reason = models.CharField(max_length=20)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=20)
    exit_code = models.IntegerField(null=True)
    sentence = models.JSONField(null=True)
    cpu_seconds = models.FloatField()
    max_memory_bytes = models.BigIntegerField()
    used_seconds = models.BigIntegerField()
    refunded_seconds = models.BigIntegerField()
    energy_joules = models.BigIntegerField()
    energy_method = models.CharField(max_length=20)
    energy_scope = models.CharField(max_length=40)
    energy_formula = models.JSONField(null=True)
    meter_before = models.JSONField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "job_attempt"
        indexes = (
            models.Index(
                fields=("partition_id",),
                condition=models.Q(settled_at__isnull=True),
                name="attempt_unsettled",
            ),
            # Incidents ask for those whose node died; they are few.
            models.Index(
                fields=("ended_at",),
                condition=models.Q(reason="node_fail"),
                name="attempt_node_died",
            ),
        )


class JobEventRow(models.Model):
    """Something that happened to a job."""

    job_id = models.CharField(max_length=40, db_index=True)
    at = models.DateTimeField()
    sentence = models.JSONField()

    class Meta:
        app_label = "storage"
        db_table = "job_event"


ALIVE = ("pending", "running")
NOT_READ: dict[str, object] = {}  # in place of a job's file; such a job cannot be saved
# Fields that a row and its value share by name and form.
JOB_FIELDS = (
    "id name project_id organisation_id person_id partition_id access_share group_id data_class "
    "submitted_at started_at ended_at outputs_read_at attempts failures max_retries hold_id "
    "held_seconds client_key sweep_id sweep_index max_parallel chosen_start_at latest_start_at "
    "spec reservation_id retries_failed retry_at"
).split()
REQUEST_FIELDS = (
    "nodes time_limit_seconds memory_bytes_per_node preemptible grace_seconds further_seconds"
).split()
ATTEMPT_FIELDS = (
    "key job_id number decided_at cycle_number hold_id held_seconds started_at ended_at settled_at "
    "exit_code cpu_seconds max_memory_bytes used_seconds refunded_seconds energy_joules "
    "energy_method energy_scope meter_before"
).split()


def save_job(job: Job) -> None:
    """Insert the job, or update it."""
    assert job.spec is not NOT_READ, "a job is saved with its file"
    values: dict[str, Any] = {name: getattr(job, name) for name in JOB_FIELDS if name != "id"}
    values |= {name: getattr(job.request, name) for name in REQUEST_FIELDS}
    values |= {
        "after": list(job.after),
        "after_ok": list(job.after_ok),
        "stop_request": job.stop_request.value,
        "state": job.state.value,
        "wait": _to_json(job.wait),
        "end": _to_json(job.end),
    }
    if not JobRow.objects.filter(id=job.id).update(**values):
        JobRow.objects.create(id=job.id, **values)


def get_job(job_id: str) -> Job:
    """Return a job by its id."""
    row = JobRow.objects.filter(id=job_id).first()
    if row is None:
        raise NotFound(kind="job", id=job_id)
    return read_job(row)


def lock_job(job_id: str) -> Job:
    """Return a job that nobody else can change until this transaction ends."""
    row = JobRow.objects.select_for_update().filter(id=job_id).first()
    if row is None:
        raise NotFound(kind="job", id=job_id)
    return read_job(row)


def note_wait(job_id: str, wait: Sentence | None) -> None:
    """Write down why a job waits, and nothing else of it, unless it has ended."""
    rows = JobRow.objects.filter(id=job_id, state__in=ALIVE)
    rows.update(wait=_to_json(wait))


def find_job_by_client_key(project_id: str, client_key: str) -> Job | None:
    """Return the job that a client submitted under its own key."""
    row = JobRow.objects.filter(project_id=project_id, client_key=client_key).first()
    return read_job(row) if row else None


def list_jobs(
    *,
    organisation_ids: Iterable[str] | None = None,
    project_ids: Iterable[str] = (),
    project_id: str = "",
    sweep_id: str = "",
    after: str = "",
    limit: int = 50,
) -> list[Job]:
    """Return jobs, the newest first; `after` is the id of the last one already seen.

    All jobs, or those of these organisations together with those of these projects.
    """
    rows = JobRow.objects.order_by("-submitted_at", "-id")
    if organisation_ids is not None:
        of_organisation = models.Q(organisation_id__in=list(organisation_ids))
        rows = rows.filter(of_organisation | models.Q(project_id__in=list(project_ids)))
    if project_id:
        rows = rows.filter(project_id=project_id)
    if sweep_id:
        rows = rows.filter(sweep_id=sweep_id)
    if after and (last := rows.filter(id=after).first()):
        rows = rows.filter(
            models.Q(submitted_at__lt=last.submitted_at)
            | models.Q(submitted_at=last.submitted_at, id__lt=after)
        )
    return [read_job(row) for row in rows[:limit]]


def list_sweep(sweep_id: str) -> list[Job]:
    """Return all jobs of a sweep or an array, in the order of their numbers."""
    rows = JobRow.objects.filter(sweep_id=sweep_id).exclude(sweep_id="").order_by("sweep_index")
    return [read_job(row) for row in rows]


def list_past_jobs(partition_id: str, *, limit: int) -> list[Job]:
    """Return the jobs of a partition that ran and ended last, the earliest submitted first."""
    rows = JobRow.objects.filter(
        partition_id=partition_id, started_at__isnull=False, ended_at__isnull=False
    )
    return [read_job(row) for row in rows.order_by("-submitted_at", "-id")[:limit]][::-1]


def list_ended_jobs(
    partition_id: str, *, since: datetime, until: datetime, limit: int
) -> list[Job]:
    """Return the newest jobs that were submitted since then, began, and ended by then."""
    rows = JobRow.objects.filter(
        partition_id=partition_id,
        submitted_at__gte=since,
        ended_at__lte=until,
        started_at__isnull=False,
    )
    newest = rows.order_by("-submitted_at", "-id")[:limit]
    return [read_job(row) for row in reversed(newest)]


def list_attempts_between(partition_id: str, *, since: datetime, until: datetime) -> list[Attempt]:
    """Return the attempts of a partition that were decided in a time and have ended, in order."""
    rows = AttemptRow.objects.filter(
        partition_id=partition_id, decided_at__gte=since, ended_at__lte=until
    )
    return [_attempt(row) for row in rows.order_by("decided_at", "key")]


def list_jobs_to_read(partition_id: str) -> list[Job]:
    """Return the completed jobs whose output was not read yet."""
    rows = JobRow.objects.filter(
        partition_id=partition_id, state=JobState.COMPLETED, outputs_read_at__isnull=True
    )
    return [read_job(row) for row in rows.order_by("ended_at", "id")]


def save_attempt(attempt: Attempt, *, partition_id: str) -> None:
    """Insert the attempt, or update it."""
    values: dict[str, Any] = {n: getattr(attempt, n) for n in ATTEMPT_FIELDS if n != "key"}
    values |= {
        "partition_id": partition_id,
        "nodes": list(attempt.nodes),
        "stop_reason": attempt.stop_reason or "",
        "reason": attempt.reason or "",
        "sentence": _to_json(attempt.sentence),
        "energy_formula": _to_json(attempt.energy_formula),
    }
    if not AttemptRow.objects.filter(key=attempt.key).update(**values):
        AttemptRow.objects.create(key=attempt.key, **values)


def note_begin(key: str, started_at: datetime) -> None:
    """Write down when an attempt began, once."""
    _unsettled(key).filter(started_at__isnull=True).update(started_at=started_at)


def note_meter(key: str, reading: dict[str, Any] | None) -> bool:
    """Write down the meter's first reading; return whether the attempt may still be started."""
    unsettled = _unsettled(key)
    if reading is not None:
        unsettled.filter(meter_before__isnull=True).update(meter_before=reading)
    return unsettled.exists()


def _unsettled(key: str) -> "models.QuerySet[AttemptRow]":
    return AttemptRow.objects.filter(key=key, settled_at__isnull=True)


def get_attempt(key: str) -> Attempt:
    """Return an attempt by its key."""
    row = AttemptRow.objects.filter(key=key).first()
    if row is None:
        raise NotFound(kind="attempt", id=key)
    return _attempt(row)


def list_attempts(job_id: str) -> list[Attempt]:
    """Return the attempts of a job in order."""
    rows = AttemptRow.objects.filter(job_id=job_id).order_by("number")
    return [_attempt(row) for row in rows]


def list_attempts_inside(reservation_id: str) -> list[Attempt]:
    """Return every attempt of the jobs of a reservation."""
    jobs = JobRow.objects.filter(reservation_id=reservation_id).values("id")
    return [_attempt(row) for row in AttemptRow.objects.filter(job_id__in=jobs).order_by("key")]


def list_unsettled_attempts(partition_id: str) -> list[Attempt]:
    """Return the attempts whose use does not stand in the ledger yet."""
    rows = AttemptRow.objects.filter(partition_id=partition_id, settled_at__isnull=True)
    return [_attempt(row) for row in rows.order_by("decided_at", "key")]


def list_all_jobs() -> list[Job]:
    """Return every job by id, for the evidence."""
    return [read_job(row) for row in JobRow.objects.order_by("id").iterator()]


def list_all_attempts() -> list[Attempt]:
    """Return every attempt by key, for the evidence."""
    return [_attempt(row) for row in AttemptRow.objects.order_by("key").iterator()]


def add_job_event(event: JobEvent) -> None:
    """Append an event."""
    JobEventRow.objects.create(job_id=event.job_id, at=event.at, sentence=event.sentence.to_json())


def list_job_events(job_id: str) -> list[JobEvent]:
    """Return what happened to a job, the oldest first."""
    rows = JobEventRow.objects.filter(job_id=job_id).order_by("id")
    return [
        JobEvent(job_id=row.job_id, at=row.at, sentence=Sentence.from_json(row.sentence))
        for row in rows
    ]


def read_job(row: JobRow) -> Job:
    """Return the value of a row."""
    return Job(
        **{name: getattr(row, name) for name in JOB_FIELDS},
        request=ResourceRequest(**{name: getattr(row, name) for name in REQUEST_FIELDS}),
        after=tuple(row.after),
        after_ok=tuple(row.after_ok),
        state=JobState(row.state),
        stop_request=StopRequest(row.stop_request),
        wait=_sentence(row.wait),
        end=_sentence(row.end),
    )


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        **{name: getattr(row, name) for name in ATTEMPT_FIELDS},
        nodes=tuple(row.nodes),
        stop_reason=EndReason(row.stop_reason) if row.stop_reason else None,
        reason=EndReason(row.reason) if row.reason else None,
        sentence=_sentence(row.sentence),
        energy_formula=_sentence(row.energy_formula),
    )


def _to_json(sentence: Sentence | None) -> dict[str, Any] | None:
    return sentence.to_json() if sentence else None


def _sentence(value: dict[str, Any] | None) -> Sentence | None:
    return Sentence.from_json(value) if value else None
