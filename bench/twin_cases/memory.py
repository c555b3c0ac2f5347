"""What a long replay holds in memory: a process of its own that prints its peak as JSON."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

from allmende.services.twin import HALF_LIFE_SECONDS, peak_rss_bytes
from allmende.twin.findings import Findings
from allmende.twin.replay import replay
from allmende.twin.shares import everybody
from bench.twin_cases.workloads import invent

JOBS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The peak of the whole process, the invention of the workload and the interpreter included."""

    jobs: int
    peak_bytes: int
    empty_bytes: int  # of a process that has loaded everything, and replayed nothing
    loop_seconds: float

    @property
    def bytes_per_job(self) -> float:
        return self.peak_bytes / self.jobs


def measure(jobs: int = JOBS) -> Figures:
    """Replay so many jobs in a process of its own."""
    command = [sys.executable, "-m", "bench.twin_cases.memory", str(jobs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Figures(**json.loads(done.stdout))


def main() -> None:
    empty = peak_rss_bytes()
    trace = invent(jobs=int(sys.argv[1]))
    replayed = replay(
        trace,
        policy="easy",
        grouping=everybody(trace),
        findings=Findings(),
        half_life_seconds=HALF_LIFE_SECONDS,
    )
    figures = Figures(
        jobs=trace.arrivals.size,
        peak_bytes=peak_rss_bytes(),
        empty_bytes=empty,
        loop_seconds=replayed.loop_seconds,
    )
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
