"""Jobs that others wait for: found by any of their names, and how they stand."""

from collections import defaultdict
from collections.abc import Collection

from django.db import models

from allmende.domain.scheduling.jobs import JobState
from allmende.storage.jobs import JobRow


def find_named_jobs(project_id: str, names: Collection[str]) -> dict[str, dict[str, JobState]]:
    """Return by name the jobs of a project that it means, with their states.

    A name is the id of a job, the id of a sweep, or the key of a submission: all of its jobs.
    Names that mean nothing in this project are left out. Two questions, however many names.
    """
    wanted = set(names)
    rows = JobRow.objects.filter(project_id=project_id).order_by("sweep_index", "id")
    among = [models.Q(**{f"{key}__among": wanted}) for key in ("id", "client_key", "sweep_id")]
    named = list(rows.filter(among[0] | among[1] | among[2]))
    by_id = {row.id: row for row in named}
    by_key = {row.client_key: row for row in named}
    by_sweep: dict[str, list[JobRow]] = defaultdict(list)
    for row in rows.filter(sweep_id__among={row.sweep_id for row in named} - {""}):
        by_sweep[row.sweep_id].append(row)
    found = {}
    for name in wanted - {""}:
        key_row = by_key.get(name)
        if name in by_id:
            meant = [by_id[name]]
        elif key_row and (not key_row.sweep_id or "#" in name):
            meant = [key_row]  # "#" and a number: one job of a sweep
        else:
            meant = by_sweep.get(key_row.sweep_id if key_row else name, [])
        if meant:
            found[name] = {row.id: JobState(row.state) for row in meant}
    return found


def list_states(job_ids: Collection[str]) -> dict[str, JobState]:
    """Return the states of jobs, in one question."""
    rows = JobRow.objects.filter(id__among=set(job_ids)).values_list("id", "state")
    return {job_id: JobState(state) for job_id, state in rows}


def list_partitions(job_ids: Collection[str]) -> dict[str, str]:
    """Return the partition of each job, in one question."""
    rows = JobRow.objects.filter(id__among=set(job_ids)).values_list("id", "partition_id")
    return dict(rows)
