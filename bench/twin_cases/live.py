"""Live decisions on a full machine with a long queue: from cold, and after one change each."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from allmende.domain.scheduling import boards, compiled
from allmende.domain.scheduling.boards import Board
from allmende.domain.scheduling.fairness import FairnessState, pressing_threshold
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.layouts import lay_out
from allmende.domain.scheduling.machine import Machine
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Policy
from allmende.twin.traces import Trace
from bench.twin_cases.workloads import DAY, GROUPS, invent, share_tree

NODES = 6_000
PENDING = 100_000
CHANGES = 1_000
SECONDS_BETWEEN = 10
TIMES = 3
POLICY = Policy(max_time_limit_seconds=DAY, usage_half_life_seconds=7 * DAY)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Seconds of decisions with so many jobs waiting."""

    pending: int
    cold_seconds: float
    plan_seconds: float
    p50_seconds: float
    p99_seconds: float
    started: int  # jobs, in all the decisions after changes


def measure() -> Figures:
    """Decide from cold, with and without the sentences of a whole plan, and after changes."""
    snapshot = take_snapshot()
    decide_cold(snapshot)  # loads what was compiled
    plan_seconds = min(_seconds_of(plan, snapshot, POLICY) for _ in range(TIMES))
    cold_seconds = min(_seconds_of(decide_cold, snapshot) for _ in range(TIMES))
    runs = [decide_after_changes(snapshot) for _ in range(TIMES)]
    seconds, started = min(runs, key=lambda run: float(np.percentile(run[0], 99)))
    return Figures(
        pending=len(snapshot.pending),
        cold_seconds=cold_seconds,
        plan_seconds=plan_seconds,
        p50_seconds=float(np.percentile(seconds, 50)),
        p99_seconds=float(np.percentile(seconds, 99)),
        started=started,
    )


def _seconds_of(deed: Any, *arguments: Any) -> float:
    begun = time.perf_counter()
    deed(*arguments)
    return time.perf_counter() - begun


def decide_cold(snapshot: Snapshot) -> Board:
    """Lay out the board of a snapshot and decide on it, as `kernel.plan` does."""
    jobs = sorted(snapshot.pending, key=lambda job: (job.submitted_at_seconds, job.id))
    return compiled.decide(lay_out(snapshot, POLICY, jobs), len(jobs))


def decide_after_changes(snapshot: Snapshot) -> tuple[list[float], int]:
    """Let a job end and another arrive, in turns; return the seconds of each, and who started.

    What is timed is all that the change costs: time passes, the change, the decision.
    """
    world = _World(decide_cold(snapshot), snapshot)
    world.decide()
    seconds, started = [], 0
    for change in range(CHANGES):
        begun = time.perf_counter()
        world.pass_time()
        world.end_next() if change % 2 == 0 or not world.ended else world.arrive()
        world.decide()
        seconds.append(time.perf_counter() - begun)
        started += world.note_starts()
    return seconds, started


class _World:
    """A board that lives on; a job that arrives takes the row of one that ended."""

    def __init__(self, board: Board, snapshot: Snapshot) -> None:
        settings = board.settings
        settings[boards.EXPLAINS] = 0
        settings[boards.EPOCH] = settings[boards.NOW]
        settings[boards.HALF_LIFE] = POLICY.usage_half_life_seconds
        settings[boards.COUNTS_USAGE] = 1
        for g, share in enumerate(snapshot.tree.groups):
            board.groups.thresholds[g] = pressing_threshold(share, POLICY)
        self.board = board
        self.kernel = compiled.compile_kernel().functions
        self.ended: list[int] = []
        self.rank = board.jobs.nodes.size

    def pass_time(self) -> None:
        self.kernel["advance"](self.board, self.board.settings[boards.NOW] + SECONDS_BETWEEN)

    def end_next(self) -> None:
        """End whoever reaches its limit first."""
        board, j = self.board, int(self.board.running.jobs[0])
        self.kernel["strike"](board, j, board.running.ends[0])
        self.kernel["add_running"](board, j, -board.jobs.nodes[j])
        self.ended.append(j)

    def arrive(self) -> None:
        """Submit once more what ended before."""
        j = self.ended.pop()
        self.board.jobs.ranks[j] = self.rank
        self.rank += 1
        self.kernel["push"](self.board, j)

    def decide(self) -> None:
        self.kernel["decide"](self.board)

    def note_starts(self) -> int:
        return int(self.board.settings[boards.STARTS])


def take_snapshot(pending: int = PENDING) -> Snapshot:
    """Return a machine full of running jobs, and so many that wait."""
    trace = invent(jobs=pending + NODES)
    fits = np.cumsum(trace.nodes) <= NODES
    count = int(fits.argmin())
    now = int(trace.arrivals[-1])
    bounds = np.concatenate([[0], np.cumsum(trace.nodes[:count])]).tolist()
    return Snapshot(
        now_seconds=now,
        machine=Machine(nodes=tuple(f"n{number}" for number in range(NODES))),
        tree=share_tree(),
        pending=tuple(read_pending(trace, j) for j in range(count, count + pending)),
        running=tuple(_running(trace, j, range(*bounds[j : j + 2]), now) for j in range(count)),
        fairness=FairnessState.begin(now),
    )


def _path(trace: Trace, j: int) -> tuple[str, str, str]:
    return GROUPS[trace.queues[j]][0], f"p{trace.unix_groups[j]}", f"u{trace.users[j]}"


def read_pending(trace: Trace, j: int) -> PendingJob:
    return PendingJob(
        id=f"j{j:07}",
        path=_path(trace, j),
        nodes=int(trace.nodes[j]),
        time_limit_seconds=int(trace.limits[j]),
        submitted_at_seconds=int(trace.arrivals[j]),
    )


def _running(trace: Trace, j: int, nodes: range, now: int) -> RunningJob:
    ago = j * 37 % int(trace.limits[j])
    return RunningJob(
        id=f"j{j:07}",
        path=_path(trace, j),
        node_indices=tuple(nodes),
        submitted_at_seconds=int(trace.arrivals[j]),
        started_at_seconds=now - ago,
        ends_by_seconds=now - ago + int(trace.limits[j]),
    )
