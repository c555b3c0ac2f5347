"""What waits and runs on a partition: thousands of jobs, read and written in one go."""

import json
from collections.abc import Mapping

from django.db import connection, models
from django.db.models.functions import Cast

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import Job, JobState, ResourceRequest, StopRequest
from allmende.storage.jobs import (
    ALIVE,
    JOB_FIELDS,
    NOT_READ,
    REQUEST_FIELDS,
    JobRow,
    read_job,
)

# What an alive job has none of yet, and its file, which is long.
NOT_ALIVE = ("ended_at", "outputs_read_at", "spec")
NOBODY = "[]"  # in JSON: most jobs wait for no other
STATES = {state.value: state for state in JobState}
STOP_REQUESTS = {request.value: request for request in StopRequest}


def list_alive_jobs(partition_id: str) -> list[Job]:
    """Return all pending and running jobs of a partition, the oldest first, without their files.

    They may be very many, and are planned without them.
    """
    return _read_briefly(_alive(partition_id))


def lock_alive_jobs(partition_id: str) -> list[Job]:
    """Return the same jobs; nobody else can change them until this transaction ends."""
    return _read_briefly(_alive(partition_id).select_for_update())


def list_begun_jobs(partition_id: str) -> list[Job]:
    """Return the jobs of a partition that have an open attempt, the oldest first, complete."""
    begun = (read_job(row) for row in _alive(partition_id).filter(attempts__gt=0))
    return [job for job in begun if job.has_open_attempt]


def list_running_sweeps() -> list[str]:
    """Return the sweeps and arrays of which a job runs."""
    running = JobRow.objects.filter(state=JobState.RUNNING.value).exclude(sweep_id="")
    return list(running.values_list("sweep_id", flat=True).distinct().order_by("sweep_id"))


def _read_briefly(rows: "models.QuerySet[JobRow]") -> list[Job]:
    names = [name for name in JOB_FIELDS if name not in NOT_ALIVE]
    said = Cast("wait", models.TextField())
    waits: dict[str | None, Sentence | None] = {None: None}  # most wait for the same
    found = []
    others = [Cast(key, models.TextField()) for key in ("after", "after_ok")]
    for state, stop_request, text, after, after_ok, *values in rows.values_list(
        "state", "stop_request", said, *others, *names, *REQUEST_FIELDS
    ):
        if text not in waits:
            waits[text] = Sentence.from_json(json.loads(text))
        found.append(
            Job(
                state=STATES[state],
                stop_request=STOP_REQUESTS[stop_request],
                wait=waits[text],
                after=() if after == NOBODY else tuple(json.loads(after)),
                after_ok=() if after_ok == NOBODY else tuple(json.loads(after_ok)),
                spec=NOT_READ,
                request=ResourceRequest(
                    **dict(zip(REQUEST_FIELDS, values[len(names) :], strict=True))
                ),
                **dict(zip(names, values, strict=False)),
            )
        )
    return found


def count_waiting_jobs(partition_id: str) -> int:
    """Return how many jobs of a partition wait."""
    return _alive(partition_id).filter(state=JobState.PENDING).count()


def _alive(partition_id: str) -> "models.QuerySet[JobRow]":
    rows = JobRow.objects.filter(partition_id=partition_id, state__in=ALIVE)
    return rows.order_by("submitted_at", "id")


def note_waits(waits: Mapping[str, Sentence]) -> None:
    """Write down by job why it waits, for all of them at once, and nothing else of them.

    Those that have ended meanwhile stay as they are.
    """
    # Many jobs of a long queue wait for the same, and share their sentence.
    said = {id(wait): wait for wait in waits.values()}
    written = {key: json.dumps(wait.to_json()) for key, wait in said.items()}
    rows = [(written[id(wait)], job_id, *ALIVE) for job_id, wait in waits.items()]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE job SET wait = %s WHERE id = %s AND state IN (%s, %s)", rows)


def has_alive(project_id: str) -> bool:
    """Say whether some job of a project has not ended."""
    return JobRow.objects.filter(project_id=project_id, state__in=ALIVE).exists()
