"""What a finished job left becomes a model, with its card and its record."""

import time
from collections import OrderedDict
from dataclasses import replace

from allmende.domain.access.working_days import day_of
from allmende.domain.basics.mistakes import MACHINE_TROUBLE
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.backends import Backend
from allmende.domain.scheduling.jobs import Job, JobEvent
from allmende.domain.training.blueprints import Blueprint, find_blueprint
from allmende.domain.training.models import Outputs
from allmende.services import mistakes, model_registry, models, sessions
from allmende.services.deeds import Deed, one_transaction
from allmende.services.mistakes import Mistake
from allmende.services.models import Steps
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store

# What a heartbeat reads for at most, of all jobs together; a large model takes several of them.
LOOK_SECONDS = 0.5
MOST_REMEMBERED = 1000
# What met a trouble is read anew after a pause, which doubles each time: it may last for days.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 600.0

# What this process has begun to read; another one begins anew.
_begun: OrderedDict[str, Steps[Outputs]] = OrderedDict()
# For how many seconds a job pauses, and until when; another process reads it at once.
_pauses: dict[str, tuple[float, float]] = {}


def register_trainings(deed: Deed, partition: Partition, *, workshop: Workshop) -> list[Mistake]:
    """Register the model of every completed job whose output was read; read on in the others."""
    left_out, now = [], time.monotonic()
    found = job_store.list_jobs_to_read(partition.id)
    to_read = [job for job in found if job.id not in _pauses or _pauses[job.id][1] <= now]
    for job in to_read:
        if sessions.is_session(job, workshop):
            _note_read(deed, job)
            continue
        try:
            steps = _recall(job.id, workshop.backend_of(partition.id))
            outputs = models.go_on(steps, seconds=LOOK_SECONDS / len(to_read))
            if outputs is None:
                _begun[job.id] = steps
                continue
            _register(deed, job, outputs=outputs, workshop=workshop)
            _pauses.pop(job.id, None)
        except Refusal as refusal:
            if refusal.status >= MACHINE_TROUBLE:  # which passes
                left_out.append(_leave_out(deed, job, refusal))
            else:
                _give_up(deed, job, refusal.sentence)
        except ValueError as error:  # whatever a job writes, it stops nobody else
            _give_up(deed, job, type(error).__name__)
        except mistakes.MISTAKES as error:
            left_out.append(_leave_out(deed, job, error))
    return left_out


def _leave_out(deed: Deed, job: Job, error: Exception) -> Mistake:
    """Let a job pause, so that it takes no time from others, nor fills the log."""
    before, _ = _pauses.get(job.id, (FIRST_PAUSE_SECONDS / 2, 0.0))
    pause = min(LONGEST_PAUSE_SECONDS, 2 * before)
    _pauses[job.id] = (pause, time.monotonic() + pause)
    return mistakes.leave_out(deed, job.id, error)


def _recall(job_id: str, backend: Backend) -> Steps[Outputs]:
    """Return where the reading of a job's output goes on."""
    if len(_begun) > MOST_REMEMBERED:
        _begun.popitem(last=False)  # of a job that another process has read meanwhile
    return _begun.pop(job_id, None) or models.read_outputs(backend, job_id)


@one_transaction
def _note_read(deed: Deed, job: Job) -> None:
    """Leave alone what a session left: it is no model."""
    job_store.save_job(replace(job_store.lock_job(job.id), outputs_read_at=deed.now))


@one_transaction
def _give_up(deed: Deed, job: Job, why: Sentence | str) -> None:
    _pauses.pop(job.id, None)
    sentence = Sentence("Its output could not be registered as a model: {why}", {"why": why})
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    job_store.save_job(replace(job_store.lock_job(job.id), outputs_read_at=deed.now))


@one_transaction
def _register(deed: Deed, job: Job, *, outputs: Outputs, workshop: Workshop) -> None:
    job = job_store.lock_job(job.id)
    if job.outputs_read_at is not None:
        return
    if outputs.files:
        model = model_registry.register_model(
            deed,
            job.id,
            outputs=outputs,
            blueprint=_find_blueprint(job, workshop),
            thresholds=workshop.compute_thresholds(day_of(deed.now)),
            catalogue=workshop.data_sets,
            partition=workshop.factory.get_partition(job.partition_id),
            carbon=workshop.carbon,
        )
        sentence = Sentence("Its model is registered as {model}.", {"model": model.id})
        job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    job_store.save_job(replace(job, outputs_read_at=deed.now))


def _find_blueprint(job: Job, workshop: Workshop) -> Blueprint | None:
    """Return the job's blueprint, or None where it had none or its version is gone by now."""
    try:
        return find_blueprint(workshop.blueprints, str(job.spec.get("blueprint", "")))
    except NotFound:
        return None
