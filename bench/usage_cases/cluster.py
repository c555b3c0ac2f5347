"""A cluster that never was: its `sacct` is composed as it is asked for, and nothing is kept.

Every job is worked out from its number alone, so a million of them take no memory: who owns it,
when it was submitted, how long each of its runs took, whether it was requeued, how it ended.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from allmende.backends.slurm.accounting import SACCT_FIELDS

BEGINS = datetime(2026, 9, 28, tzinfo=UTC)  # three days before the end of a month
RUNS_PER_DAY = 8_000
PROJECTS = 200
FIRST_JOB_ID = 1_000_000
JOBS_PER_BLOCK, RUNS_PER_BLOCK = 12, 13  # of so many jobs the first is requeued
ARRAY_TASKS = 10  # of every 24 jobs, so many are one array, submitted at once
# The longest from a submission to the end of the last run.
LONGEST = timedelta(hours=25)
# slurmdbd falls silent for half a day every ten days: what it missed comes late.
SILENT_EVERY, SILENT_FOR = timedelta(days=10), timedelta(hours=12)
ENDS = ("FAILED", "TIMEOUT", "CANCELLED by 1000", "NODE_FAIL", "OUT_OF_MEMORY")
STATES = ("COMPLETED",) * 7 + ENDS
OUTSIDER = "somebody-else"  # an account of nobody here: one job in a hundred
NOT_YET = "Unknown"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job, to the second, as it will have been."""

    job: int
    submitted: int
    started: int
    ended: int
    state: str
    gpus: int
    nodes: int
    account: str

    @property
    def gpu_seconds(self) -> int:
        return (self.ended - self.started) * self.gpus


class ComposedCluster:
    """Answers as `SlurmClient` does, for an instant that the benchmark sets."""

    def __init__(self, records: int) -> None:
        self.jobs = records * JOBS_PER_BLOCK // RUNS_PER_BLOCK
        self.begin = int(BEGINS.timestamp())
        self.step = 86_400 * RUNS_PER_BLOCK / JOBS_PER_BLOCK / RUNS_PER_DAY  # between two jobs
        self.now = BEGINS
        self.seconds = self.cpu_seconds = 0.0  # that composing took
        self.rows = 0  # that were printed, repeated ones too

    @property
    def ends(self) -> datetime:
        """Return when all of it is over."""
        return BEGINS + timedelta(seconds=self.jobs * self.step) + LONGEST

    def run(self, command: str, *arguments: str, **_how: float) -> str:
        """Return what `sacct` or `sdiag` prints."""
        started, begun = time.perf_counter(), time.process_time()
        options = dict(each.partition("=")[::2] for each in arguments)
        told_until = self._told_until()
        if command == "sdiag":
            return f"DBD Agent queue size: {0 if told_until == self.now else 17}\n"
        separator = options["--delimiter"]
        rows = [self._print(run, int(told_until.timestamp())) for run in self._choose(options)]
        known = [row for row in rows if row]
        self.rows += len(known)
        text = "\n".join(map(separator.join, [SACCT_FIELDS, *known])) + "\n"
        self.seconds += time.perf_counter() - started
        self.cpu_seconds += time.process_time() - begun
        return text

    def list_runs(self, first: int = 0, end: int | None = None) -> Iterator[Run]:
        """Yield the runs of some jobs, or of all."""
        for job in range(max(0, first), min(self.jobs, self.jobs if end is None else end)):
            yield from self._runs_of(job)

    def _told_until(self) -> datetime:
        """Return up to when slurmdbd knows what happened."""
        into = (self.now - BEGINS) % SILENT_EVERY
        silent = self.now - BEGINS >= SILENT_EVERY and into < SILENT_FOR
        return self.now - into if silent else self.now

    def _choose(self, options: dict[str, str]) -> Iterator[Run]:
        if "--jobs" in options:
            for number in options["--jobs"].split(","):
                yield from self._runs_of(int(number) - FIRST_JOB_ID)
            return
        begin, end = (_instant(options[name]) for name in ("--starttime", "--endtime"))
        first = int((begin - LONGEST.total_seconds() - self.begin) / self.step)
        for run in self.list_runs(first, int((end - self.begin) / self.step) + JOBS_PER_BLOCK * 2):
            if run.submitted < end and run.ended >= begin:
                yield run

    def _runs_of(self, job: int) -> Iterator[Run]:
        dice = job * 2_654_435_761 % 2**32
        place = job % (2 * JOBS_PER_BLOCK)
        of_array = job - place if place < ARRAY_TASKS else job
        submitted = self.begin + int(of_array * self.step)
        account = f"pr-{dice // 7 % PROJECTS}" if dice % 100 else OUTSIDER
        wide = dice % 29 == 0
        nodes, gpus = (2 + dice % 7, 8 + dice % 7 * 4) if wide else (1, 1 + dice % 4)
        ran = dice // 11 % (82_800 if dice % 50 == 3 else 7_200)
        is_requeued = job % JOBS_PER_BLOCK == 0
        for state in ("REQUEUED", "") if is_requeued else ("",):
            started = submitted + dice // 3 % 600
            ended = started + (ran % 7_200 if is_requeued else ran)
            last = state or STATES[dice // 13 % len(STATES)]
            yield Run(job, submitted, started, ended, last, gpus, nodes, account)
            submitted = ended + 5

    def _print(self, run: Run, told_until: int) -> tuple[str, ...]:
        """Return a row of sacct as it was at an instant; nothing for what was not there yet."""
        if run.submitted >= told_until:
            return ()
        waits, runs = run.started > told_until, run.ended > told_until
        state = "PENDING" if waits else "RUNNING" if runs else run.state
        until = told_until if runs else run.ended
        tres = f"billing={run.gpus},cpu={run.gpus * 16},gres/gpu={run.gpus},node={run.nodes}"
        return (
            *(str(FIRST_JOB_ID + run.job), "composed", f"user{run.job % 500}", run.account, "gpu"),
            *("normal", state, "0:0", str(run.submitted), NOT_YET if waits else str(run.started)),
            *(NOT_YET if runs else str(run.ended), "" if waits else tres),
            "None assigned" if waits else f"n[1-{run.nodes}]",
            *(f"train {run.job}", "", "0" if waits else str(until - run.started)),
        )


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
