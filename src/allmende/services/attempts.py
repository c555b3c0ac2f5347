"""Attempts: brought to the backend as they were decided, and settled once they have ended."""

from dataclasses import replace
from datetime import timedelta

from allmende.domain.basics.mistakes import MACHINE_TROUBLE
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition, Site
from allmende.domain.footprint.readings import MeterReading
from allmende.domain.scheduling import jobs
from allmende.domain.scheduling.backends import AttemptState, EndReason, Observation
from allmende.domain.scheduling.jobs import Attempt, Job, JobEvent, JobState, StopRequest
from allmende.services import audit, launches, metering, mistakes, quotas
from allmende.services.deeds import Deed, one_transaction
from allmende.services.mistakes import Mistake
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store
from allmende.storage import queues as queue_store


def open_attempt(
    deed: Deed,
    job: Job,
    partition: Partition,
    *,
    nodes: tuple[str, ...] = (),
    cycle_number: int = 0,
) -> tuple[Job, Attempt]:
    """Write down the next attempt of a job; the caller saves the job, which now counts it."""
    number = job.attempts + 1
    attempt = Attempt(
        key=f"{job.id}.{number}",
        job_id=job.id,
        number=number,
        nodes=nodes,
        decided_at=deed.now,
        cycle_number=cycle_number,
        hold_id=job.hold_id,
        held_seconds=job.held_seconds,
    )
    job_store.save_attempt(attempt, partition_id=partition.id)
    return replace(job, attempts=number), attempt


def settle_ended(
    deed: Deed, partition: Partition, *, workshop: Workshop
) -> tuple[list[Job], list[Sentence], list[Mistake]]:
    """Settle every attempt that ended, each in its own transaction; one refused stops no other."""
    attempts = job_store.list_unsettled_attempts(partition.id)
    ended, troubles, left_out = [], [], []
    backend = workshop.backend_of(partition.id)
    observed = backend.observe([attempt.key for attempt in attempts])
    for attempt, seen in zip(attempts, observed, strict=True):
        if seen.state is AttemptState.UNKNOWN and attempt.started_at is not None:
            seen = _end_untraceable(deed, attempt)
        if seen.state is AttemptState.ENDED:
            seen = _with_own_record(seen, workshop.factory.get_site(partition.site_id))
            reading = _read_meter(partition, workshop)
            try:
                job = metering.settle_attempt(deed, seen, partition=partition, reading=reading)
                ended.append(job)
            except Refusal as refusal:
                troubles.append(refusal.sentence)
            except mistakes.MISTAKES as error:
                left_out.append(mistakes.leave_out(deed, attempt.job_id, error))
        elif attempt.started_at is None and seen.started_at is not None:
            job_store.note_begin(attempt.key, seen.started_at)
    return ended, troubles, left_out


def _with_own_record(seen: Observation, site: Site) -> Observation:
    """Return an end without the record of another cluster: an agent speaks for its own site."""
    own = f"{site.slurm.cluster if site.slurm else ''}:".lower()
    return seen if seen.record_key.lower().startswith(own) else replace(seen, record_key="")


def _end_untraceable(deed: Deed, attempt: Attempt) -> Observation:
    """Return the end of an attempt that did start, and of which the backend finds nothing now.

    It held its nodes until now, or for as long as it might: so much it is charged. Nothing of it
    starts again, for a job that removes its own traces would do so at each attempt.
    """
    assert attempt.started_at is not None, "it did start"
    request = job_store.get_job(attempt.job_id).request
    longest = timedelta(seconds=request.time_limit_seconds + request.grace_seconds)
    return Observation(
        key=attempt.key,
        state=AttemptState.ENDED,
        started_at=attempt.started_at,
        ended_at=min(deed.now, attempt.started_at + longest),
        reason=EndReason.FAILED,
        sentence=Sentence(
            "Its runner's files are gone or were changed while it ran, so nobody can say how it "
            "ended. What lies beside the job's own folder is not for the job to touch."
        ),
    )


def carry_out(deed: Deed, partition: Partition, *, workshop: Workshop) -> list[Mistake]:
    """Bring the backend to what was decided. Every call is idempotent, so all are repeated."""
    left_out = []
    attempts = job_store.list_unsettled_attempts(partition.id)
    begun = {job.id: job for job in queue_store.list_begun_jobs(partition.id)}
    seen = workshop.backend_of(partition.id).observe([attempt.key for attempt in attempts])
    for attempt, observation in zip(attempts, seen, strict=True):
        job = begun.get(attempt.job_id)
        if job is None:
            continue  # another daemon settled it meanwhile
        try:
            if observation.state is AttemptState.UNKNOWN:
                if attempt.started_at is None:  # else its traces just went: it is settled next
                    _begin(deed, job, attempt, workshop=workshop)
            elif observation.state is AttemptState.QUEUED:
                if job.wait != observation.wait:
                    job_store.note_wait(job.id, observation.wait)
            elif observation.state is AttemptState.RUNNING and job.state is JobState.PENDING:
                _note_running(deed, attempt, observation, partition=partition)
            elif job.wait is not None:
                job_store.note_wait(job.id, None)  # what kept the machine from starting it is over
            if job.stop_request is not StopRequest.NONE or attempt.stop_reason is not None:
                _stop(job, attempt, workshop)
        except Refusal as refusal:
            _tell_refusal(deed, job, refusal)
        except mistakes.MISTAKES as error:
            left_out.append(mistakes.leave_out(deed, job.id, error))
    return left_out


