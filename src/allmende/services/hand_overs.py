"""Handing over: what may run on a cluster is given to it, and the cluster decides when and where.

Allmende decides who may: hours are held, the project runs, the other jobs have ended, the chosen
hour has come. The rest of the policy stands in the cluster's own terms.
"""

from collections import Counter
from dataclasses import replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.jobs import Job, JobEvent, JobState
from allmende.domain.scheduling.plans import Plan, Start, Wait, WaitReason
from allmende.domain.scheduling.shares import Path
from allmende.services import attempts, audit, launches, leases, quotas, windows
from allmende.services.deeds import Deed, one_transaction
from allmende.services.snapshots import seconds_of
from allmende.services.workshop import Workshop
from allmende.storage import jobs as job_store
from allmende.storage import queues as queue_store

AT_ONCE = 20  # in a heartbeat, each of which is a command that may take a tenth of a second
# What waits here can still be moved or changed; a cluster needs to see only so much to plan well.
MOST_QUEUED_OF_A_PROJECT = 100
LATER = Sentence("It is given to the cluster as soon as fewer jobs of its project wait there.")


@one_transaction
def hand_over(deed: Deed, partition: Partition, *, holder: str = "") -> Plan:
    """Decide which jobs go to the cluster now; they are submitted after this is committed."""
    if holder:
        leases.keep_lead(holder)
    alive = queue_store.lock_alive_jobs(partition.id)
    waiting = [job for job in alive if job.state is JobState.PENDING]
    quota = quotas.weigh(partition, alive, now=deed.now)
    bars = {**quota.bars, **windows.find_bars(alive, now=deed.now)}
    queued = Counter(job.project_id for job in waiting if job.has_open_attempt)
    starts: list[str] = []
    waits: dict[str, Sentence] = {}
    for job in waiting:
        if job.has_open_attempt:
            continue
        if job.id in bars or not job.hold_id:
            waits[job.id] = bars.get(job.id) or job.wait or LATER
        elif len(starts) < AT_ONCE and queued[job.project_id] < MOST_QUEUED_OF_A_PROJECT:
            queued[job.project_id] += 1
            starts.append(job.id)
            is_late = _path(job) in quota.demoted
            whole = job_store.get_job(job.id)  # with its file
            _begin_attempt(deed, whole, partition, is_late=is_late)
        else:
            waits[job.id] = LATER
    said = {job.id: job.wait for job in waiting}
    queue_store.note_waits({key: why for key, why in waits.items() if said[key] != why})
    return Plan(
        now_seconds=seconds_of(deed.now),
        starts=tuple(Start(job_id=job_id, node_indices=()) for job_id in starts),
        preempts=(),
        waits=tuple(
            Wait(job_id=job_id, reason=WaitReason.HELD, sentence=sentence)
            for job_id, sentence in waits.items()
        ),
        reservations=(),
        group_states=(),
        running_nodes={},
    )


def keep_order(deed: Deed, partition: Partition, *, workshop: Workshop) -> list[Sentence]:
    """Let what waits in the cluster go after others, or no longer, as the quota of its project is
    now; return what the cluster refused."""
    if not partition.quota_styles:
        return []
    alive = queue_store.list_alive_jobs(partition.id)
    demoted = quotas.weigh(partition, alive, now=deed.now).demoted
    waiting = {job.id: job for job in alive if job.state is JobState.PENDING}
    nices = {
        attempt.key: launches.choose_nice(is_late=_path(waiting[attempt.job_id]) in demoted)
        for attempt in job_store.list_unsettled_attempts(partition.id)
        if attempt.job_id in waiting
    }
    try:
        workshop.backend_of(partition.id).set_nice(nices)
    except Refusal as refusal:
        return [refusal.sentence]
    return []


def _path(job: Job) -> Path:
    return (job.group_id, job.project_id)


def _begin_attempt(deed: Deed, job: Job, partition: Partition, *, is_late: bool) -> None:
    """Write down the next attempt; its job goes on waiting, in the cluster's queue now."""
    job, attempt = attempts.open_attempt(deed, job, partition)
    job_store.save_job(replace(job, wait=None))
    sentence = Sentence(
        "Attempt {number} is given to the cluster of {partition}.",
        {"number": attempt.number, "partition": partition.name},
    )
    if is_late:
        sentence = quotas.say_late(sentence)
    job_store.add_job_event(JobEvent(job_id=job.id, at=deed.now, sentence=sentence))
    audit.record(deed, action="attempt.handed_over", subject=attempt.key)
