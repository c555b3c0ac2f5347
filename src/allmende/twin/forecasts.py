"""When will it start? The kernel, run forward from a snapshot many times.

Nobody knows how long the others will run, or who is still to come. So each forward run draws both
from what was: run times as parts of the limit, from jobs of the same person, else project, else
group, else anybody; arrivals from the recent past. The spread of the answers is the range.
Everything is decided by the same `decide` that plans the live factory; where its policy lets it
stop borrowers, it stops them here, and they begin anew.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from allmende.domain.scheduling import boards, compiled
from allmende.domain.scheduling.boards import NEVER, Board
from allmende.domain.scheduling.demands import Gate, count_places, count_running
from allmende.domain.scheduling.fairness import pressing_threshold
from allmende.domain.scheduling.layouts import (
    Places,
    ends_by,
    lay_out,
    make_borrowers,
    number_places,
)
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot, WaitReason
from allmende.domain.scheduling.policies import Policy
from allmende.domain.scheduling.usages import booked_usage
from allmende.twin import clock
from allmende.twin.attempts import NO_CHECKPOINT, Works, make_works
from allmende.twin.ends import Ends, push_end
from allmende.twin.pasts import Past, PastJob, Pools
from allmende.twin.replay import LOADING, compiled_clock
from allmende.twin.traces import Ints

T = TypeVar("T")

RUNS = 64
TOGETHER = 2  # runs at a time, and the fewest that make a range
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


class _Run(NamedTuple):
    """After how many seconds a job starts in one run; or, if it has not, how far the run went."""

    seconds: int  # the horizon, when it starts not before
    decisions: int
    is_started: bool


class Forward:
    """A snapshot, made ready to be run forward again and again.

    `asked` are jobs of which one is only supposed to wait beside the others: it is in the runs
    that are made for it. They are submitted last.
    """

    def __init__(
        self, snapshot: Snapshot, policy: Policy, past: Past, asked: Sequence[PendingJob] = ()
    ) -> None:
        self.policy, self.past = policy, past
        self.snapshot = replace(snapshot, pending=(*snapshot.pending, *asked))
        gate = Gate(snapshot, policy, count_places(count_running(snapshot.running)))
        waiting = sorted(
            (job for job in snapshot.pending if not gate.find_bar(job)),
            key=lambda job: (job.submitted_at_seconds, job.id),
        )
        self.waiting = len(waiting)
        supposed = [job for job in asked if gate.find_bar(job) in (None, WaitReason.CEILING)]
        self.eligible: list[PendingJob] = [*waiting, *supposed]
        self.recent = self._list_recent()
        paths = [job.path for job in (*self.eligible, *self.recent)]
        numbers = number_places(snapshot.tree, paths + [job.path for job in snapshot.running])
        self.board = self._lay_out(numbers)
        self._spare: list[Board] = []
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

    def forecast(
        self,
        job_id: str,
        *,
        dice: np.random.Generator,
        runs: int = RUNS,
        decisions: int = RUNS * DECISIONS_AT_MOST,
    ) -> Forecast:
        """Return when a job starts that is eligible now.

        Of the runs, as many are made as so many decisions allow. Where they do not even reach the
        start of the job twice, all that is said is that it comes after what they did reach.
        """
        wanted, seeds = self._place_of(job_id), dice.spawn(runs)
        at_most = min(decisions // TOGETHER, DECISIONS_AT_MOST)
        made = self._run(wanted, seeds[:TOGETHER], at_most)
        most = max(each.decisions for each in made)
        if all(each.is_started for each in made):
            affordable = decisions // max(1, most)
            made += self._run(wanted, seeds[TOGETHER:affordable], at_most)
        return _gather(made)

    def run(self, job_id: str, *, dice: np.random.Generator, runs: int = RUNS) -> Ints:
        """Return for each run after how many seconds the job starts; the horizon if not before."""
        made = self._run(self._place_of(job_id), dice.spawn(runs), DECISIONS_AT_MOST)
        starts = [each.seconds if each.is_started else HORIZON_SECONDS for each in made]
        return np.array(starts, dtype=np.int64)

    def find_middles(
        self, *, dice: np.random.Generator, runs: int, decisions: int
    ) -> dict[str, int]:
        """Return after how many seconds each waiting job starts in half of the runs.

        It is the horizon for one that had not started when a run had made its part of the
        decisions.
        """
        now = self.snapshot.now_seconds

        def run(seed: np.random.Generator) -> Ints:
            works, _, _ = self._play(seed, decisions // runs)
            starts, late = works.starts[: self.waiting], np.int64(HORIZON_SECONDS)
            return np.where(starts == NEVER, late, np.minimum(starts - now, late))

        middles = np.sort(np.stack(self._each(run, dice.spawn(runs))), axis=0)[runs // 2]
        waiting = self.eligible[: self.waiting]
        return {job.id: int(middle) for job, middle in zip(waiting, middles, strict=True)}

    def _place_of(self, job_id: str) -> int:
        return next(place for place, job in enumerate(self.eligible) if job.id == job_id)

    def _run(
        self, wanted: int, seeds: Sequence[np.random.Generator], decisions: int
    ) -> list["_Run"]:
        return self._each(lambda dice: self._run_once(wanted, dice, decisions), seeds)

    def _each(
        self, run: Callable[[np.random.Generator], T], seeds: Sequence[np.random.Generator]
    ) -> list[T]:
        """Run once for each of the dice, several at a time: compiled, they hold no lock."""
        with LOADING:
            compiled_clock()  # even for a few jobs: the runs are many
        with ThreadPoolExecutor(TOGETHER) as threads:
            return list(threads.map(run, seeds))

    def _run_once(self, wanted: int, dice: np.random.Generator, decisions: int) -> "_Run":
        now = self.snapshot.now_seconds
        works, state, reached = self._play(dice, decisions, wanted)
        start, left = int(works.starts[wanted]), int(state[clock.LEFT])
        if start != NEVER:
            return _Run(start - now, decisions - left, is_started=True)
        if left > 0:
            return _Run(HORIZON_SECONDS, decisions - left, is_started=True)
        return _Run(reached - now, decisions, is_started=False)

    def _play(
        self, dice: np.random.Generator, decisions: int, wanted: int = NEVER
    ) -> tuple[Works, Ints, int]:
        """Play until the job that is wanted starts, or all have ended; return how far it went."""
        now, own = self.snapshot.now_seconds, self._take_board()
        works, ends, running = self.draw(own, dice)
        state = clock.begin(
            arrived=self.first_to_come,
            running=running,
            left=decisions,
            wanted=wanted,
            until=now + HORIZON_SECONDS,
            decides_first=True,
        )
        board = compiled.pack(own)
        if wanted >= self.waiting:  # it is only asked about
            compiled.compile_kernel().functions["push"](board, wanted)
        play: Any = compiled_clock().functions["run"]
        play(board, works, ends, state)
        reached = int(board.settings[boards.NOW])
        self._spare.append(own)
        return works, state, reached

    def _take_board(self) -> Board:
        """Return a board that may be changed: one that was used before, or a new one.

        A board of a long queue is large, and memory that is touched for the first time is slow.
        """
        try:
            board = self._spare.pop()
        except IndexError:
            return copy_board(self.board)
        for part, original in zip(board, self.board, strict=True):
            columns = (part,) if isinstance(part, np.ndarray) else part
            originals = (original,) if isinstance(original, np.ndarray) else original
            for column, known in zip(columns, originals, strict=True):
                np.copyto(column, known)
        return board

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
        room = min(count, len(self.snapshot.machine.nodes)) + 1
        ends = Ends(np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64))
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
            running = push_end(ends, running, end, place)
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
            board = board._replace(borrowers=make_borrowers(board.running.ends.size))
        board = compiled.push_first(board, self.waiting)
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


def _gather(runs: Sequence["_Run"]) -> Forecast:
    """Return the range of the runs; one that did not reach the start counts as a late one."""
    ordered = sorted(runs, key=lambda each: (not each.is_started, each.seconds))

    def within(percent: int) -> "_Run":
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

    def second(run: "_Run") -> int | None:
        return run.seconds if run.is_started and run.seconds < HORIZON_SECONDS else None

    first = within(EARLY)
    return Forecast(
        earliest_seconds=second(first) if first.is_started else first.seconds,
        median_seconds=second(within(50)),
        latest_seconds=second(within(LATE)),
        runs=len(runs),
    )
