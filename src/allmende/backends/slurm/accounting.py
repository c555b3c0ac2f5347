"""What `sacct` prints, in text and in JSON, as usage records."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from allmende.backends.slurm.answers import (
    UnreadableAnswer,
    new_separator,
    parse_exit_code,
    parse_instant,
    read_exit_code,
    read_number,
    read_state,
    read_table,
)
from allmende.backends.slurm.node_lists import expand_nodes
from allmende.backends.slurm.tres import count_gpus, parse_tres
from allmende.domain.basics.usage_records import UsageRecord

# Neither the first nor the last may be one that users write, see `read_table`.
SACCT_FIELDS = (
    "JobIDRaw",
    "Cluster",
    "User",
    "Account",
    "Partition",
    "QOS",
    "State",
    "ExitCode",
    "Submit",
    "Start",
    "End",
    "AllocTRES",
    "NodeList",
    "JobName",
    "Comment",
    "ElapsedRaw",
)
# States in which a job has not ended, although sacct may print an end for it.
OPEN_STATES = frozenset({"PENDING", "RUNNING", "SUSPENDED", "REQUEUE_HOLD", "CONFIGURING"})
# How long accounting may take to learn of a job, its start or its nodes.
PATIENCE = timedelta(days=1)


def sacct_options() -> tuple[str, ...]:
    """Return the options that make sacct print what `parse_sacct` reads.

    All users, every run of a job, no steps. Ask by job number (`--jobs`): only then are all runs
    of a job there to be counted, see `parse_sacct`.
    """
    return (
        "--allusers",
        "--duplicates",
        "--allocations",
        "--parsable2",
        f"--delimiter={new_separator()}",
        f"--format={','.join(SACCT_FIELDS)}",
    )


def parse_sacct(text: str) -> list[UsageRecord]:
    """Return the runs in the answer of `sacct`, asked for with `sacct_options`.

    Instants must be in UTC, or epoch seconds. No version of sacct says in text how often a run
    had been requeued before: it is counted, so all runs of a job must be in one answer.
    Raises `UnreadableAnswer`.
    """
    if not text.strip():
        return []
    headings, *rows = read_table(
        text, first=SACCT_FIELDS[0], second=SACCT_FIELDS[1], columns=len(SACCT_FIELDS)
    )
    try:
        return count_restarts(
            _read_row(dict(zip(headings, row, strict=True))) for row in rows if "." not in row[0]
        )
    except (ValueError, KeyError) as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem


def parse_sacct_json(text: str) -> list[UsageRecord]:
    """Return the runs in the answer of `sacct --json`, of any version from 22.05 to 25.11.

    Raises `UnreadableAnswer`.
    """
    try:
        return count_restarts(_read_job(job) for job in json.loads(text)["jobs"])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem


def is_final(record: UsageRecord, *, has_run: bool, now: datetime) -> bool:
    """Say whether accounting has said its last word on a run, of which traces say if it has run.

    slurmctld tells of start, steps and end on several ways, and any may come last: for a moment a
    run that ended has fewer nodes than it counts, or no start although it ran. What one that ended
    lacks is waited for no longer than `PATIENCE`.
    """
    if record.ended_at is None:
        return False
    is_told = record.started_at is not None or not has_run
    is_whole = is_told and len(record.nodes) == record.allocated_nodes
    return is_whole or now - record.ended_at > PATIENCE


def count_restarts(records: Iterable[UsageRecord]) -> list[UsageRecord]:
    """Return the records, in order, each with the number of runs of its job before it.

    Job numbers go round after years, so a job is also known by its owner.
    """
    given = list(records)
    groups: dict[tuple[str, int, str], list[UsageRecord]] = {}
    for record in given:
        job = (record.cluster, record.job_id, record.user_name)
        groups.setdefault(job, []).append(record)
    counted: dict[int, UsageRecord] = {}  # those that were not the first run of their job
    for runs in groups.values():
        for number, run in enumerate(sorted(runs, key=_when)):
            if number > run.restarts:
                counted[id(run)] = replace(run, restarts=number)
    return [counted.get(id(record), record) for record in given]


def _when(run: UsageRecord) -> tuple[datetime, bool, datetime]:
    return run.submitted_at, run.started_at is None, run.started_at or run.submitted_at


def _read_row(row: Mapping[str, str]) -> UsageRecord:
    submitted_at = parse_instant(row["Submit"])
    if submitted_at is None:
        raise ValueError(f"job {row['JobIDRaw']} was never submitted")
    state = read_state(row["State"])
    amounts = parse_tres(row["AllocTRES"])
    # What was given nothing never ran, whatever is printed as its start.
    started_at = parse_instant(row["Start"]) if amounts else None
    ended_at = None if state in OPEN_STATES else parse_instant(row["End"])
    return UsageRecord(
        cluster=row["Cluster"],
        job_id=int(row["JobIDRaw"]),
        submitted_at=submitted_at,
        user_name=row["User"],
        account=row["Account"],
        partition=_first_partition(row["Partition"]),
        qos=row["QOS"],
        job_name=row["JobName"],
        state=state,
        exit_code=parse_exit_code(row["ExitCode"]),
        started_at=started_at,
        ended_at=ended_at,
        suspended_seconds=_count_suspended(started_at, ended_at, int(row["ElapsedRaw"] or 0)),
        nodes=expand_nodes(row["NodeList"]),
        allocated_nodes=amounts.get("node", 0),
        allocated_cores=amounts.get("cpu", 0),
        allocated_gpus=count_gpus(amounts),
        comment=row["Comment"],
    )


def _first_partition(names: str) -> str:
    """Return where a run was: the first, where those are named that its requeued job may use."""
    return names.partition(",")[0]


def _count_suspended(
    started_at: datetime | None, ended_at: datetime | None, elapsed_seconds: int
) -> int:
    """Return how long a job stood still: what Slurm leaves out of its elapsed time."""
    if started_at is None or ended_at is None:
        return 0
    return max(0, int((ended_at - started_at).total_seconds()) - elapsed_seconds)


def _read_job(job: Mapping[str, Any]) -> UsageRecord:
    times = job["time"]
    submitted_at = parse_instant(times["submission"])
    if submitted_at is None:
        raise ValueError(f"job {job['job_id']} was never submitted")
    state = read_state(job["state"])
    amounts = _sum_tres(job["tres"]["allocated"])
    return UsageRecord(
        cluster=job["cluster"],
        job_id=int(job["job_id"]),
        submitted_at=submitted_at,
        restarts=read_number(job.get("restart_cnt")) or 0,
        user_name=job.get("user") or job["association"]["user"],
        account=job["account"],
        partition=_first_partition(job["partition"]),
        qos=job.get("qos") or "",
        job_name=job.get("name") or "",
        state=state,
        exit_code=read_exit_code(job.get("exit_code")),
        started_at=parse_instant(times.get("start")) if amounts else None,
        ended_at=None if state in OPEN_STATES else parse_instant(times.get("end")),
        suspended_seconds=read_number(times.get("suspended")) or 0,
        nodes=expand_nodes(job.get("nodes") or ""),
        allocated_nodes=amounts.get("node", 0),
        allocated_cores=amounts.get("cpu", 0),
        allocated_gpus=count_gpus(amounts),
        comment=(job.get("comment") or {}).get("job") or "",
    )


def _sum_tres(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return amounts by name from a list such as [{"type": "gres", "name": "gpu", "count": 4}]."""
    return {
        f"{row['type']}/{row['name']}" if row.get("name") else row["type"]: read_number(
            row["count"]
        )
        or 0
        for row in rows
    }
