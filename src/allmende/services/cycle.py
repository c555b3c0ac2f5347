"""The cycle: observe, settle, plan, start. Every step can be repeated after a crash."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling import jobs
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import Attempt, Job, JobEvent, JobState
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
    attempts,
    audit,
    forecasts,
    hand_overs,
    leases,
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
from allmende.storage import nodes as node_store
from allmende.storage import queues as queue_store
from allmende.storage import reservations as reservation_store


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
    ended, troubles, left_out = attempts.settle_ended(deed, partition, workshop=workshop)
    queues.tend_queue(deed, partition)
    windows.tend_windows(deed, partition)
    # A cluster places its jobs itself: it is given whatever may run.
    choose = hand_overs.hand_over if partition.is_on_slurm else decide
    decided = choose(deed, partition, holder=holder)
    left_out += attempts.carry_out(deed, partition, workshop=workshop)
    if partition.is_on_slurm:
        troubles += hand_overs.keep_order(deed, partition, workshop=workshop)
    left_out += trainings.register_trainings(deed, partition, workshop=workshop)
    if partition.is_embedded:
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
        drained=node_store.list_drained(partition.id),
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
    job, attempt = attempts.open_attempt(
        deed, job, partition, nodes=nodes, cycle_number=cycle_number
    )
    job_store.save_job(jobs.move(job, JobState.RUNNING, now=deed.now))
    sentence = Sentence(
        "Attempt {number} starts on {nodes}.",
        {"number": attempt.number, "nodes": ", ".join(nodes)},
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
