"""What waits: time is held for the next attempt, and nothing starts for a project that may not."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from allmende.domain.access.projects import Project, ProjectState, check_can_run
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling import eligibility
from allmende.domain.scheduling.jobs import Job, JobEvent, JobState, StopRequest
from allmende.services import allocations, audit, dependencies, jobs
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import jobs as job_store
from allmende.storage import projects as project_store
from allmende.storage import queues as queue_store

OVER = (ProjectState.ENDED, ProjectState.CLOSED)
PROJECT_ENDED = Sentence("Its project ended while it waited.")
BROKEN_IN_A_BEAT = 100  # of a long chain that broke: a heartbeat stays quick


def tend_queue(deed: Deed, partition: Partition) -> None:
    """Hold time for whoever waits without, and end what waits in vain.

    Each job in a transaction of its own, so that nobody locks the time of two projects at once.
    """
    alive = queue_store.list_alive_jobs(partition.id)
    waiting = [job for job in alive if job.state is JobState.PENDING]
    projects, states = _projects_of(waiting), dependencies.states_of(alive)
    left = BROKEN_IN_A_BEAT
    for job in waiting:
        broken = eligibility.find_broken(job, states)
        if projects[job.project_id].state in OVER:
            end_waiting(deed, job.id, end=PROJECT_ENDED, action="job.ended_with_project")
        elif broken:
            if left:
                end_waiting(deed, job.id, end=broken, action="job.dependency_failed")
                states[job.id] = JobState.CANCELLED  # whoever needs this one breaks in turn
                left -= 1
        elif not job.hold_id:
            _hold(deed, job.id, partition=partition)


def find_bars(alive: Collection[Job], *, now: datetime) -> dict[str, Sentence]:
    """Return by job why it may not start now, however many nodes are free.

    `alive` has every waiting and running job of a partition.
    """
    waiting = [job for job in alive if job.state is JobState.PENDING]
    projects = find_project_bars({job.project_id for job in waiting}, now=now)
    states = dependencies.states_of(alive)
    bars = {
        job.id: bar
        for job in waiting
        if (bar := projects.get(job.project_id))
        or (bar := eligibility.find_dependency(job, states))
        or (bar := eligibility.find_choice(job, now=now))
        or (bar := eligibility.find_pause(job, now=now))
    }
    unheld = {job.id for job in waiting if not job.hold_id}
    return bars | eligibility.find_throttled(alive, barred=bars.keys() | unheld)


def find_project_bars(project_ids: Collection[str], *, now: datetime) -> dict[str, Sentence]:
    """Return by project why it may not run anything now, for those that may not."""
    projects = project_store.list_projects_by_id(project_ids) if project_ids else []
    bars = {project.id: _bar(project, now) for project in projects}
    return {project_id: bar for project_id, bar in bars.items() if bar}


def find_ended(project_ids: Iterable[str]) -> set[str]:
    """Return those of the projects that have ended."""
    wanted = set(project_ids)
    found = project_store.list_projects_by_id(wanted) if wanted else []
    return {project.id for project in found if project.state in OVER}


def expire_rest(deed: Deed, project_id: str, *, partition_id: str, expiry_id: str) -> None:
    """Let expire what came back to a project on a partition after its end."""
    if project_store.get_project(project_id).state in OVER:
        allocations.expire_places(
            deed,
            expiry_id=expiry_id,
            project_id=project_id,
            partition_id=partition_id,
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
def end_waiting(deed: Deed, job_id: str, *, end: Sentence, action: str) -> None:
    """Cancel a job that waits in vain; its hours come back, or expire with its project."""
    job = job_store.lock_job(job_id)
    if job.state is not JobState.PENDING:
        return
    if job.has_open_attempt:  # a cluster has it: it is called back there, and settled then
        if job.stop_request is StopRequest.NONE:
            job_store.save_job(replace(job, stop_request=StopRequest.AT_ONCE))
            job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=end))
        return
    expiry_id = job.hold_id
    job_store.save_job(jobs.cancel_waiting(deed, job, end=end))
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=end))
    if expiry_id:
        expire_rest(deed, job.project_id, partition_id=job.partition_id, expiry_id=expiry_id)
    audit.record(deed, action=action, subject=job.id)
