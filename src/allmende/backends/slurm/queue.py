"""What `squeue` prints, in text and in JSON: the jobs that the controller still knows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allmende.backends.slurm.answers import (
    UnreadableAnswer,
    new_separator,
    parse_instant,
    read_number,
    read_state,
    read_table,
)
from allmende.backends.slurm.node_lists import expand_nodes
from allmende.domain.basics.usage_records import attempt_key_of

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"})
OVER = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED REVOKED"
    " TIMEOUT LAUNCH_FAILED".split()
)
# Slurm's name of each column, and its heading. Users write neither the first nor the last.
SQUEUE_COLUMNS = {
    "JobID": "JOBID",
    "State": "STATE",
    "RestartCnt": "RESTART_COUNT",
    "Reason": "REASON",
    "UserName": "USER",
    "Account": "ACCOUNT",
    "SubmitTime": "SUBMIT_TIME",
    "StartTime": "START_TIME",
    "NodeList": "NODELIST",
    "Comment": "COMMENT",
}
NO_COMMENT = "(null)"


@dataclass(frozen=True, kw_only=True)
class LiveJob:
    """A job as the controller knows it; for some minutes after its end, too."""

    job_id: int
    state: str
    restarts: int
    reason: str  # why it waits, in Slurm's word
    user_name: str
    account: str
    submitted_at: datetime | None
    started_at: datetime | None  # of a pending job: when the controller expects it to start
    nodes: tuple[str, ...]
    comment: str

    @property
    def attempt_key(self) -> str:
        """Return the key of the attempt that it now is; "" for everybody else's jobs."""
        return attempt_key_of(self.comment, restarts=self.restarts)

    @property
    def is_waiting(self) -> bool:
        """Say whether it has yet to start, or to start again."""
        return self.state in WAITING

    @property
    def is_over(self) -> bool:
        """Say whether it has ended."""
        return self.state in OVER


def squeue_options() -> tuple[str, ...]:
    """Return the options that make squeue print what `parse_squeue` reads: all jobs it knows."""
    separator = new_separator()
    columns = ",".join(f"{name}:{separator}" for name in SQUEUE_COLUMNS)
    return ("--all", "--states=all", f"--Format={columns}")


def parse_squeue(text: str) -> list[LiveJob]:
    """Return the jobs in the answer of `squeue`, asked for with `squeue_options`.

    Raises `UnreadableAnswer`.
    """
    # A separator follows each column, so behind the last one there is one more, which is empty.
    _, *rows = read_table(text, first="JOBID", second="STATE", columns=len(SQUEUE_COLUMNS) + 1)
    try:
        return [_read_row(dict(zip(SQUEUE_COLUMNS, row, strict=False))) for row in rows]
    except ValueError as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem


def parse_jobs_json(text: str) -> list[LiveJob]:
    """Return the jobs in the answer of `squeue --json` or `scontrol show job --json`.

    Of any version from 22.05 to 25.11. Raises `UnreadableAnswer`.
    """
    try:
        return [_read_job(job) for job in json.loads(text)["jobs"]]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem


def _read_row(row: Mapping[str, str]) -> LiveJob:
    return LiveJob(
        job_id=int(row["JobID"]),
        state=read_state(row["State"]),
        restarts=int(row["RestartCnt"]),
        reason=row["Reason"],
        user_name=row["UserName"],
        account=row["Account"],
        submitted_at=parse_instant(row["SubmitTime"]),
        started_at=parse_instant(row["StartTime"]),
        nodes=expand_nodes(row["NodeList"]),
        comment="" if row["Comment"] == NO_COMMENT else row["Comment"],
    )


def _read_job(job: Mapping[str, Any]) -> LiveJob:
    return LiveJob(
        job_id=int(job["job_id"]),
        state=read_state(job["job_state"]),
        restarts=read_number(job.get("restart_cnt")) or 0,
        reason=job.get("state_reason") or "",
        user_name=job["user_name"],
        account=job.get("account") or "",
        submitted_at=parse_instant(job["submit_time"]),
        started_at=parse_instant(job["start_time"]),
        nodes=expand_nodes(job.get("nodes") or ""),
        comment=job.get("comment") or "",
    )
