"""The cycle: observe, settle, plan, start. Every step can be repeated after a crash."""

from dataclasses import dataclass, replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling import jobs
from allmende.domain.scheduling.backends import AttemptState, EndReason, Observation
from allmende.domain.scheduling.jobs import Attempt, Job, JobEvent, JobState, StopRequest
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.plans import Plan, Snapshot
from allmende.domain.scheduling.recordings import record_plan, record_snapshot
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit, launches, metering, trainings
from allmende.services.deeds import Deed, one_transaction
from allmende.services.jobs import hold_next_attempt
from allmende.services.snapshots import policy_of, take_snapshot
from allmende.services.workshop import Workshop
from allmende.storage import cycles as cycle_store
from allmende.storage import jobs as job_store


@dataclass(frozen=True, kw_only=True)
class CycleReport:
    """What one heartbeat did on one partition."""

    ended: tuple[Job, ...]
    started: tuple[str, ...]
    preempted: tuple[str, ...]
    waiting: int

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


def run_cycle(deed: Deed, partition_id: str, *, workshop: Workshop) -> CycleReport:
    """Do one heartbeat on a partition. Killed at any point, the next one carries on."""
    check_permission(deed.actor, Permission.RUN_CYCLE)
    partition = workshop.factory.get_partition(partition_id)
    ended = _settle_ended(deed, partition, workshop)
    trainings.register_trainings(deed, partition, workshop=workshop)
    decided = decide(deed, partition)
    _carry_out(deed, partition, workshop)
    return CycleReport(
        ended=tuple(ended),
        started=tuple(start.job_id for start in decided.starts),
        preempted=tuple(each.job_id for each in decided.preempts),
        waiting=len(decided.waits),
    )


def _settle_ended(deed: Deed, partition: Partition, workshop: Workshop) -> list[Job]:
    """Settle every attempt that the backend reports as ended, each in its own transaction."""
    keys = [attempt.key for attempt in job_store.list_unsettled_attempts(partition.id)]
    ended = []
    for seen in workshop.backend.observe(keys):
        if seen.state is AttemptState.ENDED:
            reading = workshop.read_meter()
            ended.append(metering.settle_attempt(deed, seen, partition=partition, reading=reading))
        elif seen.state is AttemptState.RUNNING and seen.started_at is not None:
            _note_running(seen, partition)
    return ended


def _note_running(seen: Observation, partition: Partition) -> None:
    """Write down when the backend says that an attempt began, once."""
    attempt = job_store.get_attempt(seen.key)
    if attempt.started_at is None and not attempt.is_settled:
        attempt = replace(attempt, started_at=seen.started_at)
        job_store.save_attempt(attempt, partition_id=partition.id)


@one_transaction
def decide(deed: Deed, partition: Partition) -> Plan:
    """Plan, and write down what was decided; nothing is started before this is committed."""
    alive = [_with_hold(deed, job, partition) for job in job_store.list_alive_jobs(partition.id)]
    unsettled = job_store.list_unsettled_attempts(partition.id)
    snapshot = take_snapshot(partition, alive=alive, attempts=unsettled, now=deed.now)
    policy = policy_of(partition)
    decided = plan(snapshot, policy)
    by_id = {job.id: job for job in alive}
    number = _record(deed, partition, snapshot, decided)
    for start in decided.starts:
        names = snapshot.machine.names_of(start.node_indices)
        _begin_attempt(deed, by_id[start.job_id], nodes=names, cycle=(partition, number))
    for wait in decided.waits:
        job = by_id[wait.job_id]
        if job.wait != wait.sentence:
            job_store.save_job(replace(job, wait=wait.sentence))
    _ask_to_yield(deed, decided, unsettled, partition)
    return decided


def _with_hold(deed: Deed, job: Job, partition: Partition) -> Job:
    """Return a waiting job with time held for its next attempt, where the budget covers it."""
    if job.state is not JobState.PENDING or job.hold_id:
        return job
    try:
        return hold_next_attempt(deed, job, partition=partition)
    except Refusal as refusal:
        waiting = replace(job, wait=refusal.sentence)
        if waiting != job:
            job_store.save_job(waiting)
        return waiting


