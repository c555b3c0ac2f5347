"""What the steps of runs used: processor time and memory, as Slurm's nodes measured them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from allmende.backends.slurm.answers import UnreadableAnswer, parse_instant
from allmende.backends.slurm.tres import UNITS

# Users write none of these, so the plain separator does.
FIELDS = ("JobIDRaw", "Submit", "Start", "TotalCPU", "MaxRSS")


@dataclass(frozen=True, kw_only=True)
class StepUse:
    """What all steps of one run used; 0 where the cluster measures nothing."""

    began_at: datetime | None = None  # the first of them
    cpu_seconds: float = 0.0
    max_memory_bytes: int = 0  # of the largest task; there is one on each node

    def __or__(self, other: "StepUse") -> "StepUse":
        """Return what these and other steps used."""
        instants = [each for each in (self.began_at, other.began_at) if each]
        return StepUse(
            began_at=min(instants, default=None),
            cpu_seconds=round(self.cpu_seconds + other.cpu_seconds, 3),
            max_memory_bytes=max(self.max_memory_bytes, other.max_memory_bytes),
        )


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


def parse_steps(said: str) -> dict[tuple[int, datetime], StepUse]:
    """Return what each run used, by its job's number and its submission.

    Steps bear no number of the run: they stand below it. Raises `UnreadableAnswer`.
    """
    uses: dict[tuple[int, datetime], StepUse] = {}
    run = None
    try:
        for line in said.splitlines():
            name, submitted, began, cpu, memory = line.split("|")
            job_id, is_step, _ = name.partition(".")
            if not is_step:
                run = (int(job_id), _read_submission(submitted))
                uses[run] = StepUse()
            elif run is None or run[0] != int(job_id):
                raise ValueError(f"step {name} stands below no run of its job")
            else:
                uses[run] |= StepUse(
                    began_at=parse_instant(began),
                    cpu_seconds=parse_duration(cpu),
                    max_memory_bytes=parse_bytes(memory),
                )
    except ValueError as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem
    return uses


def _read_submission(text: str) -> datetime:
    submitted_at = parse_instant(text)
    if submitted_at is None:
        raise ValueError("a job was never submitted")
    return submitted_at


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
