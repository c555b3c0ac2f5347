"""How good are forecasts? Ask at many instants of a recorded workload, then look what happened.

Beside the forecast stand two naive rules: the start that the limits alone would give, and the mean
wait of the jobs that started most recently.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from allmende.domain.scheduling import boards
from allmende.domain.scheduling.boards import NEVER, Board
from allmende.domain.scheduling.fairness import FairnessState
from allmende.domain.scheduling.kernel import plan
from allmende.domain.scheduling.layouts import Places
from allmende.domain.scheduling.machine import Machine
from allmende.domain.scheduling.plans import PendingJob, RunningJob, Snapshot
from allmende.domain.scheduling.policies import Backfill
from allmende.twin import clock
from allmende.twin.attempts import Works
from allmende.twin.calibrations import Calibration, Outcome
from allmende.twin.forecasts import Forecast, Forward
from allmende.twin.pasts import Past, PastJob
from allmende.twin.replay import Play

RECENT_STARTS = 100
PAST_SECONDS = 30 * 24 * 3600
PAST_AT_MOST = 5_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A forecast for one job at one instant, and what happened."""

    job: int  # its number in the trace
    asked_at_seconds: int
    forecast: Forecast
    by_limits_seconds: int | None  # the start that a plan on limits promises
    by_mean_wait_seconds: int
    started_after_seconds: int

    @property
    def is_hit(self) -> bool:
        """Say whether the job started within the range."""
        early, late = self.forecast.earliest_seconds, self.forecast.latest_seconds
        if early is None or self.started_after_seconds < early:
            return False
        return late is None or self.started_after_seconds <= late


def backtest(
    play: Play,
    *,
    instants: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Asked]:
    """Replay a trace, and ask at so many instants, spread evenly over its submissions."""
    dice = np.random.default_rng(seed)
    asked: list[tuple[int, int, tuple[Forecast, Forecast], int | None, int]] = []
    for number, (now, arrived) in enumerate(_stops(play, instants, dice), start=1):
        snapshot = _snapshot(play, now, arrived)
        waiting = [job for job in snapshot.pending if job.submitted_at_seconds == now]
        waiting = waiting or [
            job for job in snapshot.pending if play.works.starts[int(job.id)] == NEVER
        ]
        if waiting:
            job = waiting[int(dice.integers(len(waiting)))]
            forward = Forward(snapshot, play.limits, _past(play, now, arrived))
            raw = forward.forecast(job.id, dice=dice)
            widened = Calibration.learn(_known(play, asked)).widen(raw)
            naive = (_by_limits(snapshot, play, job.id), _by_mean_wait(play.works, now))
            asked.append((int(job.id), now, (raw, widened), *naive))
        if progress:
            progress(number, instants)
    return [
        Asked(
            job=int(play.trace.numbers[place]),
            asked_at_seconds=now,
            forecast=widened,
            by_limits_seconds=by_limits,
            by_mean_wait_seconds=by_mean_wait,
            started_after_seconds=int(play.works.starts[place]) - now,
        )
        for place, now, (_, widened), by_limits, by_mean_wait in asked
        if play.works.starts[place] != NEVER
    ]


def _known(
    play: Play, asked: list[tuple[int, int, tuple[Forecast, Forecast], int | None, int]]
) -> list[Outcome]:
    """Return the outcomes of earlier forecasts whose jobs have started meanwhile."""
    return [
        Outcome(raw, int(play.works.starts[place]) - now)
        for place, now, (raw, _), _, _ in asked
        if play.works.starts[place] != NEVER
    ]