def _record(deed: Deed, partition: Partition, snapshot: Snapshot, decided: Plan) -> int:
    """Record the cycle when anything was there to decide; return its number, or 0."""
    paper = record_snapshot(snapshot, policy_of(partition))
    written = record_plan(decided)
    cycle_store.save_fairness_state(
        partition.id,
        {
            "fairness": paper["fairness"],
            "groups": written["groups"],
            "running_nodes": written["running_nodes"],
        },
    )
    last = cycle_store.find_last_cycle(partition.id)
    if not _is_worth_recording(paper, written, last):
        return last.number if last else 0
    number = cycle_store.add_cycle(
        partition_id=partition.id, at=deed.now, snapshot=paper, plan=written
    )
    audit.record(
        deed,
        action="cycle.decided",
        subject=f"cycle {number}",
        starts=len(decided.starts),
        preempts=len(decided.preempts),
        waits=len(decided.waits),
    )
    return number


def _is_worth_recording(
    paper: dict[str, object], written: dict[str, object], last: cycle_store.Cycle | None
) -> bool:
    """Say whether this cycle decided something, or found other jobs than the last one recorded."""
    if written["starts"] or written["preempts"]:
        return True
    if last is None:
        return bool(paper["pending"] or paper["running"])
    return any(_ids(paper[key]) != _ids(last.snapshot[key]) for key in ("pending", "running"))


def _ids(jobs_on_paper: object) -> list[str]:
    assert isinstance(jobs_on_paper, list)
    return [job["id"] for job in jobs_on_paper]


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


def _carry_out(deed: Deed, partition: Partition, workshop: Workshop) -> None:
    """Bring the backend to what was decided. Every call is idempotent, so all are repeated."""
    attempts = job_store.list_unsettled_attempts(partition.id)
    seen = workshop.backend.observe([attempt.key for attempt in attempts])
    for attempt, observation in zip(attempts, seen, strict=True):
        job = job_store.get_job(attempt.job_id)
        is_unseen = observation.state is AttemptState.UNKNOWN
        if is_unseen and job.stop_request is not StopRequest.NONE:
            _settle_unstarted(deed, attempt, partition)
            continue
        try:
            if is_unseen:
                _start(job, attempt, workshop)
            if job.stop_request is not StopRequest.NONE or attempt.stop_reason is not None:
                _stop(job, attempt, workshop)
        except Refusal as refusal:
            _tell_refusal(deed, job, refusal)


def _tell_refusal(deed: Deed, job: Job, refusal: Refusal) -> None:
    """Say once why the machine refuses; the next heartbeat tries again."""
    if job.wait != refusal.sentence:
        job_store.save_job(replace(job, wait=refusal.sentence))
        event = JobEvent(job_id=job.id, at=deed.now, sentence=refusal.sentence)
        job_store.add_job_event(event)


def _settle_unstarted(deed: Deed, attempt: Attempt, partition: Partition) -> None:
    """End an attempt that was decided and called off before anything of it ran."""
    seen = Observation(
        key=attempt.key,
        state=AttemptState.ENDED,
        ended_at=deed.now,
        reason=EndReason.CANCELLED,
        sentence=Sentence("It was called off before it began."),
    )
    metering.settle_attempt(deed, seen, partition=partition, reading=None)


def _start(job: Job, attempt: Attempt, workshop: Workshop) -> None:
    if attempt.meter_before is None and (reading := workshop.read_meter()):
        attempt = replace(attempt, meter_before=reading.to_json())
        job_store.save_attempt(attempt, partition_id=job.partition_id)
    workshop.backend.start(launches.build_launch(job, attempt, workshop=workshop))


def _stop(job: Job, attempt: Attempt, workshop: Workshop) -> None:
    asked_by_owner = job.stop_request is not StopRequest.NONE
    at_once = job.stop_request is StopRequest.AT_ONCE
    workshop.backend.stop(
        attempt.key,
        reason=EndReason.CANCELLED if asked_by_owner else EndReason.PREEMPTED,
        grace_seconds=0 if at_once else job.request.grace_seconds,
    )
