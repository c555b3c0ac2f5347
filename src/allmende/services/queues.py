"""What waits: time is held for the next attempt, and nothing starts for a project that may not."""

from collections.abc import Collection, Iterable
from datetime import datetime

from allmende.domain.access.projects import Project, ProjectState, check_can_run
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.jobs import Job, JobEvent, JobState
from allmende.services import allocations, audit, jobs
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store
from allmende.storage import queues as queue_store

OVER = (ProjectState.ENDED, ProjectState.CLOSED)


def tend_queue(deed: Deed, partition: Partition) -> None:
    """Hold time for whoever waits without, and end what waits for a project that has ended.

    Each job in a transaction of its own, so that nobody locks the time of two projects at once.
    """
    alive = queue_store.list_alive_jobs(partition.id)
    waiting = [job for job in alive if job.state is JobState.PENDING]
    projects = _projects_of(waiting)
    for job in waiting:
        if projects[job.project_id].state in OVER:
            _end_waiting(deed, job.id)
        elif not job.hold_id:
            _hold(deed, job.id, partition=partition)


def find_bars(alive: Iterable[Job], *, now: datetime) -> dict[str, Sentence]:
    """Return by job why its project may not run anything now."""
    waiting = [job for job in alive if job.state is JobState.PENDING]
    bars = find_project_bars({job.project_id for job in waiting}, now=now)
    return {job.id: bars[job.project_id] for job in waiting if job.project_id in bars}


def find_project_bars(project_ids: Collection[str], *, now: datetime) -> dict[str, Sentence]:
    """Return by project why it may not run anything now, for those that may not."""
    projects = project_store.list_projects_by_id(project_ids) if project_ids else []
    bars = {project.id: _bar(project, now) for project in projects}
    return {project_id: bar for project_id, bar in bars.items() if bar}


def expire_rest(deed: Deed, project_id: str, *, expiry_id: str) -> None:
    """Let expire what came back to a project after its end."""
    project = project_store.get_project(project_id)
    if project.state in OVER:
        allocations.expire_project(
            deed,
            expiry_id=expiry_id,
            project_id=project.id,
            partition_id=project.partition_id,
            access_share=project.access_share,
            reason=Sentence("The project ended."),
        )


def _projects_of(waiting: list[Job]) -> dict[str, Project]:
    project_ids = {job.project_id for job in waiting}
    found = project_store.list_projects_by_id(project_ids) if project_ids else []
    return {project.id: project for project in found}


def _bar(project: Project, now: datetime) -> Sentence | None:
    try:
        check_can_run(project, now=now)
    except Refusal as refusal:
        return refusal.sentence
    return None


@one_transaction
def _hold(deed: Deed, job_id: str, *, partition: Partition) -> None:
    job = job_store.lock_job(job_id)
    if job.state is not JobState.PENDING or job.hold_id:
        return
    try:
        jobs.hold_next_attempt(deed, job, partition=partition)
    except Refusal as refusal:
        if refusal.sentence != job.wait:
            job_store.note_wait(job.id, refusal.sentence)


@one_transaction
def _end_waiting(deed: Deed, job_id: str) -> None:
    job = job_store.lock_job(job_id)
    if job.state is not JobState.PENDING:
        return
    end = Sentence("Its project ended while it waited.")
    expiry_id = job.hold_id
    job_store.save_job(jobs.cancel_waiting(deed, job, end=end))
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=end))
    if expiry_id:
        expire_rest(deed, job.project_id, expiry_id=expiry_id)
    audit.record(deed, action="job.ended_with_project", subject=job.id)
