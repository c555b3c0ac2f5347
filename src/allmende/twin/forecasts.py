"""When will it start? The kernel, run forward from a snapshot many times.

Nobody knows how long the others will run, or who is still to come. So each forward run draws both
from what was: run times as parts of the limit, from jobs of the same person, else project, else
group, else anybody; arrivals from the recent past. The spread of the answers is the range.
Everything is decided by the same `decide` that plans the live factory; where its policy lets it
stop borrowers, it stops them here, and they begin anew.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from allmende.domain.scheduling import boards, compiled
from allmende.domain.scheduling.boards import NEVER, Board
from allmende.domain.scheduling.demands import count_places, count_running, find_bar
from allmende.domain.scheduling.fairness import pressing_threshold
from allmende.domain.scheduling.layouts import (
    Places,
    ends_by,
    lay_out,
    make_borrowers,
    number_places,
)
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.usages import booked_usage
from allmende.twin import clock
from allmende.twin.attempts import NO_CHECKPOINT, Works, make_works
from allmende.twin.clock import Ends
from allmende.twin.pasts import Past, PastJob, Pools
from allmende.twin.replay import compiled_clock
from allmende.twin.traces import Ints

RUNS = 64
DECISIONS_AT_MOST = 1_000_000
HORIZON_SECONDS = 90 * 24 * 3600
ARRIVALS_AT_MOST = 20_000
EARLY, LATE = 10, 90  # percent of the runs: between them lies the range


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """When a job starts, in seconds from now; `None` is beyond the horizon."""

    earliest_seconds: int | None  # a tenth of the runs started it by then
    median_seconds: int | None
    latest_seconds: int | None  # nine tenths did
    runs: int


class Forward:
    """A snapshot, made ready to be run forward again and again."""

    def __init__(self, snapshot: Snapshot, policy: Policy, past: Past) -> None:
        self.snapshot, self.policy, self.past = snapshot, policy, past
        running = count_places(count_running(snapshot.running))
        self.eligible: list[PendingJob] = sorted(
            (job for job in snapshot.pending if not find_bar(job, snapshot, policy, running)),
            key=lambda job: (job.submitted_at_seconds, job.id),
        )
        self.recent = self._list_recent()
        paths = [job.path for job in (*self.eligible, *self.recent)]
        numbers = number_places(snapshot.tree, paths + [job.path for job in snapshot.running])
        self.board = self._lay_out(numbers)
        names = ("submitted_at_seconds", "nodes", "time_limit_seconds", "ran_seconds")
        self.recent_columns = {
            name: np.array([getattr(job, name) for job in self.recent], dtype=np.int64)
            for name in names
        }
        leaves = [numbers.leaves[job.path] for job in self.recent]
        self.recent_columns["leaf"] = np.array(leaves, dtype=np.int64)
        self.pools = Pools.of(past, self.eligible, snapshot.running, now=snapshot.now_seconds)

    @property
    def eligible_ids(self) -> set[str]:
        """Return the jobs that wait for nothing but nodes."""
        return {job.id for job in self.eligible}

    @property
    def first_to_come(self) -> int:
        """Return the place of the first job on the board that has not arrived yet."""
        return len(self.eligible) + len(self.snapshot.running)

    def forecast(self, job_id: str, *, dice: np.random.Generator, runs: int = RUNS) -> Forecast:
        """Return when a job starts that is eligible now."""
        starts = np.sort(self.run(job_id, dice=dice, runs=runs))
        return Forecast(
            earliest_seconds=_within(starts, EARLY),
            median_seconds=_within(starts, 50),
            latest_seconds=_within(starts, LATE),
            runs=runs,
        )

    def run(self, job_id: str, *, dice: np.random.Generator, runs: int = RUNS) -> Ints:
        """Return for each run after how many seconds the job starts; the horizon if not before."""
        wanted = next(place for place, job in enumerate(self.eligible) if job.id == job_id)
        starts = [self._run_once(wanted, dice) for _ in range(runs)]
        return np.array(starts, dtype=np.int64)

    def _run_once(self, wanted: int, dice: np.random.Generator) -> int:
        now, board = self.snapshot.now_seconds, copy_board(self.board)
        works, ends, running = self.draw(board, dice)
        state = clock.begin(
            arrived=self.first_to_come,
            running=running,
            left=DECISIONS_AT_MOST,
            wanted=wanted,
            until=now + HORIZON_SECONDS,
            decides_first=True,
        )
        # Compiled even for a few jobs: the runs are many.
        play: Any = compiled_clock().functions["run"]
        play(compiled.pack(board), works, ends, state)
        start = int(works.starts[wanted])
        return HORIZON_SECONDS if start == NEVER else start - now

    def draw(self, board: Board, dice: np.random.Generator) -> tuple[Works, Ends, int]:
        """Draw how long everybody runs, and who is still to come."""
        now, count = self.snapshot.now_seconds, board.jobs.nodes.size
        drawn = self.pools.draw(dice)
        arrivals, seconds = np.full(count, now, dtype=np.int64), np.ones(count, dtype=np.int64)
        seconds[: drawn.size] = drawn
        if self.recent:
            waits, seconds[self.first_to_come :] = self._draw_arrivals(board, dice)
            arrivals[self.first_to_come :] += waits
        every = NO_CHECKPOINT if self.policy.preemption else 0
        works = make_works(arrivals, seconds, checkpoint_every_seconds=every)
        ends = Ends(np.zeros(count + 1, dtype=np.int64), np.zeros(count + 1, dtype=np.int64))
        if self.policy.preemption:
            works.attempts.graces[:] = self.policy.max_grace_seconds
            works.attempts.stoppable[: len(self.eligible)] = [j.preemptible for j in self.eligible]
        running = 0
        for place, job in enumerate(self.snapshot.running, start=len(self.eligible)):
            works.starts[place] = job.started_at_seconds
            end = max(now + 1, job.started_at_seconds + int(drawn[place]))
            if self.policy.preemption:
                note_attempt(board, works, place, job, end)
                if job.is_stopping:
                    end = min(end, now + max(1, job.grace_seconds))
            running = clock.push_end(ends, running, end, place)
        return works, ends, running

    def _draw_arrivals(self, board: Board, dice: np.random.Generator) -> tuple[Ints, Ints]:
        """Let the recent past come again, from a random instant of it on.

        Return after how many seconds each job comes, and how long it runs.
        """
        now, first, recent = self.snapshot.now_seconds, self.first_to_come, self.recent_columns
        submitted = recent["submitted_at_seconds"]
        span = max(1, now - int(submitted[0]))
        waits = (submitted - submitted[0] + int(dice.integers(span))) % span + 1
        order = np.argsort(waits, kind="stable")
        jobs, leaves = board.jobs, recent["leaf"][order]
        jobs.leaves[first:] = leaves
        jobs.groups[first:] = board.leaves.groups[leaves]
        jobs.nodes[first:] = jobs.freed[first:] = recent["nodes"][order]
        jobs.limits[first:] = recent["time_limit_seconds"][order]
        # Behind everybody who is known, also behind jobs on hold, which have no row on the board.
        known = len(self.snapshot.pending) + len(self.snapshot.running)
        jobs.ranks[first:] = np.arange(known, known + order.size)
        return waits[order], recent["ran_seconds"][order]

    def _list_recent(self) -> list[PastJob]:
        """Return the past jobs that could come again: none wider or longer than is allowed now."""
        tree, limit = self.snapshot.tree, self.policy.max_time_limit_seconds
        capacity = self.snapshot.machine.capacity_at(self.snapshot.now_seconds)
        widest = {
            share.path: min(capacity, share.widest_job_nodes) if share.guarantee_ppm else capacity
            for share in tree.groups
        }
        return [
            job
            for job in self.past.jobs[-ARRIVALS_AT_MOST:]
            if job.nodes <= widest.get(tree.group_of(job.path), 0)
            and job.time_limit_seconds <= limit
        ]

    def _lay_out(self, numbers: Places) -> Board:
        """Return the board at the instant of the snapshot, before any decision."""
        snapshot, policy = self.snapshot, self.policy
        board = lay_out(snapshot, policy, self.eligible, numbers=numbers, to_come=len(self.recent))
        if policy.preemption:  # anybody who is here, or is to come, may run and be stopped
            board = board._replace(borrowers=make_borrowers(board.jobs.nodes.size))
        board = compiled.push_first(board, len(self.eligible))
        settings, epoch = board.settings, snapshot.fairness.usage_epoch_seconds
        settings[boards.EXPLAINS] = 0
        settings[boards.BORROWERS] = 0  # the clock lines them up when it matters
        settings[boards.COUNTS_USAGE] = 1
        settings[boards.HALF_LIFE] = policy.usage_half_life_seconds
        settings[boards.EPOCH] = epoch
        settings[boards.BOOKED] = booked_usage(
            snapshot.now_seconds - epoch, policy.usage_half_life_seconds
        )
        board.tree.booked[:] = settings[boards.BOOKED]
        for g, share in enumerate(snapshot.tree.groups):
            board.groups.thresholds[g] = pressing_threshold(share, policy)
        for place, job in enumerate(snapshot.running, start=len(self.eligible)):
            end = ends_by(job, snapshot.now_seconds)
            board.jobs.limits[place] = end - job.started_at_seconds
        return board


def note_attempt(board: Board, works: Works, place: int, job: RunningJob, end: int) -> None:
    """Note what a job that runs already would lose, and when it ends if nobody stops it."""
    attempts = works.attempts
    attempts.begun[place] = job.saved_at_seconds
    attempts.rests[place] = end - job.saved_at_seconds
    attempts.ends_by[place] = job.started_at_seconds + int(board.jobs.limits[place])
    attempts.graces[place] = job.grace_seconds
    attempts.stoppable[place] = job.preemptible and not job.is_stopping


def make_dice(seed: int) -> np.random.Generator:
    """Return dice that fall alike for the same seed."""
    return np.random.default_rng(seed)


def copy_board(board: Board) -> Board:
    """Return a board that can be changed without changing this one."""
    return Board._make(
        part.copy() if isinstance(part, np.ndarray) else type(part)._make(c.copy() for c in part)
        for part in board
    )


def _within(starts: Ints, percent: int) -> int | None:
    """Return the second by which so many percent of the runs had started the job."""
    second = int(starts[min(starts.size - 1, starts.size * percent // 100)])
    return None if second >= HORIZON_SECONDS else second
