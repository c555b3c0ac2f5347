"""What the steps of runs used: processor time and memory, as Slurm's nodes measured them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from allmende.backends.slurm.answers import UnreadableAnswer, parse_instant
from allmende.backends.slurm.tres import UNITS
from allmende.domain.basics.usage_records import UsageRecord

FIELDS = ("TotalCPU", "MaxRSS")
RunName = tuple[int, datetime]  # the number of its job, and when it was submitted


@dataclass(frozen=True, kw_only=True)
class StepUse:
    """What all steps of one run used; 0 where the cluster measures nothing."""

    cpu_seconds: float = 0.0
    max_memory_bytes: int = 0  # of the largest task; there is one on each node

    def __add__(self, other: "StepUse") -> "StepUse":
        return StepUse(
            cpu_seconds=round(self.cpu_seconds + other.cpu_seconds, 3),
            max_memory_bytes=max(self.max_memory_bytes, other.max_memory_bytes),
        )


def name_of(run: UsageRecord) -> RunName:
    """Return how sacct's rows name a run of one cluster."""
    return run.job_id, run.submitted_at


def step_options(job_ids: Collection[int], fields: Sequence[str] = FIELDS) -> tuple[str, ...]:
    """Return the options that make sacct print some fields of runs and their steps.

    They must be fields that users do not write: the plain separator stands between them.
    """
    return (
        "--allusers",
        "--duplicates",
        "--noheader",
        "--noconvert",
        "--parsable2",
        f"--format=JobIDRaw,Submit,{','.join(fields)}",
        f"--jobs={','.join(str(job_id) for job_id in sorted(job_ids))}",
    )


def parse_steps(said: str) -> dict[RunName, StepUse]:
    """Return what each run used that has steps; asked with `step_options`.

    Raises `UnreadableAnswer`.
    """
    uses: dict[RunName, StepUse] = {}
    try:
        for run, is_step, (cpu, memory) in read_rows(said):
            if is_step:
                use = StepUse(cpu_seconds=parse_duration(cpu), max_memory_bytes=parse_bytes(memory))
                uses[run] = uses.get(run, StepUse()) + use
    except ValueError as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem
    return uses


def read_rows(said: str) -> Iterator[tuple[RunName, bool, list[str]]]:
    """Yield each row: the run that it is of, whether it is a step's, and the fields asked for.

    Steps bear no number of their run: sacct prints them below it. Raises ValueError.
    """
    run = None
    for line in said.splitlines():
        name, submitted, *fields = line.split("|")
        job_id, dot, _ = name.partition(".")
        if not dot:
            submitted_at = parse_instant(submitted)
            if submitted_at is None:
                raise ValueError(f"job {name} was never submitted")
            run = (int(job_id), submitted_at)
        if run is None or run[0] != int(job_id):
            raise ValueError(f"step {name} stands below no run of its job")
        yield run, bool(dot), fields


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
