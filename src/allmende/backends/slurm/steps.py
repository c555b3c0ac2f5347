"""What the steps of a run used: processor time and memory, as Slurm's nodes measured them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from allmende.backends.slurm.answers import UnreadableAnswer, parse_instant
from allmende.backends.slurm.tres import UNITS
from allmende.domain.basics.usage_records import UsageRecord

# Users write none of these, so the plain separator does.
FIELDS = ("JobIDRaw", "Start", "TotalCPU", "MaxRSS")


@dataclass(frozen=True, kw_only=True)
class StepUse:
    """What all steps of one run used; 0 where the cluster measures nothing."""

    cpu_seconds: float = 0.0
    max_memory_bytes: int = 0  # of the largest task; there is one on each node


def step_options(job_ids: Collection[int]) -> tuple[str, ...]:
    """Return the options that make sacct print what `parse_steps` reads."""
    return (
        "--allusers",
        "--duplicates",
        "--noheader",
        "--noconvert",
        "--parsable2",
        f"--format={','.join(FIELDS)}",
        f"--jobs={','.join(str(job_id) for job_id in sorted(job_ids))}",
    )


def parse_steps(said: str, run: UsageRecord) -> StepUse:
    """Return what a run used, from the answer about its job and others.

    The steps of a requeued job bear no number of the run: their start tells. Raises
    `UnreadableAnswer`.
    """
    cpu_seconds, most_bytes = 0.0, 0
    try:
        for line in said.splitlines():
            step_id, start, cpu, memory = line.split("|")
            job_id, dot, _ = step_id.partition(".")
            began = parse_instant(start)
            if not dot or int(job_id) != run.job_id or began is None or not _spans(run, began):
                continue
            cpu_seconds += parse_duration(cpu)
            most_bytes = max(most_bytes, parse_bytes(memory))
    except ValueError as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem
    return StepUse(cpu_seconds=round(cpu_seconds, 3), max_memory_bytes=most_bytes)


def _spans(run: UsageRecord, instant: datetime) -> bool:
    assert run.ended_at is not None, "only ended runs are asked about"
    return run.started_at is not None and run.started_at <= instant <= run.ended_at


def parse_duration(text: str) -> float:
    """Return the seconds of "1-02:03:04", "02:03:04" or "03:04.375"; "" is 0."""
    days, dash, clock = text.rpartition("-")
    seconds = float(days) * 86_400 if dash else 0.0
    for place, part in enumerate(reversed(clock.split(":"))):
        seconds += float(part or 0) * 60**place
    return seconds


def parse_bytes(text: str) -> int:
    """Return the bytes of "223531008", "218292K" or "1.5G"; "" is 0."""
    unit = UNITS.get(text[-1:].upper())
    return int(float(text[:-1]) * unit) if unit else int(float(text or 0))
