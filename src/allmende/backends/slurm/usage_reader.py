"""Reads a cluster's accounting through `sacct`, piece by piece, in bounded memory."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from allmende.backends.slurm.client import ClusterUnreachable, SlurmClient
from allmende.backends.slurm.runs import list_runs
from allmende.backends.slurm.steps import name_of
from allmende.domain.basics.periods import Period
from allmende.domain.basics.usage_records import UsageRecord

# A piece gets shorter where much ran and longer where little did; never so long that what runs
# after a quiet week fills the memory.
FIRST_PIECE = timedelta(hours=1)
SHORTEST_PIECE, LONGEST_PIECE = timedelta(minutes=1), timedelta(days=1)
FEW_RUNS, MANY_RUNS = 2_000, 10_000
ANSWER_SECONDS = 300.0
JOBS_AT_ONCE = 500  # a command line has an end
# Between the end of a run and the submission of the next one lies its epilogue.
REQUEUE_MARGIN = timedelta(hours=1)
ALMOST_A_SECOND = timedelta(microseconds=999_999)
# Every state but that of what waits. Without states sacct leaves out what was never eligible, and a
# run is made one of those by whoever requeues its job and holds it while its processes are ended.
# A suspended run is asked for by its number: by its state, slurmdbd would search all it ever wrote.
ALL_BUT_WAITING = (
    "RUNNING,COMPLETED,CANCELLED,FAILED,TIMEOUT,NODE_FAIL,PREEMPTED,BOOT_FAIL,DEADLINE,"
    "OUT_OF_MEMORY,REQUEUED,RESIZING,REVOKED"
)
QUEUE_SIZE = re.compile(r"DBD Agent queue size:\s*(\d+)")


@dataclass(frozen=True)
class SlurmUsageReader:
    """The accounting of one cluster."""

    client: SlurmClient

    def is_up_to_date(self) -> bool:
        """Say whether slurmctld has told slurmdbd everything; it keeps what it could not tell."""
        try:
            found = QUEUE_SIZE.search(self.client.run("sdiag"))
        except ClusterUnreachable:
            return False  # slurmdbd may answer all the same, without what slurmctld knows
        return found is None or int(found[1]) == 0

    def read(self, period: Period) -> Iterator[UsageRecord]:
        """Yield each run that ended in a period, and those that go on; each once."""
        begin, length = period.starts_at.astimezone(UTC), FIRST_PIECE
        while True:
            end = min(begin + length, period.ends_at)
            is_last = end == period.ends_at
            # Slurm counts whole seconds: all of the one in which a piece ends is asked for.
            until = _render(end + ALMOST_A_SECOND)
            window = (f"--starttime={_render(begin)}", f"--endtime={until}")
            records = self._ask(*window, f"--state={ALL_BUT_WAITING}")
            kept = [
                record
                for record in records
                if (begin <= record.ended_at < end if record.ended_at else is_last)
            ]
            yield from self._count_restarts(kept, since=begin)
            if is_last:
                return
            begin, length = end, _next_length(length, len(records))

    def read_jobs(self, job_ids: Sequence[int]) -> Iterator[UsageRecord]:
        """Yield every run of these jobs, whenever it was."""
        for first in range(0, len(job_ids), JOBS_AT_ONCE):
            chosen = ",".join(map(str, job_ids[first : first + JOBS_AT_ONCE]))
            yield from self._ask(f"--jobs={chosen}")

    def _count_restarts(
        self, records: Sequence[UsageRecord], *, since: datetime
    ) -> Iterator[UsageRecord]:
        """Yield the records, each knowing how many runs of its job there were before it.

        Where earlier runs may have ended before this piece began, the whole job is asked for.
        """
        whole = {r.job_id for r in records if r.submitted_at < since + REQUEUE_MARGIN}
        yield from (record for record in records if record.job_id not in whole)
        wanted = {name_of(record) for record in records}
        for record in self.read_jobs(sorted(whole)):
            if name_of(record) in wanted:
                yield record

    def _ask(self, *which: str) -> list[UsageRecord]:
        ask = partial(self.client.run, "sacct", timeout_seconds=ANSWER_SECONDS)
        return list_runs(ask, *which)


def _next_length(length: timedelta, runs: int) -> timedelta:
    if runs > MANY_RUNS:
        return max(length / 4, SHORTEST_PIECE)
    return min(length * 2, LONGEST_PIECE) if runs < FEW_RUNS else length


def _render(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
