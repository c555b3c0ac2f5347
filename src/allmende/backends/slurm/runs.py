"""The runs of jobs as accounting has them, each with its start also where accounting lost it."""

from collections.abc import Callable
from dataclasses import replace

from allmende.backends.slurm.accounting import parse_sacct, sacct_options
from allmende.backends.slurm.steps import parse_steps, step_options
from allmende.domain.basics.usage_records import UsageRecord


def list_runs(ask: Callable[..., str], *which: str) -> list[UsageRecord]:
    """Return the runs that `sacct` has; `ask` calls it with options, of which `which` choose runs.

    A run whose start was lost began with its first step; where it has none, it has no start.
    """
    runs = parse_sacct(ask(*sacct_options(), *which))
    lost = {run.job_id for run in runs if lost_its_start(run)}
    if not lost:
        return runs
    uses = parse_steps(ask(*step_options(lost)))
    began = {run: use.began_at for run, use in uses.items()}
    return [
        replace(run, started_at=began.get((run.job_id, run.submitted_at)))
        if lost_its_start(run)
        else run
        for run in runs
    ]


def lost_its_start(run: UsageRecord) -> bool:
    """Say whether a run ended that was given nodes, and never began.

    slurmctld tells slurmdbd of a job up to five seconds late. When a job was requeued before, what
    it then tells is what the job has become: the backfill scheduler, for which it waits now, has
    forgotten its start (`_clear_job_estimates` of 22.05), and nothing brings that back.
    """
    return run.ended_at is not None and run.started_at is None and run.allocated_nodes > 0
