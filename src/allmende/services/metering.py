"""Metering: what an attempt used enters the ledger once and only once."""

from dataclasses import replace
from datetime import datetime

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.footprint.energy import Energy, estimate_energy
from allmende.domain.footprint.readings import MeterReading, measure_between
from allmende.domain.scheduling import jobs
from allmende.domain.scheduling.backends import EndReason, Observation
from allmende.domain.scheduling.jobs import Attempt, Job, JobEvent, JobState
from allmende.services import allocations, audit, leases, queues, usage
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import database
from allmende.storage import jobs as job_store


@one_transaction
def settle_attempt(
    deed: Deed, seen: Observation, *, partition: Partition, reading: MeterReading | None
) -> Job:
    """Post what an ended attempt used, return the rest of its hold, and move its job on.

    Settling twice is settling once. Time lost because a node died is refunded.
    """
    database.give_up_when_stalled(leases.STALL_SECONDS)
    job = job_store.lock_job(seen.key.rpartition(".")[0])  # who else settles it comes after us
    attempt = job_store.get_attempt(seen.key)
    if attempt.is_settled:
        return job
    if seen.record_key:
        usage.lock_record(seen.record_key)
    assert seen.ended_at is not None, "only an ended attempt is settled"
    assert seen.reason is not None, "an ended attempt has a reason"
    attempt = _with_use(attempt, seen, partition, reading)
    allocations.settle_job(
        deed,
        hold_id=attempt.hold_id,
        used_seconds=attempt.used_seconds,
        reason=Sentence("job {job}, attempt {number}", {"job": job.id, "number": attempt.number}),
    )
    if attempt.reason is EndReason.NODE_FAIL and attempt.used_seconds:
        attempt = _refund(deed, job, attempt)
    if seen.record_key:
        usage.note_settled(deed, job, attempt, record_key=seen.record_key, partition=partition)
    queues.expire_rest(deed, job.project_id, partition_id=partition.id, expiry_id=attempt.key)
    attempt = replace(attempt, settled_at=deed.now)
    job_store.save_attempt(attempt, partition_id=partition.id)
    job = _move_on(deed, job, attempt)
    audit.record(
        deed,
        action="attempt.settled",
        subject=attempt.key,
        reason=str(attempt.reason),
        used_seconds=attempt.used_seconds,
        refunded_seconds=attempt.refunded_seconds,
        energy_joules=attempt.energy_joules,
    )
    return job


def _with_use(
    attempt: Attempt, seen: Observation, partition: Partition, reading: MeterReading | None
) -> Attempt:
    """Return the attempt with its times, its charged seconds and its energy."""
    assert seen.ended_at is not None
    attempt = replace(attempt, nodes=seen.nodes or attempt.nodes)  # a cluster chose them itself
    energy = _measure(attempt, seen, partition, reading)
    return replace(
        attempt,
        started_at=seen.started_at,
        ended_at=seen.ended_at,
        reason=seen.reason,
        exit_code=seen.exit_code,
        sentence=seen.sentence,
        cpu_seconds=seen.cpu_seconds,
        max_memory_bytes=seen.max_memory_bytes,
        used_seconds=_count_seconds(attempt, seen, partition),
        energy_joules=energy.energy_joules,
        energy_method=energy.method.value,
        energy_scope=energy.scope.value,
        energy_formula=energy.formula,
    )


def _count_seconds(attempt: Attempt, seen: Observation, partition: Partition) -> int:
    """Return the seconds to charge: a cluster's own account of them, or what we count."""
    if seen.allocated_seconds is not None:
        return seen.allocated_seconds
    assert seen.ended_at is not None
    return jobs.charged_seconds(
        seen.started_at,
        seen.ended_at,
        nodes=len(attempt.nodes),
        charge_factor=partition.charge_factor,
    )


def _measure(
    attempt: Attempt, seen: Observation, partition: Partition, reading: MeterReading | None
) -> Energy:
    """Return the measured energy where a counter ran through the attempt, else the estimate."""
    before = MeterReading.from_json(attempt.meter_before) if attempt.meter_before else None
    measured = measure_between(before, reading, cpu_seconds=seen.cpu_seconds, pue=partition.pue)
    if measured is not None:
        return measured
    assert seen.ended_at is not None
    wall_seconds = (seen.ended_at - (seen.started_at or seen.ended_at)).total_seconds()
    return estimate_energy(
        nodes=len(attempt.nodes),
        wall_seconds=max(0.0, wall_seconds),
        cpu_seconds=seen.cpu_seconds,
        power=partition,
    )


def _refund(deed: Deed, job: Job, attempt: Attempt) -> Attempt:
    allocations.refund_attempt(
        deed,
        refund_id=attempt.key,
        hold_id=attempt.hold_id,
        seconds=attempt.used_seconds,
        reason=Sentence(
            "node failure in attempt {number} of job {job}",
            {"number": attempt.number, "job": job.id},
        ),
    )
    event = Sentence(
        "The node died. The {seconds} s of this attempt are refunded.",
        {"seconds": attempt.used_seconds},
    )
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=event))
    return replace(attempt, refunded_seconds=attempt.used_seconds)


def _move_on(deed: Deed, job: Job, attempt: Attempt) -> Job:
    """Move the job to the state that follows, and say so in its events."""
    assert attempt.reason is not None
    state = jobs.next_state(job, attempt.reason)
    if jobs.uses_up_retry(job, attempt.reason):
        job = replace(job, failures=job.failures + 1)
    if job.state is JobState.PENDING and attempt.started_at:
        # A cluster started and ended it between two heartbeats.
        job = jobs.move(job, JobState.RUNNING, now=attempt.started_at)
    if job.state is not state:
        job = jobs.move(job, state, now=deed.now)
    job = replace(job, hold_id="", held_seconds=0)
    if state is JobState.PENDING:
        job, sentence = _go_back(job, attempt, now=deed.now)
    else:
        fell_behind = job.end if state is JobState.CANCELLED else None
        job = replace(job, end=fell_behind or attempt.sentence)
        sentence = attempt.sentence or Sentence("The job ended.")
    job_store.save_job(job)
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    return job


def _go_back(job: Job, attempt: Attempt, *, now: datetime) -> tuple[Job, Sentence]:
    """Return a job as it goes back to the queue, and what is said about that."""
    assert attempt.reason is not None
    why = attempt.sentence or Sentence("The attempt ended early.")
    if attempt.reason is EndReason.TIMEOUT:
        job = replace(job, request=job.request.go_on())
    job = replace(job, retry_at=jobs.find_retry(job, attempt.reason, now=now))
    if job.retry_at is None:
        return job, Sentence("{why} The job goes back to the queue by itself.", {"why": why})
    facts = {"why": why, "retry": job.retry_at}
    return job, Sentence("{why} The job tries again by itself at {retry}.", facts)
