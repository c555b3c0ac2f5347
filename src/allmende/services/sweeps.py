"""All jobs of a sweep or an array together."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import BackendOf
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.sweep_values import ParamValue
from allmende.domain.training.sweeps import LARGEST_SWEEP, find_varied
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import jobs, projects, runs
from allmende.services.deeds import Deed, one_transaction
from allmende.services.jobs import JobHasEnded
from allmende.storage import jobs as job_store


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """One job of a sweep or an array beside the others: what it tries, and how far it came."""

    job: Job
    values: Mapping[str, ParamValue]  # the parameters in which the jobs differ
    progress: runs.Progress


def compare_jobs(reader: Person, sweep_id: str, *, backend_of: BackendOf) -> list[SweepRow]:
    """Return the jobs of a sweep or an array side by side, in their order; metrics to members."""
    found = jobs.list_jobs(reader, sweep_id=sweep_id, limit=LARGEST_SWEEP) if sweep_id else []
    if not found:
        raise NotFound(kind="sweep", id=sweep_id)
    found.sort(key=lambda job: job.sweep_index)
    varied = find_varied([_params_of(job) for job in found])
    latest = runs.read_latest(found, backend_of=backend_of)
    if not runs.is_own(reader, found[0]):
        latest = [progress.for_staff() for progress in latest]
    return [
        SweepRow(job=job, values=values, progress=progress)
        for job, values, progress in zip(found, varied, latest, strict=True)
    ]


@one_transaction
def cancel_sweep(deed: Deed, sweep_id: str) -> list[Job]:
    """Cancel every job of a sweep or an array that has not ended; return all. Safe to repeat."""
    check_permission(deed.actor, Permission.CANCEL_JOB)
    found = job_store.list_sweep(sweep_id)
    if not found or not _may_cancel(deed, found[0]):
        raise NotFound(kind="sweep", id=sweep_id)
    for job_id in sorted(job.id for job in found):  # in the order in which a plan locks them
        with contextlib.suppress(JobHasEnded):  # before, or just now
            jobs.cancel_job(deed, job_id)
    return job_store.list_sweep(sweep_id)


def _params_of(job: Job) -> Mapping[str, ParamValue]:
    # As it was accepted: a version that reads its file otherwise still compares it.
    return cast("Mapping[str, ParamValue]", job.spec.get("params", {}))


def _may_cancel(deed: Deed, job: Job) -> bool:
    is_own = projects.is_own(
        deed.actor, organisation_id=job.organisation_id, project_id=job.project_id
    )
    return is_own or can_do(deed.actor, Permission.CANCEL_EVERY_JOB)
