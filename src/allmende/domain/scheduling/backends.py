"""A backend is a place where jobs run: this machine, a Slurm cluster, a simulation."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence

MOST_PROGRESS_BYTES = 16 * 2**20  # of progress.jsonl, in one piece


class EarlierAttemptRuns(Refusal):
    """Attempt {number} of this job still runs: two attempts never write to one job's files."""

    status = 503


@dataclass(frozen=True, kw_only=True)
class Container:
    """In what a command runs, where it does not run on the node itself."""

    image: str  # a path, or a name in a registry
    mounts: Mapping[str, str] = field(default_factory=dict)  # by its place inside each folder
    tool: str = ""  # apptainer or podman; "" for the first that the node has
    network: str = "host"  # that of the node, or "none"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One attempt of a job, with everything that a backend needs to run it.

    `key` names the attempt ("j-7k2m9x4q.1"): a repeated start with the same key starts nothing.
    """

    key: str
    job_id: str
    attempt: int
    nodes: tuple[str, ...]  # () where the cluster chooses them
    command: tuple[str, ...]  # argv, run once on every node
    environment: Mapping[str, str]
    workdir: str  # where the command starts, from the job's own folder on, which is ""
    time_limit_seconds: int
    grace_seconds: int
    memory_bytes_per_node: int
    # What a cluster that places jobs itself asks for besides.
    num_nodes: int = 1  # as many as `nodes`, where those are named
    gpus_per_node: int = 0
    cores_per_node: int = 1
    user_name: str = ""  # the owner's account there; "" where jobs share the one we run under
    account: str = ""  # in the cluster's accounting: the project's id
    qos: str = ""
    partition: str = ""  # in the cluster's words
    constraint: str = ""
    reservation: str = ""  # inside which it runs; it is not submitted before the cluster has it
    nice: int = 0  # by how much its priority is lowered
    # Variables that stand in no file, log or list for longer than the start takes.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    # The archive of its code on this machine, named by its hash; it is unpacked into the folder
    # `code` of the job's own once, before its first attempt. "" where it brings none.
    code: str = ""
    sealed_secrets: str = field(default="", repr=False)  # the same on its way to a site's agent
    requeue: bool = False  # whether the cluster may stop it and put it back to its queue
    # Shell lines that make an environment for the command, once for all jobs of the account that
    # name the same one; "" where there are none.
    setup: str = ""
    environment_id: str = ""
    container: Container | None = None  # in which setup and the command run; None: in none


class AttemptState(StrEnum):
    """What the backend knows of an attempt."""

    UNKNOWN = "unknown"  # never seen, or nothing is left of it
    QUEUED = "queued"  # a cluster has it, and has not started it yet
    RUNNING = "running"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why an attempt ended, in Slurm's words."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    PREEMPTED = "preempted"
    NODE_FAIL = "node_fail"
    OUT_OF_MEMORY = "out_of_memory"


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a backend reports of one attempt. Ended attempts are reported again and again."""

    key: str
    state: AttemptState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: EndReason | None = None
    exit_code: int | None = None
    sentence: Sentence | None = None  # the reason in words, for the owner of the job
    cpu_seconds: float = 0.0
    max_memory_bytes: int = 0
    nodes: tuple[str, ...] = ()  # those that the cluster chose
    wait: Sentence | None = None  # why a queued one waits
    # The rest is known where a cluster keeps accounts, once the attempt has ended.
    allocated_seconds: int | None = None  # elapsed seconds x charged units (GPUs, or nodes)
    record_key: str = ""  # of its usage record


@dataclass(frozen=True, kw_only=True)
class ProgressFile:
    """The progress.jsonl of a job, as long as it was when it was looked up."""

    size_bytes: int  # 0 before its first line
    read: Callable[..., bytes]  # up to `limit` bytes from `offset`


class Backend(Protocol):
    """Every method is idempotent, and none blocks for longer than a heartbeat."""

    def start(self, launch: Launch) -> None:
        """Start the attempt, or do nothing when its key was started before."""
        ...

    def stop(self, key: str, *, reason: EndReason, grace_seconds: int) -> None:
        """Ask the attempt to end: SIGTERM, the grace, SIGKILL. Unknown or ended: do nothing."""
        ...

    def set_nice(self, wanted: Mapping[str, int]) -> None:
        """Lower the priority of waiting attempts by so much, as `Launch.nice`; 0 raises it again.

        What was told before is not told again. Where no cluster orders its jobs: do nothing.
        """
        ...

    def observe(self, keys: Iterable[str]) -> list[Observation]:
        """Report every key asked for, in that order; `UNKNOWN` for one never started."""
        ...

    def read_log(self, key: str, *, offset: int, limit: int) -> bytes:
        """Return up to `limit` bytes of the attempt's output from `offset`; empty at the end."""
        ...

    def measure_log(self, key: str) -> int:
        """Return how many bytes of the attempt's output there are; 0 before its first word."""
        ...

    def read_progress(
        self, job_id: str, *, offset: int = 0, limit: int = MOST_PROGRESS_BYTES
    ) -> bytes:
        """Return up to `limit` bytes of the job's progress.jsonl, over all attempts."""
        ...

    def measure_progress(self, job_id: str) -> int:
        """Return how many bytes of progress.jsonl there are; 0 before its first line."""
        ...

    def open_progress(self, job_ids: Iterable[str]) -> Iterator[ProgressFile]:
        """Look up the progress.jsonl of each job, in that order, and of all at once."""
        ...

    def list_output(self, job_id: str) -> dict[str, int]:
        """Return the files that the job left in its output folder, and their sizes in bytes."""
        ...

    def read_output(
        self, job_id: str, name: str, *, offset: int = 0, limit: int | None = None
    ) -> bytes:
        """Return up to `limit` bytes of one file of the output folder; empty at its end.

        `NotFound` when there is none of that name. Without a limit the whole file, or a refusal
        where it is too large for that.
        """
        ...

    def has_environment(self, environment_id: str, *, account: str, user_name: str) -> bool | None:
        """Say whether what `setup` makes lies there whole; None where that cannot be told."""
        ...

    def list_environments(self) -> list[str]:
        """Return the accounts of which `setup` has made something that lies there."""
        ...

    def remove_environments(self, account: str) -> int:
        """Delete what `setup` made for an account but for what a job uses; return how many."""
        ...

    def remove_output(self, job_id: str) -> Mapping[str, str]:
        """Delete for good what an ended job left: output, checkpoints, the folder of its code.

        Return what the certificate says of the place besides: nothing where it is this machine.
        A refusal with a status of 503 passes: the deletion may have been done, or may be yet.
        """
        ...

    def forget_output(self, job_id: str) -> None:
        """Delete what was copied here of what a job left elsewhere, without asking there."""
        ...


@dataclass(frozen=True, kw_only=True)
class StartEstimate:
    """When a cluster would start a job; `at` is None where nobody can say."""

    at: datetime | None
    sentence: Sentence  # by which method it was found, or why it is not known


BackendOf = Callable[[str], Backend]  # by the id of a partition
