"""A job asks for nodes for a while; each try to run it is an attempt."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import EndReason


class JobState(StrEnum):
    """Slurm's words, so that nobody has to learn new ones."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NODE_FAIL = "node_fail"


LIFECYCLE = Lifecycle(
    {
        JobState.PENDING: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
        # Back to pending: the attempt was preempted, it lost its node or failed and a retry is
        # left, or it reached the limit of an attempt and may go on.
        JobState.RUNNING: frozenset(
            {
                JobState.PENDING,
                JobState.COMPLETED,
                JobState.FAILED,
                JobState.CANCELLED,
                JobState.TIMEOUT,
                JobState.OUT_OF_MEMORY,
                JobState.NODE_FAIL,
            }
        ),
        JobState.COMPLETED: frozenset(),
        JobState.FAILED: frozenset(),
        JobState.CANCELLED: frozenset(),
        JobState.TIMEOUT: frozenset(),
        JobState.OUT_OF_MEMORY: frozenset(),
        JobState.NODE_FAIL: frozenset(),
    }
)


# A command that failed may fail again at once: each further try comes later than the one before.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)

# Parts the id of an attempt from the number of the move after which its time was held anew.
MOVED = "~"


class StopRequest(StrEnum):
    """What the owner of a running job asked for."""

    NONE = "none"
    AT_CHECKPOINT = "at_checkpoint"  # save first, within the grace
    AT_ONCE = "at_once"


@dataclass(frozen=True, kw_only=True)
class ResourceRequest:
    """What a job asks for. The time limit bounds the next attempt.

    A job that goes on from its checkpoint may take longer than a partition lets one attempt run:
    at the limit it goes back to the queue, for as long as it may go on.
    """

    nodes: int
    time_limit_seconds: int
    memory_bytes_per_node: int
    preemptible: bool = True
    grace_seconds: int = 10
    further_seconds: int = 0  # that attempts after this one may take, if it reaches its limit

    def go_on(self) -> Self:
        """Return the request of the attempt that follows one which has reached its limit."""
        limit = min(self.time_limit_seconds, self.further_seconds)
        left = self.further_seconds - limit
        return replace(self, time_limit_seconds=limit, further_seconds=left)


@dataclass(frozen=True, kw_only=True)
class Job:
    """The unit of scheduling. Its `spec` is the job file as its owner wrote it, complete."""

    id: str
    name: str
    project_id: str
    organisation_id: str
    person_id: str
    partition_id: str
    access_share: str
    group_id: str
    data_class: str = "internal"
    request: ResourceRequest
    state: JobState = JobState.PENDING
    submitted_at: datetime
    started_at: datetime | None = None  # of the first attempt
    ended_at: datetime | None = None
    outputs_read_at: datetime | None = None  # when what a completed job left was read
    attempts: int = 0  # how many were begun
    failures: int = 0  # how many of them used up a retry: they lost a node, or failed
    max_retries: int = 3
    retries_failed: bool = False  # whether it starts again when its own command failed
    wait: Sentence | None = None  # why it waits, as the last plan said
    end: Sentence | None = None  # why it ended, in words
    stop_request: StopRequest = StopRequest.NONE
    hold_id: str = ""  # the time set aside for the next attempt; "" while the budget is short
    held_seconds: int = 0
    client_key: str
    reservation_id: str = ""  # inside which it runs only; "" is anywhere
    sweep_id: str = ""  # jobs of one sweep or array share it
    sweep_index: int = 0  # its index in an array; in a sweep its number, from 1
    max_parallel: int = 0  # how many of them may run at once; 0: all
    after: tuple[str, ...] = ()  # jobs that must have ended before it starts
    after_ok: tuple[str, ...] = ()  # jobs that must have completed before
    chosen_start_at: datetime | None = None  # until then it waits by choice, for better hours
    latest_start_at: datetime | None = None  # so long it would wait by choice at most
    retry_at: datetime | None = None  # until then it waits, for its command failed
    spec: dict[str, object] = field(default_factory=dict)

    @property
    def has_open_attempt(self) -> bool:
        """Say whether an attempt was decided and is not settled: it runs, or waits in a cluster."""
        attempt, _, _ = self.hold_id.partition(MOVED)
        return attempt == f"{self.id}.{self.attempts}"

    @property
    def may_move(self) -> bool:
        """Say whether it can still go to another partition: it waits, and nothing has begun."""
        return (
            self.state is JobState.PENDING
            and not self.attempts
            and self.stop_request is StopRequest.NONE
        )

    @property
    def arrives_at(self) -> datetime:
        """Return from when on it wants a node: its submission, or the start that it chose."""
        return max(self.submitted_at, self.chosen_start_at or self.submitted_at)


