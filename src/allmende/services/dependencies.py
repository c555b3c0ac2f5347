"""Jobs that wait for others of their project, and what becomes of them."""

from collections.abc import Collection

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.jobs import LIFECYCLE, Job, JobState
from allmende.domain.training.job_specs import JobSpec
from allmende.storage import dependencies as store

MOST_DEPENDENCIES = 256


class WaitsForItself(Refusal):
    """{key} is the key of this very submission, so it would wait for itself. Name earlier jobs."""

    status = 422


class NothingToWaitFor(Refusal):
    """There is no job {name} in this project to wait for. Check its id or key, or leave it out."""

    status = 422  # the same for a job of others: here it does not exist


class TooManyDependencies(Refusal):
    """The job would wait for {count} jobs; the most is {most}. Name fewer, such as the last one."""

    status = 422


class WouldNeverStart(Refusal):
    """Job {job} ended as {state}, but under after_ok it has to complete: this job would never
    start. Name another one there, or move it to after."""


def find_dependencies(
    spec: JobSpec, *, project_id: str, client_key: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of the jobs that must have ended, and of those that must have completed.

    Jobs of other projects do not exist here. What can never start is refused at once.
    """
    names = {*spec.after, *spec.after_ok}
    if not names:
        return (), ()
    for name in names:
        if name.partition("#")[0] == client_key:
            raise WaitsForItself(key=name)
    named = store.find_named_jobs(project_id, names)
    for name in (*spec.after, *spec.after_ok):
        if name not in named:
            raise NothingToWaitFor(name=name)
    after, after_ok = (
        tuple(dict.fromkeys(job_id for name in wanted for job_id in named[name]))
        for wanted in (spec.after, spec.after_ok)
    )
    if len(after) + len(after_ok) > MOST_DEPENDENCIES:
        raise TooManyDependencies(count=len(after) + len(after_ok), most=MOST_DEPENDENCIES)
    states = {job_id: state for jobs in named.values() for job_id, state in jobs.items()}
    for job_id in after_ok:
        if LIFECYCLE.is_final(states[job_id]) and states[job_id] is not JobState.COMPLETED:
            raise WouldNeverStart(job=job_id, state=states[job_id].value)
    return after, after_ok


def states_of(alive: Collection[Job]) -> dict[str, JobState]:
    """Return the states of the living jobs and of every job that one of them waits for.

    `alive` has every waiting and running job of a partition; the others may be on another one.
    """
    states = {job.id: job.state for job in alive}
    ended = {
        other
        for job in alive
        if job.state is JobState.PENDING
        for other in (*job.after, *job.after_ok)
        if other not in states
    }
    return states | store.list_states(ended) if ended else states
