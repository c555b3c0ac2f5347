"""A cluster whose runs are known, and which answers as `sacct` does.

It names whatever was submitted before the end of what is asked for and had not ended before its
beginning, in whole seconds and in UTC; asked by states, only what is in one of them.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from allmende.backends.slurm.accounting import SACCT_FIELDS
from allmende.backends.slurm.client import ClusterUnreachable

BEGIN = datetime(2026, 10, 31, 22, tzinfo=UTC)  # an hour before November begins in Berlin
SECOND = timedelta(seconds=1)
Run = tuple[int, datetime, datetime, datetime]  # job, submitted, started, ended


@dataclass
class Sacct:
    """A client of a cluster whose runs are known; what it says is as of `now`."""

    runs: list[Run]
    now: datetime = datetime(2027, 1, 1, tzinfo=UTC)
    queue_size: int | None = 0
    lost: frozenset[int] = frozenset()  # jobs of which it has no start, only those of the steps
    answers_left: int | None = None  # until it falls silent
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, command: str, *arguments: str, **_how: float) -> str:
        if self.answers_left == 0:
            raise ClusterUnreachable(cluster="lab", problem="it is silent")
        if self.answers_left:
            self.answers_left -= 1
        if command == "sdiag":
            size = self.queue_size
            return "no word of it\n" if size is None else f"\tDBD Agent queue size: {size}\n"
        self.asked.append(arguments)
        options = dict(each.partition("=")[::2] for each in arguments)
        runs = [run for run in self.runs if self.is_asked_for(run, options)]
        if "--noheader" in options:
            return "".join(map(self.print_steps, runs))
        rows = [self.print(run) for run in runs]
        return "\n".join(map(options["--delimiter"].join, [SACCT_FIELDS, *rows])) + "\n"

    def is_asked_for(self, run: Run, options: dict[str, str]) -> bool:
        job, submitted, _, ended = run
        if "--jobs" in options:
            return str(job) in options["--jobs"].split(",")
        begin, end = (
            datetime.fromisoformat(options[name]).replace(tzinfo=UTC)
            for name in ("--starttime", "--endtime")
        )
        if self.state_of(run) not in options["--state"].split(","):
            return False
        return submitted < min(end, self.now) and (ended >= begin or ended > self.now)

    def state_of(self, run: Run) -> str:
        _, _, started, ended = run
        if started > self.now:
            return "PENDING"
        return "RUNNING" if ended > self.now else "COMPLETED"

    def print(self, run: Run) -> tuple[str, ...]:
        job, *instants = run
        stamps = [str(int(each.timestamp())) for each in instants]
        state, runs = self.state_of(run), run[-1] > self.now
        waits = state == "PENDING"
        elapsed = int((run[-1] - run[-2]).total_seconds())
        if job in self.lost and not runs:
            stamps[1], elapsed = "None", 0
        return (
            *(str(job), "lab", "meyer", "pr-1", "gpu", "normal"),
            *(state, "0:0", *stamps[:2]),
            *("Unknown" if runs else stamps[2], "" if waits else "gres/gpu=1,node=1"),
            *("n1", "train", "", str(elapsed)),
        )

    def print_steps(self, run: Run) -> str:
        job, submitted, started, _ = run
        rows = [f"{job}|{int(submitted.timestamp())}|None|00:00:00"]
        if started <= self.now:
            stamp = int(started.timestamp())
            rows += [f"{job}.{step}|{stamp}|{stamp}|00:00:00" for step in ("batch", "0")]
        return "\n".join(rows) + "\n"


def truth(runs: list[Run]) -> list[str]:
    """Return the key of each run: as the cluster sees it, who knows all of them."""
    seen: Counter[int] = Counter()
    keys = []
    for job, submitted, _, _ in sorted(runs, key=lambda run: run[1:]):
        keys.append(f"lab:{job}:{int(submitted.timestamp())}:{seen[job]}")
        seen[job] += 1
    return sorted(keys)


@st.composite
def some_runs(draw) -> list[Run]:
    """Return jobs, each with up to three runs that follow each other within an hour."""
    found = []
    for job in range(1, draw(st.integers(1, 8)) + 1):
        at = BEGIN + draw(st.integers(0, 90_000)) * SECOND
        for _ in range(draw(st.integers(1, 3))):
            start = at + draw(st.sampled_from([0, 1, 3600, 7 * 3600])) * SECOND
            end = start + draw(st.sampled_from([0, 1, 600, 3600, 25 * 3600])) * SECOND
            found.append((job, at, start, end))
            at = end + draw(st.sampled_from([1, 60, 3599])) * SECOND
    return found
