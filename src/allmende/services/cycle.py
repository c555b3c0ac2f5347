"""The cycle: observe, settle, plan, start. Every step can be repeated after a crash."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling import jobs
from allmende.domain.scheduling.backends import AttemptState, EndReason, Observation
from allmende.domain.scheduling.jobs import Attempt, Job, JobEvent, JobState, StopRequest
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.plans import (
    PendingJob,
    Plan,
    RunningJob,
    Snapshot,
    WaitReason,
)
from allmende.domain.scheduling.recordings import record_memory, record_plan, record_snapshot
from allmende.domain.scheduling.shares import Path
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import (
    audit,
    forecasts,
    launches,
    leases,
    metering,
    mistakes,
    queues,
    quotas,
    trainings,
    windows,
)
from allmende.services.deeds import Deed, one_transaction
from allmende.services.mistakes import Mistake
from allmende.services.snapshots import name_groups, policy_of, take_snapshot
from allmende.services.workshop import Workshop
from allmende.storage import cycles as cycle_store
from allmende.storage import jobs as job_store
from allmende.storage import queues as queue_store
from allmende.storage import reservations as reservation_store

# The status from which on a refusal is the machine's own trouble, which passes.
MACHINE_TROUBLE = 500


@dataclass(frozen=True, kw_only=True)
class CycleReport:
    """What one heartbeat did on one partition."""

    ended: tuple[Job, ...]
    started: tuple[str, ...]
    preempted: tuple[str, ...]
    waiting: int
    troubles: tuple[Sentence, ...] = ()  # what was refused; the next heartbeat tries again
    mistakes: tuple[Mistake, ...] = ()  # which jobs were left out; as above

    @property
    def has_news(self) -> bool:
        """Say whether anything changed."""
        return bool(self.ended or self.started or self.preempted)

    def counts(self) -> dict[str, int]:
        """Return the figures for the log."""
        return {
            "ended": len(self.ended),
            "started": len(self.started),
            "preempted": len(self.preempted),
            "waiting": self.waiting,
        }


def run_cycle(
    deed: Deed, partition_id: str, *, workshop: Workshop, holder: str = ""
) -> CycleReport:
    """Do one heartbeat on a partition. Killed at any point, the next one carries on.

    `holder` is the daemon that must still lead when it plans; empty where nobody else can.
    """
    check_permission(deed.actor, Permission.RUN_CYCLE)
    partition = workshop.factory.get_partition(partition_id)
    ended, troubles, left_out = _settle_ended(deed, partition, workshop)
    queues.tend_queue(deed, partition)
    windows.tend_windows(deed, partition)
    decided = decide(deed, partition, holder=holder)
    left_out += _carry_out(deed, partition, workshop)
    left_out += trainings.register_trainings(deed, partition, workshop=workshop)
    left_out += _tend_forecasts(deed, partition, decided)
    return CycleReport(
        ended=tuple(ended),
        started=tuple(start.job_id for start in decided.starts),
        preempted=tuple(each.job_id for each in decided.preempts),
        waiting=len(decided.waits),
        troubles=tuple(troubles),
        mistakes=tuple(left_out),
    )


def _tend_forecasts(deed: Deed, partition: Partition, decided: Plan) -> list[Mistake]:
    """Forecast for those who newly wait; what goes wrong there stops no heartbeat."""
    try:
        forecasts.tend_forecasts(deed, partition, decided)
    except mistakes.MISTAKES as error:
        return [Mistake(job_id="", error=error)]
    return []


def _settle_ended(
    deed: Deed, partition: Partition, workshop: Workshop
) -> tuple[list[Job], list[Sentence], list[Mistake]]:
    """Settle every attempt that ended, each in its own transaction; one refused stops no other."""
    attempts = job_store.list_unsettled_attempts(partition.id)
    ended, troubles, left_out = [], [], []
    observed = workshop.backend.observe([attempt.key for attempt in attempts])
    for attempt, seen in zip(attempts, observed, strict=True):
        if seen.state is AttemptState.UNKNOWN and attempt.started_at is not None:
            seen = _end_untraceable(deed, attempt)
        if seen.state is AttemptState.ENDED:
            reading = workshop.read_meter()
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


@one_transaction
def decide(deed: Deed, partition: Partition, *, holder: str = "") -> Plan:
    """Plan, and write down what was decided; nothing is started before this is committed."""
    if holder:
        leases.keep_lead(holder)
    # Should a second daemon plan too, because the lead was lost meanwhile, it waits here, and
    # then sees what the first one decided.
    alive = queue_store.lock_alive_jobs(partition.id)
    unsettled = job_store.list_unsettled_attempts(partition.id)
    quota = quotas.weigh(partition, alive, now=deed.now)
    snapshot = take_snapshot(
        partition,
        alive=alive,
        attempts=unsettled,
        bars={**quota.bars, **windows.find_bars(alive, now=deed.now)},
        demoted=quota.demoted,
        reservations=reservation_store.list_current(partition.id, now=deed.now),
        now=deed.now,
    )
    policy = policy_of(partition)
    decided = plan(snapshot, policy)
    by_id = {job.id: job for job in alive}
    number = _record(deed, partition, snapshot, decided)
    for start in decided.starts:
        names = snapshot.machine.names_of(start.node_indices)
        job = job_store.get_job(start.job_id)  # with its file
        _begin_attempt(deed, job, nodes=names, cycle=(partition, number))
    _note_waits(decided, by_id, partition, snapshot.demoted)
    _ask_to_yield(deed, decided, unsettled, partition)
    return decided


def _record(deed: Deed, partition: Partition, snapshot: Snapshot, decided: Plan) -> int:
    """Record the cycle when it is worth it; return the number of the last one recorded, or 0."""
    known = cycle_store.find_fairness_state(partition.id) or {}
    last = known.get("recorded", {"cycle": 0, "jobs": _digest(())})
    found = _digest((snapshot.pending, snapshot.running))
    if decided.starts or decided.preempts or found != last["jobs"]:
        number = cycle_store.add_cycle(
            partition_id=partition.id,
            at=deed.now,
            snapshot=record_snapshot(snapshot, policy_of(partition)),
            plan=record_plan(decided),
        )
        last = {"cycle": number, "jobs": found}
        audit.record(
            deed,
            action="cycle.decided",
            subject=f"cycle {number}",
            starts=len(decided.starts),
            preempts=len(decided.preempts),
            waits=len(decided.waits),
        )
    kept = record_memory(snapshot, decided) | {"recorded": last}
    cycle_store.save_fairness_state(partition.id, kept)
    return int(last["cycle"])


def _digest(found: Iterable[Sequence[PendingJob | RunningJob]]) -> str:
    """Return a digest of what waits and what runs, to compare with what the next beat finds."""
    ids = "\n\n".join("\n".join(job.id for job in each) for each in found)
    return hashlib.sha256(ids.encode()).hexdigest() if ids.strip() else ""


def _note_waits(
    decided: Plan, alive: Mapping[str, Job], partition: Partition, demoted: Collection[Path]
) -> None:
    """Write down every reason that is news, all of them at once."""
    said = {id(wait.sentence): wait.sentence for wait in decided.waits}
    named = {key: name_groups(sentence, partition) for key, sentence in said.items()}
    waits = {wait.job_id: named[id(wait.sentence)] for wait in decided.waits}
    if demoted:
        late = {key: quotas.say_late(sentence) for key, sentence in named.items()}
        for wait in decided.waits:
            job = alive[wait.job_id]
            if wait.reason is not WaitReason.HELD and (job.group_id, job.project_id) in demoted:
                waits[job.id] = late[id(wait.sentence)]
    queue_store.note_waits({key: why for key, why in waits.items() if alive[key].wait != why})


def _begin_attempt(
    deed: Deed, job: Job, *, nodes: tuple[str, ...], cycle: tuple[Partition, int]
) -> None:
    partition, cycle_number = cycle
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
    job_store.save_job(replace(jobs.move(job, JobState.RUNNING, now=deed.now), attempts=number))
    sentence = Sentence(
        "Attempt {number} starts on {nodes}.", {"number": number, "nodes": ", ".join(nodes)}
    )
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    audit.record(
        deed, action="attempt.decided", subject=attempt.key, nodes=list(nodes), cycle=cycle_number
    )


def _ask_to_yield(
    deed: Deed, decided: Plan, unsettled: list[Attempt], partition: Partition
) -> None:
    """Mark the attempts that the plan preempts; the backend is told after the commit."""
    current = {attempt.job_id: attempt for attempt in unsettled}
    for each in decided.preempts:
        attempt = current[each.job_id]
        if attempt.stop_reason is not None:
            continue
        attempt = replace(attempt, stop_reason=EndReason.PREEMPTED)
        job_store.save_attempt(attempt, partition_id=partition.id)
        sentence = Sentence(
            "It runs on nodes that another group is owed, so it saves a checkpoint and yields."
        )
        job_store.add_job_event(JobEvent(job_id=each.job_id, at=deed.now, sentence=sentence))
        audit.record(deed, action="attempt.preempted", subject=attempt.key, for_job=each.for_job_id)


def _carry_out(deed: Deed, partition: Partition, workshop: Workshop) -> list[Mistake]:
    """Bring the backend to what was decided. Every call is idempotent, so all are repeated."""
    left_out = []
    attempts = job_store.list_unsettled_attempts(partition.id)
    running = {job.id: job for job in queue_store.list_running_jobs(partition.id)}
    seen = workshop.backend.observe([attempt.key for attempt in attempts])
    for attempt, observation in zip(attempts, seen, strict=True):
        job = running.get(attempt.job_id)
        if job is None:
            continue  # another daemon settled it meanwhile
        try:
            if observation.state is AttemptState.UNKNOWN:
                if attempt.started_at is None:  # else its traces just went: it is settled next
                    _begin(deed, job, attempt, workshop=workshop)
            elif job.wait is not None:
                job_store.note_wait(job.id, None)  # what kept the machine from starting it is over
            if job.stop_request is not StopRequest.NONE or attempt.stop_reason is not None:
                _stop(job, attempt, workshop)
        except Refusal as refusal:
            _tell_refusal(deed, job, refusal)
        except mistakes.MISTAKES as error:
            left_out.append(mistakes.leave_out(deed, job.id, error))
    return left_out


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
    launch = launches.build_launch(job, attempt, workshop=workshop)
    reading = workshop.read_meter()
    if job_store.note_meter(attempt.key, reading.to_json() if reading else None):
        workshop.backend.start(launch)
        (seen,) = workshop.backend.observe([attempt.key])
        job_store.note_begin(attempt.key, seen.started_at or deed.now)


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
    workshop.backend.stop(
        attempt.key,
        reason=EndReason.CANCELLED if asked_by_owner else EndReason.PREEMPTED,
        grace_seconds=0 if at_once else job.request.grace_seconds,
    )
