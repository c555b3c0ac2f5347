"""What a finished job left becomes a model, with its card and its record."""

from dataclasses import replace

from allmende.domain.access.working_days import day_of
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.jobs import Job, JobEvent
from allmende.domain.training.blueprints import Blueprint, find_blueprint
from allmende.domain.training.models import Outputs
from allmende.services import mistakes, model_registry, models, sessions
from allmende.services.deeds import Deed, one_transaction
from allmende.services.mistakes import Mistake
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store


def register_trainings(deed: Deed, partition: Partition, *, workshop: Workshop) -> list[Mistake]:
    """Register the model of every completed job whose output was not read yet."""
    left_out = []
    for job in job_store.list_jobs_to_read(partition.id):
        try:
            outputs = models.read_outputs(workshop.backend_of(partition.id), job.id)
            _register(deed, job, outputs=outputs, workshop=workshop)
        except (Refusal, ValueError) as problem:  # whatever a job writes, it stops nobody else
            _give_up(deed, job, problem)
        except mistakes.MISTAKES as error:
            left_out.append(mistakes.leave_out(deed, job.id, error))
    return left_out


@one_transaction
def _give_up(deed: Deed, job: Job, problem: Refusal | ValueError) -> None:
    why = problem.sentence if isinstance(problem, Refusal) else type(problem).__name__
    sentence = Sentence("Its output could not be registered as a model: {why}", {"why": why})
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    job_store.save_job(replace(job_store.lock_job(job.id), outputs_read_at=deed.now))


@one_transaction
def _register(deed: Deed, job: Job, *, outputs: Outputs, workshop: Workshop) -> None:
    job = job_store.lock_job(job.id)
    if job.outputs_read_at is not None:
        return
    if outputs.files and not sessions.is_session(job, workshop):
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