@one_transaction
def _note_running(deed: Deed, attempt: Attempt, seen: Observation, *, partition: Partition) -> None:
    """Write down that a cluster has started an attempt, and where."""
    job = job_store.lock_job(attempt.job_id)
    attempt = job_store.get_attempt(attempt.key)
    if job.state is not JobState.PENDING or attempt.is_settled:
        return  # another daemon was here first
    began = seen.started_at or deed.now
    attempt = replace(attempt, nodes=seen.nodes, started_at=began)
    job_store.save_attempt(attempt, partition_id=partition.id)
    job_store.save_job(jobs.move(job, JobState.RUNNING, now=began))
    sentence = Sentence(
        "Attempt {number} starts on {nodes}.",
        {"number": attempt.number, "nodes": ", ".join(seen.nodes)},
    )
    job_store.add_job_event(JobEvent(job_id=job.id, at=began, sentence=sentence))
    audit.record(deed, action="attempt.running", subject=attempt.key, nodes=list(seen.nodes))


def _tell_refusal(deed: Deed, job: Job, refusal: Refusal) -> None:
    """Say once why the machine refuses; the next heartbeat tries again."""
    if job.wait == refusal.sentence:
        return
    job_store.note_wait(job.id, refusal.sentence)
    # Figures such as the free space differ at every heartbeat; that is no news.
    if job.wait is None or job.wait.template != refusal.sentence.template:
        event = JobEvent(job_id=job.id, at=deed.now, sentence=refusal.sentence)
        job_store.add_job_event(event)


def _begin(deed: Deed, job: Job, attempt: Attempt, *, workshop: Workshop) -> None:
    """Start an attempt, or end it unstarted: called off by its owner, or impossible by now."""
    if job.stop_request is not StopRequest.NONE:
        _stop(job, attempt, workshop)  # should a runner be on its way, it finds this first
        why = Sentence("It was called off before it began.")
        _settle_unstarted(deed, attempt, workshop, reason=EndReason.CANCELLED, why=why)
        return
    try:
        _start(deed, job, attempt, workshop=workshop)
    except Refusal as refusal:
        if refusal.status >= MACHINE_TROUBLE:
            raise
        # Such as a blueprint that is gone: nodes are not kept for what can never start.
        _settle_unstarted(deed, attempt, workshop, reason=EndReason.FAILED, why=refusal.sentence)


def _start(deed: Deed, job: Job, attempt: Attempt, *, workshop: Workshop) -> None:
    """Start an attempt, and write down that it started: from then on it has a beginning."""
    partition = workshop.factory.get_partition(job.partition_id)
    # The kernel sees to that at each plan; a cluster is told once.
    is_late = partition.is_on_slurm and quotas.is_late(partition, job.project_id, now=deed.now)
    launch = launches.build_launch(job, attempt, workshop=workshop, is_late=is_late)
    reading = _read_meter(partition, workshop)
    if job_store.note_meter(attempt.key, reading.to_json() if reading else None):
        backend = workshop.backend_of(partition.id)
        backend.start(launch)
        if partition.is_on_slurm:
            return  # it waits there first, and the next heartbeat sees all of them at once
        (seen,) = backend.observe([attempt.key])
        if seen.state is not AttemptState.QUEUED:
            job_store.note_begin(attempt.key, seen.started_at or deed.now)


def _read_meter(partition: Partition, workshop: Workshop) -> MeterReading | None:
    """Read this machine's energy counter, where the attempt runs on this machine."""
    is_elsewhere = partition.is_on_slurm or workshop.factory.get_site(partition.site_id).agent
    return None if is_elsewhere else workshop.read_meter()


def _settle_unstarted(
    deed: Deed, attempt: Attempt, workshop: Workshop, *, reason: EndReason, why: Sentence
) -> None:
    """End an attempt that was decided, and of which nothing ran."""
    seen = Observation(
        key=attempt.key,
        state=AttemptState.ENDED,
        ended_at=deed.now,
        reason=reason,
        sentence=why,
    )
    job = job_store.get_job(attempt.job_id)
    partition = workshop.factory.get_partition(job.partition_id)
    metering.settle_attempt(deed, seen, partition=partition, reading=None)


def _stop(job: Job, attempt: Attempt, workshop: Workshop) -> None:
    asked_by_owner = job.stop_request is not StopRequest.NONE
    at_once = job.stop_request is StopRequest.AT_ONCE
    workshop.backend_of(job.partition_id).stop(
        attempt.key,
        reason=EndReason.CANCELLED if asked_by_owner else EndReason.PREEMPTED,
        grace_seconds=0 if at_once else job.request.grace_seconds,
    )