def _stops(play: Play, instants: int, dice: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Play, and stop right after chosen submissions; then play to the end."""
    count = play.trace.arrivals.size
    chosen = np.unique(dice.integers(count // 10, count, size=instants))
    state = clock.begin()
    for place in chosen.tolist():
        state[clock.UNTIL] = play.trace.arrivals[place]
        play.go_on(state)
        if play.works.starts[place] == NEVER:
            yield int(play.trace.arrivals[place]), int(state[clock.ARRIVED])
    state[clock.UNTIL] = clock.LATEST
    play.go_on(state)


def _snapshot(play: Play, now: int, arrived: int) -> Snapshot:
    trace, began = play.trace, play.begun[:arrived]
    waits = np.flatnonzero(began == NEVER)
    runs = np.flatnonzero((began != NEVER) & (began + play.rests[:arrived] > now))
    node = 0
    running = []
    for place in runs.tolist():
        width = int(trace.nodes[place])
        running.append(
            RunningJob(
                id=str(place),
                path=play.path_of(place),
                node_indices=tuple(range(node, node + width)),
                submitted_at_seconds=int(trace.arrivals[place]),
                started_at_seconds=int(began[place]),
                **_terms(play, place, now),
            )
        )
        node += width
    return Snapshot(
        now_seconds=now,
        machine=Machine(nodes=tuple(map(str, range(trace.machine_nodes)))),
        tree=play.tree,
        pending=tuple(
            PendingJob(
                id=str(place),
                path=play.path_of(place),
                nodes=int(trace.nodes[place]),
                time_limit_seconds=int(trace.limits[place]),
                submitted_at_seconds=int(trace.arrivals[place]),
                preemptible=_is_preemptible(play, place),
            )
            for place in waits.tolist()
        ),
        running=tuple(running),
        fairness=_fairness(play.board, play.numbers),
    )


def _terms(play: Play, place: int, now: int) -> dict[str, Any]:
    """Return when a running job ends at the latest, and what happens if it is stopped."""
    rules, began, attempts = play.preemption, int(play.begun[place]), play.works.attempts
    if rules is None:
        return {"ends_by_seconds": began + int(play.trace.limits[place])}
    return {
        "ends_by_seconds": int(attempts.ends_by[place]),
        "preemptible": _is_preemptible(play, place),
        "is_stopping": _is_preemptible(play, place) and not attempts.stoppable[place],
        "grace_seconds": rules.grace_seconds,
        "checkpoint_at_seconds": now - (now - began) % rules.checkpoint_every_seconds,
    }


def _is_preemptible(play: Play, place: int) -> bool:
    rules = play.preemption
    return rules is None or int(play.trace.limits[place]) > rules.spared_limit_seconds


def _fairness(board: Board, numbers: Places) -> FairnessState:
    """Return the memory of a board between two decisions."""
    tree, settings = board.tree, board.settings
    usages = tree.usages + tree.running * (settings[boards.BOOKED] - tree.booked)
    groups = list(numbers.groups.items())
    return FairnessState(
        at_seconds=int(settings[boards.NOW]),
        usage_epoch_seconds=int(settings[boards.EPOCH]),
        lags={path: int(board.groups.lags[g]) for path, g in groups if board.groups.lags[g]},
        usages={path: int(usages[place]) for path, place in numbers.places.items()},
        pressing_since={
            path: int(board.groups.pressing_since[g])
            for path, g in groups
            if board.groups.pressing_since[g] != NEVER
        },
    )


def _past(play: Play, now: int, arrived: int) -> Past:
    """Return the jobs that had ended by then: nobody knows more."""
    trace, began = play.trace, play.begun[:arrived]
    ended = (began != NEVER) & (began + play.rests[:arrived] <= now)
    places = np.flatnonzero(ended & (trace.arrivals[:arrived] > now - PAST_SECONDS))
    return Past(
        [
            PastJob(
                path=play.path_of(place),
                submitted_at_seconds=int(trace.arrivals[place]),
                nodes=int(trace.nodes[place]),
                time_limit_seconds=int(trace.limits[place]),
                ran_seconds=int(trace.seconds[place]),
            )
            for place in places[-PAST_AT_MOST:].tolist()
        ]
    )


def _by_limits(snapshot: Snapshot, play: Play, job_id: str) -> int | None:
    everybody_reserves = replace(play.limits, backfill=Backfill.CONSERVATIVE)
    for wait in plan(snapshot, everybody_reserves).waits:
        if wait.job_id == job_id:
            return None if wait.starts_by is None else wait.starts_by - snapshot.now_seconds
    return 0


def _by_mean_wait(works: Works, now: int) -> int:
    started = np.flatnonzero((works.starts != NEVER) & (works.starts <= now))
    latest: Any = started[np.argsort(works.starts[started])[-RECENT_STARTS:]]
    waits = works.starts[latest] - works.arrivals[latest]
    return int(waits.mean()) if waits.size else 0


def coverage(asked: list[Asked]) -> float:
    """Return the part of forecasts whose range held what happened."""
    return sum(each.is_hit for each in asked) / len(asked) if asked else 0.0
