"""A replay: a trace on a board, under a policy, in virtual time."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling import boards, compiled
from allmende.domain.scheduling.boards import NEVER, Board
from allmende.domain.scheduling.fairness import lag_bound, pressing_threshold
from allmende.domain.scheduling.layouts import Sizes, make_board, number_places, set_ceilings
from allmende.domain.scheduling.policies import Backfill, Policy
from allmende.domain.scheduling.shares import Path, Share, ShareTree, check_admission
from allmende.twin import clock, courses, ends, followers, swf
from allmende.twin.clock import Works
from allmende.twin.courses import Course
from allmende.twin.dependencies import find_predecessors
from allmende.twin.ends import Ends
from allmende.twin.findings import Findings
from allmende.twin.followers import NOBODY_FOLLOWS, Followers, line_up_followers
from allmende.twin.shares import Grouping, everybody
from allmende.twin.traces import COLUMNS, Ints, Trace

POLICIES = {
    "fcfs": Backfill.NONE,
    "easy": Backfill.EASY,
    "conservative": Backfill.CONSERVATIVE,
    "allmende": Backfill.EASY,
}
EVERYBODY = ("everybody",)
DECISIONS_AT_ONCE = 100_000

Progress = Callable[[int, int], None]

# One thread at a time compiles, or loads what was compiled; after that all may play at once.
LOADING = threading.Lock()

CLOCK: compiled.Functions = (
    (swf, "is_blank parse_number parse_lines"),
    (ends, "goes_first push_end pop_end"),
    (followers, "next_arrival release is_held join arrive"),
    (clock, "change_capacity start_some run"),
    (courses, "follow"),
)


class TooLongToGuarantee(Refusal):
    """The longest limit of this trace is too long to count what {group} could be owed. Leave such
    jobs out, or lower the guarantee."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What came of a replay: from when on each job of the trace could start, and when it did.

    Both are -1 for a job that never did.
    """

    trace: Trace
    policy: str
    tree: ShareTree
    limits: Policy
    grouping: Grouping
    eligible: Ints
    starts: Ints
    loop_seconds: float
    compile_seconds: float
    kernel_worst_lags: dict[Path, int]
    changes: tuple[tuple[int, int], ...] = ()
    following_jobs: int = 0  # those that waited for the end of another


@cache
def compiled_clock() -> compiled.Compiled:
    """Return the clock and the reader, compiled together with the kernel."""
    return compiled.compile_functions(CLOCK, compiled.compile_kernel())


def compile_everything() -> None:
    """Compile for the types of real calls; Numba keeps the results on disk."""
    one = np.ones(1, dtype=np.int64)
    trace = Trace(name="", machine_nodes=1, **dict.fromkeys(COLUMNS, one))
    play = Play(trace, everybody(trace), policy="easy", half_life_seconds=1)
    board, functions = compiled.pack(play.board), compiled_clock().functions
    functions["run"](board, play.works, play.ends, clock.begin())
    functions["push_first"](board, 0)
    functions["push"](board, 0)
    functions["decide"](board)
    events, settings = np.zeros((1, 4), dtype=np.int64), np.ones(4, dtype=np.int64)
    functions["follow"](events, settings, Course._make([one.copy()] * 4))
    functions["parse_lines"](np.frombuffer(b"\n", dtype=np.uint8), events, one.copy(), one.copy())


def parser(size_bytes: int) -> Any:
    """Return the reader of lines: plain for a small file, compiled for a large one."""
    return swf.parse_lines if size_bytes < 1 << 16 else compiled_clock().functions["parse_lines"]


class Play:
    """A trace on a board in virtual time; it can be stopped, looked at, and played on.

    With a policy other than `allmende` groups are counted, but not obeyed. Every job must have a
    group, and where groups are obeyed be covered by it.
    """

    def __init__(
        self,
        trace: Trace,
        grouping: Grouping,
        *,
        policy: str,
        half_life_seconds: int,
        max_time_limit_seconds: int | None = None,
        changes: Sequence[tuple[int, int]] = (),
        followers: Followers = NOBODY_FOLLOWS,
    ) -> None:
        self.changes = tuple(sorted(changes, key=lambda change: change[0]))
        self.trace, self.grouping, self.policy = trace, grouping, policy
        self.limits = Policy(
            backfill=POLICIES[policy],
            max_time_limit_seconds=max_time_limit_seconds or int(trace.limits.max()),
            usage_half_life_seconds=half_life_seconds,
        )
        self.tree, self.paths, self.leaf_of_job = _places(policy, trace, grouping)
        check_admission(self.tree, capacity_nodes=trace.machine_nodes)
        for share in self.tree.groups:
            if lag_bound(share, capacity_nodes=trace.machine_nodes, policy=self.limits) >= 1 << 62:
                raise TooLongToGuarantee(group="/".join(share.path))
        self.numbers = number_places(self.tree, self.paths)
        self.board = _lay_out(self)
        self.works, self.ends = _world(trace, self.most_nodes, followers)
        self._run: Any = clock.run
        begun = time.perf_counter()
        if trace.arrivals.size >= compiled.COMPILE_FROM_JOBS:
            self.board = compiled.pack(self.board)
            with LOADING:
                self._run = compiled_clock().functions["run"]
                self._run(self.board, self.works, self.ends, clock.begin())
        self.compile_seconds = time.perf_counter() - begun

    def go_on(
        self,
        state: Ints,
        progress: Progress | None = None,
        *,
        decisions_at_once: int = DECISIONS_AT_ONCE,
    ) -> None:
        """Play on until nothing is to come, or until what the state wants."""
        state[clock.LEFT] = 0
        while state[clock.LEFT] == 0:
            state[clock.LEFT] = decisions_at_once
            self._run(self.board, self.works, self.ends, state)
            if progress:
                progress(int(state[clock.ARRIVED]), self.trace.arrivals.size)

    @property
    def most_nodes(self) -> int:
        """Return the most nodes that are ever in service."""
        return max(self.trace.machine_nodes, *(nodes for _, nodes in self.changes), 0)

    def path_of(self, place: int) -> Path:
        """Return the place in the share tree of a job of the trace."""
        return self.paths[int(self.leaf_of_job[place])]


def replay(
    trace: Trace,
    *,
    policy: str,
    grouping: Grouping,
    findings: Findings,
    half_life_seconds: int,
    max_time_limit_seconds: int | None = None,
    changes: Sequence[tuple[int, int]] = (),
    eligible: Ints | None = None,
    progress: Progress | None = None,
    decisions_at_once: int = DECISIONS_AT_ONCE,
) -> Replay:
    """Play a trace from its first submission to its last end.

    No limit of a job may be above `max_time_limit_seconds`; without one, it is the longest limit.
    `changes` are seconds and how many nodes are in service from then on: what runs goes on, less
    starts. `eligible` is from when on each job may start, where that is not its submission; what
    follows another job goes by that. `progress` is told after every `decisions_at_once` decisions
    how many jobs have arrived.
    """
    play = Play(
        trace,
        grouping,
        policy=policy,
        half_life_seconds=half_life_seconds,
        max_time_limit_seconds=max_time_limit_seconds,
        changes=changes,
        followers=_line_up(trace, eligible, findings),
    )
    begun = time.perf_counter()
    play.go_on(clock.begin(), progress, decisions_at_once=decisions_at_once)
    loop_seconds = time.perf_counter() - begun
    findings.add_many("never_started", trace.numbers[play.works.starts == NEVER])
    return Replay(
        trace=trace,
        policy=policy,
        tree=play.tree,
        limits=play.limits,
        grouping=grouping,
        eligible=_eligible(play),
        starts=play.works.starts,
        loop_seconds=loop_seconds,
        compile_seconds=play.compile_seconds,
        kernel_worst_lags={
            share.path: int(play.board.groups.worst_lags[g])
            for g, share in enumerate(play.tree.groups)
        },
        changes=play.changes,
        following_jobs=play.works.followers.jobs.size,
    )


def _line_up(trace: Trace, eligible: Ints | None, findings: Findings) -> Followers:
    """Return who joins the queue later than it was submitted."""
    dependencies, arrivals = trace.dependencies, trace.arrivals
    if dependencies is None and eligible is None:
        return NOBODY_FOLLOWS
    places, think_seconds = np.full(arrivals.size, NEVER), np.zeros_like(arrivals)
    if dependencies is not None:
        places = find_predecessors(dependencies, trace.numbers, findings)
        think_seconds = dependencies.think_seconds
    eligible = arrivals if eligible is None else eligible
    return line_up_followers(places, think_seconds, arrivals, eligible)


def _eligible(play: Play) -> Ints:
    """Return from when on each job could start: its submission, or what it waited for."""
    return (
        play.works.followers.eligible if play.works.followers.begins.size else play.trace.arrivals
    )


def _places(policy: str, trace: Trace, grouping: Grouping) -> tuple[ShareTree, list[Path], Ints]:
    """Return the share tree, its leaves, and the leaf of each job."""
    if policy != "allmende":
        tree = ShareTree(shares=(Share(path=EVERYBODY),))
        return tree, [EVERYBODY], np.zeros(trace.arrivals.size, dtype=np.int64)
    tree = grouping.tree
    keys = np.stack([grouping.group_of_job, trace.unix_groups, trace.users], axis=1)
    rows, leaf_of_job = np.unique(keys, axis=0, return_inverse=True)
    paths: list[Path] = [
        (*tree.groups[group].path, f"g{project}", f"u{user}") for group, project, user in rows
    ]
    return tree, paths, leaf_of_job.reshape(-1).astype(np.int64)


def _world(trace: Trace, most_nodes: int, followers: Followers) -> tuple[Works, Ends]:
    """Return what the world knows of the jobs, and room for the ends of all that run."""
    starts = np.full(trace.arrivals.size, NEVER, dtype=np.int64)
    works = Works(trace.arrivals, trace.seconds, starts, followers)
    room = min(most_nodes, trace.arrivals.size) + 1
    return works, Ends(np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64))


def _lay_out(play: Play) -> Board:
    """Return a board with all jobs of the trace on it, none of which has arrived yet."""
    trace, tree, policy, numbers = play.trace, play.tree, play.limits, play.numbers
    changes = play.changes
    count = trace.arrivals.size
    everybody_reserves = policy.backfill is Backfill.CONSERVATIVE
    sizes = Sizes(
        jobs=count,
        running=min(play.most_nodes, count),
        changes=len(changes),
        # For the head of each group, and for what is kept for it while its claim is pressing.
        reservations=(count if everybody_reserves else 0) + 2 * len(numbers.groups),
    )
    board = make_board(tree, numbers, policy, sizes)
    leaves = np.array([numbers.leaves[path] for path in play.paths], dtype=np.int64)
    board.jobs.leaves[:] = leaves[play.leaf_of_job]
    board.jobs.groups[:] = board.leaves.groups[board.jobs.leaves]
    board.jobs.nodes[:] = trace.nodes
    board.jobs.freed[:] = trace.nodes
    board.jobs.limits[:] = trace.limits
    board.jobs.ranks[:] = np.arange(count)
    settings = board.settings
    settings[boards.NOW] = settings[boards.EPOCH] = trace.arrivals[0]
    settings[boards.CAPACITY_NOW] = settings[boards.FREE] = trace.machine_nodes
    settings[boards.CHANGES] = len(changes)
    board.changes[:] = [number for change in changes for number in change]
    settings[boards.HALF_LIFE] = policy.usage_half_life_seconds
    settings[boards.COUNTS_USAGE] = len(play.paths) > 1
    for g, share in enumerate(tree.groups):
        board.groups.thresholds[g] = pressing_threshold(share, policy)
    set_ceilings(board, tree, numbers, trace.machine_nodes)
    return board


def bound_node_seconds(replayed: Replay, share: Share) -> float:
    """Return what the lag of a group never passes, in node-seconds."""
    capacity = replayed.trace.machine_nodes
    return lag_bound(share, capacity_nodes=capacity, policy=replayed.limits) / boards.MICRO
