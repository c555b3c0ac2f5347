"""Sweeps of which only the best go on: looked at every few seconds, from what the code reports.

Nothing is kept of a judgement but the stop: the next look judges from the same figures.
"""

from dataclasses import replace

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import Job, JobEvent, JobState, StopRequest
from allmende.domain.training import halvings
from allmende.domain.training.halvings import Fall
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, leases, runs
from allmende.services.deeds import Deed, one_transaction
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store
from allmende.storage import queues as queue_store


def stop_fallen(deed: Deed, *, workshop: Workshop, holder: str = "") -> list[Job]:
    """Ask jobs to stop, after a checkpoint, that fell behind in a sweep with halving.

    `holder` is the daemon that must still lead; empty where nobody else can.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    stopped: list[Job | None] = []
    for sweep_id in queue_store.list_running_sweeps():
        sweep = sorted(job_store.list_jobs(sweep_id=sweep_id, limit=1000), key=_by_index)
        rule = parse_job_file(sweep[0].spec).halving
        if rule is None:
            continue
        courses = {}
        for job in sweep:
            curves = runs.read_curves(workshop.backend_of(job.partition_id), job.id)
            courses[job.id] = curves.get(rule.metric, {})
        running = [job.id for job in sweep if job.state is JobState.RUNNING]
        falls = halvings.find_falls(rule, courses, running)
        stopped += [_stop(deed, fall, metric=rule.metric, holder=holder) for fall in falls]
    return [job for job in stopped if job is not None]


def _by_index(job: Job) -> int:
    return job.sweep_index


@one_transaction
def _stop(deed: Deed, fall: Fall, *, metric: str, holder: str) -> Job | None:
    if holder:
        leases.keep_lead(holder)
    job = job_store.lock_job(fall.job_id)
    if job.state is not JobState.RUNNING or job.stop_request is not StopRequest.NONE:
        return None
    job = replace(job, stop_request=StopRequest.AT_CHECKPOINT)
    job_store.save_job(job)
    sentence = Sentence(
        "It stops at a checkpoint: at step {step} its {metric} is {value}, which is place {place} "
        "of {came}, and {kept} go on.",
        {
            "step": fall.step,
            "metric": metric,
            "value": float(f"{fall.value:.6g}"),
            "place": fall.place,
            "came": fall.came,
            "kept": fall.kept,
        },
    )
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    audit.record(deed, action="job.fell_behind", subject=job.id, step=fall.step, place=fall.place)
    return job
