"""Usage records: what a cluster's own accounting says of one run of one job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from allmende.domain.basics.periods import Period

COMMENT_PREFIX = "allmende:"  # of the comment by which an attempt of ours is found again


@dataclass(frozen=True, kw_only=True)
class UsageRecord:
    """One run of one job. A job that was requeued has a record for each of its runs.

    Amounts are what was allocated, never what was asked for. Instants are aware and in UTC.
    """

    cluster: str
    job_id: int  # of an array's task its own number, not the array's
    submitted_at: datetime  # Slurm counts job numbers round, and a requeued run is submitted anew
    restarts: int = 0  # how often the job had been requeued before this run
    user_name: str
    account: str
    partition: str
    qos: str = ""
    job_name: str = ""
    state: str  # in Slurm's words and letters: "COMPLETED", "NODE_FAIL", "REQUEUED"
    exit_code: int | None = None
    started_at: datetime | None = None  # None: it never ran
    ended_at: datetime | None = None  # None: it waits, or runs
    suspended_seconds: int = 0  # in which it kept its place and was charged nothing
    nodes: tuple[str, ...] = ()
    allocated_nodes: int = 0
    allocated_cores: int = 0
    allocated_gpus: int = 0
    comment: str = ""

    @property
    def key(self) -> str:
        """Return the name of this run, the same at every reading."""
        stamp = int(self.submitted_at.timestamp())
        return f"{self.cluster}:{self.job_id}:{stamp}:{self.restarts}"

    @property
    def elapsed_seconds(self) -> int:
        """Return the whole seconds that it ran, as Slurm counts them; 0 until it ended."""
        if self.started_at is None or self.ended_at is None:
            return 0
        span = int(self.ended_at.timestamp()) - int(self.started_at.timestamp())
        return max(0, span - self.suspended_seconds)  # a clock that was set back makes none

    @property
    def attempt_key(self) -> str:
        """Return the key of the attempt of ours that this run was; "" for everybody else's jobs.

        Anybody can write such a comment: whoever goes by it compares account and user name too.
        """
        return attempt_key_of(self.comment, restarts=self.restarts)

    def allocated_seconds(self, *, counts_gpus: bool) -> int:
        """Return elapsed seconds times the allocated GPUs, or nodes where those are charged."""
        return self.elapsed_seconds * (self.allocated_gpus if counts_gpus else self.allocated_nodes)


def attempt_key_of(comment: str, *, restarts: int) -> str:
    """Return the key of the attempt that a job with this comment is; "" if it is none of ours.

    The comment keeps the number of the first run; each requeue makes the next attempt of it.
    """
    if not comment.startswith(COMMENT_PREFIX):
        return ""
    job_id, _, number = comment.removeprefix(COMMENT_PREFIX).rpartition(".")
    if not job_id or not number.isascii() or not number.isdigit():
        return ""
    return f"{job_id}.{int(number) + restarts}"


class UsageReader(Protocol):
    """How a cluster's accounting is read."""

    def is_up_to_date(self) -> bool:
        """Say whether the accounting has been told everything that the cluster knows."""
        ...

    def read(self, period: Period) -> Iterator[UsageRecord]:
        """Yield each run that ended in a period, and those that go on; each once.

        Raises a refusal with status 503 when nothing answers.
        """
        ...

    def read_jobs(self, job_ids: Sequence[int]) -> Iterator[UsageRecord]:
        """Yield every run of these jobs, whenever it was."""
        ...
