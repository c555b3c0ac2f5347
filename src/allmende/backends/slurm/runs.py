"""The runs of jobs as accounting has them, each with its start also where accounting lost it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from allmende.backends.slurm.accounting import parse_sacct, sacct_options
from allmende.backends.slurm.answers import UnreadableAnswer, parse_instant
from allmende.backends.slurm.steps import (
    RunName,
    name_of,
    parse_duration,
    read_rows,
    step_options,
)
from allmende.domain.basics.usage_records import UsageRecord


@dataclass(frozen=True, kw_only=True)
class Remains:
    """What is left of a run whose start was lost."""

    began_at: datetime | None = None  # its first step
    suspended_seconds: int = 0


def list_runs(ask: Callable[..., str], *which: str) -> list[UsageRecord]:
    """Return the runs that `sacct` has; `ask` calls it with options, of which `which` choose runs.

    A run whose start was lost began with its first step. Where none is known it began at its end:
    it was there, and owes nothing. Restarts are counted as by `parse_sacct`. Raises
    `UnreadableAnswer`.
    """
    runs = parse_sacct(ask(*sacct_options(), *which))
    lost = {run.job_id for run in runs if lost_its_start(run)}
    if not lost:
        return runs
    remains = parse_remains(ask(*step_options(lost, ("Start", "Suspended"))))
    return [
        _restore(run, remains.get(name_of(run), Remains())) if lost_its_start(run) else run
        for run in runs
    ]


def lost_its_start(run: UsageRecord) -> bool:
    """Say whether a run was given nodes and has ended, but has no start.

    A requeued job keeps the record of its run until its nodes are free. What slurmctld tells of it
    meanwhile goes into that record, and the backfill scheduler may have set its start to 0 by then
    (`_clear_job_estimates` of 22.05).
    """
    return run.ended_at is not None and run.started_at is None and run.allocated_nodes > 0


def parse_remains(said: str) -> dict[RunName, Remains]:
    """Return what is left of each run, from its row and those of its steps.

    Raises `UnreadableAnswer`.
    """
    remains: dict[RunName, Remains] = {}
    try:
        for run, is_step, (start, suspended) in read_rows(said):
            if not is_step:
                remains[run] = Remains(suspended_seconds=int(parse_duration(suspended)))
            elif begun := parse_instant(start):
                first = min(begun, remains[run].began_at or begun)
                remains[run] = replace(remains[run], began_at=first)
    except ValueError as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem
    return remains


def _restore(run: UsageRecord, left: Remains) -> UsageRecord:
    assert run.ended_at is not None, "it has ended"
    started_at = min(left.began_at or run.ended_at, run.ended_at)
    return replace(run, started_at=started_at, suspended_seconds=left.suspended_seconds)
