"""All jobs of a sweep or an array together."""

import contextlib

from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.jobs import Job
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import jobs, projects
from allmende.services.deeds import Deed, one_transaction
from allmende.services.jobs import JobHasEnded
from allmende.storage import jobs as job_store


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


def _may_cancel(deed: Deed, job: Job) -> bool:
    is_own = projects.is_own(
        deed.actor, organisation_id=job.organisation_id, project_id=job.project_id
    )
    return is_own or can_do(deed.actor, Permission.CANCEL_EVERY_JOB)