def next_state(job: Job, reason: EndReason) -> JobState:
    """Return the state that follows the end of an attempt.

    Preemption is nobody's fault and costs no retry; a dead node is the site's and uses one up, and
    so does a command that failed, where the file wants it tried again. At the limit of an attempt
    it goes on for as long as it may.
    """
    goes_on = reason is EndReason.TIMEOUT and job.request.further_seconds > 0
    ended_early = goes_on or reason is EndReason.PREEMPTED or uses_up_retry(job, reason)
    if ended_early and job.stop_request is not StopRequest.NONE:
        return JobState.CANCELLED
    if uses_up_retry(job, reason) and job.failures >= job.max_retries:
        return JobState(reason.value)
    return JobState.PENDING if ended_early else JobState(reason.value)


def uses_up_retry(job: Job, reason: EndReason) -> bool:
    """Say whether a job starts again after such an end as long as it has retries left."""
    return reason is EndReason.NODE_FAIL or (reason is EndReason.FAILED and job.retries_failed)


def find_retry(job: Job, reason: EndReason, *, now: datetime) -> datetime | None:
    """Return before when a job does not start again; each retry that it used up doubles the pause.

    Only its own failure makes it wait, neither preemption nor a dead node.
    """
    if reason is not EndReason.FAILED:
        return None
    return now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (job.failures - 1))


def move(job: Job, state: JobState, *, now: datetime) -> Job:
    """Return the job in its new state, refusing a move that the lifecycle does not have.

    No job starts before its submission, nor ends before its start: clocks of machines differ,
    Slurm tells whole seconds, and jobs come in while a plan of a moment ago waits for its turn.
    """
    LIFECYCLE.check_move(job.state, state)
    # It waits for nothing, or it is said anew for what.
    job = replace(job, state=state, wait=None, retry_at=None)
    now = max(now, job.started_at or job.submitted_at)
    if state is JobState.RUNNING:
        return replace(job, started_at=job.started_at or now)
    return replace(job, ended_at=now if LIFECYCLE.is_final(state) else None)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to run a job on certain nodes, and what it took.

    It is decided in a plan, started by the backend, and settled once: then `settled_at` is set,
    and what it used stands in the ledger.
    """

    key: str
    job_id: str
    number: int
    nodes: tuple[str, ...]
    decided_at: datetime
    cycle_number: int
    hold_id: str
    held_seconds: int
    stop_reason: EndReason | None = None  # what we asked for, if we asked
    started_at: datetime | None = None
    ended_at: datetime | None = None
    settled_at: datetime | None = None
    reason: EndReason | None = None
    exit_code: int | None = None
    sentence: Sentence | None = None
    cpu_seconds: float = 0.0
    max_memory_bytes: int = 0
    used_seconds: int = 0  # charged: commenced wall seconds x nodes x charge factor
    refunded_seconds: int = 0
    energy_joules: int = 0
    energy_method: str = ""
    energy_scope: str = ""
    energy_formula: Sentence | None = None
    meter_before: dict[str, object] | None = None  # the meter's reading at the start, if any

    @property
    def is_settled(self) -> bool:
        """Say whether its use stands in the ledger."""
        return self.settled_at is not None


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """Something that happened to a job, as a sentence for its owner."""

    job_id: str
    at: datetime
    sentence: Sentence


def charged_seconds(
    started_at: datetime | None, ended_at: datetime, *, nodes: int, charge_factor: int
) -> int:
    """Return what an attempt used: each commenced second of wall time, on every node.

    An attempt that never started used nothing.
    """
    if started_at is None:
        return 0
    wall_microseconds = max(0, (ended_at - started_at) // timedelta(microseconds=1))
    return -(-wall_microseconds // 1_000_000) * nodes * charge_factor
