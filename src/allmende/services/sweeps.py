"""All jobs of a sweep or an array together."""

from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.jobs import LIFECYCLE, Job
from allmende.domain.trust.permissions import Permission, can_do, check_permission
from allmende.services import jobs, projects
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import jobs as job_store

MOST_JOBS = 1000


@one_transaction
def cancel_sweep(deed: Deed, sweep_id: str) -> list[Job]:
    """Cancel every job of a sweep or an array that has not ended; return all. Safe to repeat."""
    check_permission(deed.actor, Permission.CANCEL_JOB)
    found = job_store.list_jobs(sweep_id=sweep_id, limit=MOST_JOBS) if sweep_id else []
    if not found or not _may_cancel(deed, found[0]):
        raise NotFound(kind="sweep", id=sweep_id)
    cancelled = [  # in the order in which a plan locks them
        job if LIFECYCLE.is_final(job.state) else jobs.cancel_job(deed, job.id)
        for job in reversed(found)
    ]
    return sorted(cancelled, key=lambda job: job.sweep_index)


def _may_cancel(deed: Deed, job: Job) -> bool:
    is_own = projects.is_own(
        deed.actor, organisation_id=job.organisation_id, project_id=job.project_id
    )
    return is_own or can_do(deed.actor, Permission.CANCEL_EVERY_JOB)
