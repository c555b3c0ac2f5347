"""The studio: questions are played one after the other behind the portal, answers are remembered.

Everything lives in this process's memory. Whoever asks what was asked before gets the same answer;
what was forgotten is played again, with the same figures.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.services.outcomes import Outcome, Progress, answer
from allmende.services.what_if import Prepared, WhatIf

KEPT = 48
MOST_OF_ONE = 3
MOST_AT_ONCE = 12
logger = logging.getLogger(__name__)


class TooManyQuestions(Refusal):
    """{number} questions are still being computed. Wait for one of them, or cancel it."""

    status = 409


class State(StrEnum):
    """How far a question is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ALIVE = (State.WAITING, State.RUNNING)


class _Cancelled(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, kw_only=True)
class View:
    """How far a question is, as one person sees it."""

    question: WhatIf
    state: State
    percent: int = 0
    outcome: Outcome | None = None
    error: Sentence | None = None

    @property
    def is_alive(self) -> bool:
        """Say whether something is still to come."""
        return self.state in ALIVE


@dataclass
class _Run:
    question: WhatIf
    state: State = State.WAITING
    percent: int = 0
    outcome: Outcome | None = None
    error: Sentence | None = None
    askers: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)  # who cancelled

    def begins_anew(self, person_id: str, *, again: bool) -> bool:
        """Say whether it is to be played once more for this person."""
        if self.state is State.CANCELLED:
            return again or person_id not in self.left
        return again and self.state is State.FAILED

    def view(self, person_id: str) -> View:
        has_left = person_id in self.left and self.state in ALIVE
        return View(
            question=self.question,
            state=State.CANCELLED if has_left else self.state,
            percent=self.percent,
            outcome=self.outcome,
            error=self.error,
        )


class Studio:
    """Plays one question at a time, in a thread of its own."""

    def __init__(self, play: Callable[..., Outcome] = answer) -> None:
        self._play = play
        self._runs: OrderedDict[WhatIf, _Run] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studio")

    def ask(self, person_id: str, prepared: Prepared, *, again: bool = False) -> View:
        """Return how far a question is; begin it where nobody has asked it yet.

        What this person cancelled, and what failed, begins only when it is asked `again`.
        """
        with self._lock:
            run = self._runs.get(prepared.question)
            if run is None or run.begins_anew(person_id, again=again):
                run = self._begin(person_id, prepared)
            elif again or person_id not in run.left:
                run.left.discard(person_id)
                run.askers.add(person_id)
            self._runs.move_to_end(prepared.question)
            return run.view(person_id)

    def look(self, person_id: str, question: WhatIf) -> View | None:
        """Return how far a question is, or None where it was not asked, or was forgotten."""
        with self._lock:
            run = self._runs.get(question)
            return run.view(person_id) if run else None

    def cancel(self, person_id: str, question: WhatIf) -> View | None:
        """Stop waiting for an answer; it is given up when nobody else waits for it."""
        with self._lock:
            run = self._runs.get(question)
            if run is None:
                return None
            if run.state in ALIVE:
                run.askers.discard(person_id)
                run.left.add(person_id)
                if not run.askers:
                    run.state = State.CANCELLED
            return run.view(person_id)

    def close(self) -> None:
        """Give up everything, and wait until the thread has ended."""
        with self._lock:
            for run in self._runs.values():
                if run.state in ALIVE:
                    run.state = State.CANCELLED
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self, person_id: str, prepared: Prepared) -> _Run:
        alive = [run for run in self._runs.values() if run.state in ALIVE]
        own = sum(1 for run in alive if person_id in run.askers)
        if own >= MOST_OF_ONE or len(alive) >= MOST_AT_ONCE:
            raise TooManyQuestions(number=own if own >= MOST_OF_ONE else len(alive))
        run = _Run(prepared.question, askers={person_id})
        self._runs[prepared.question] = run
        for question in [q for q, old in self._runs.items() if old.state not in ALIVE]:
            if len(self._runs) <= KEPT:
                break
            del self._runs[question]
        self._pool.submit(self._work, run, prepared)
        return run

    def _work(self, run: _Run, prepared: Prepared) -> None:
        """Play a question; whatever goes wrong becomes its answer, and the thread lives on."""
        try:
            self._move(run, State.RUNNING)
            outcome = self._play(prepared, progress=self._progress(run))
            with self._lock:
                if run.state is State.RUNNING:
                    run.outcome, run.percent, run.state = outcome, 100, State.DONE
        except _Cancelled:
            return
        except Refusal as refusal:
            self._fail(run, refusal.sentence)
        except Exception:
            logger.exception("a question could not be played: %s", prepared.question)
            self._fail(
                run, Sentence("The computation broke off on our side. Please tell the operators.")
            )

    def _move(self, run: _Run, state: State) -> None:
        with self._lock:
            if run.state not in ALIVE:
                raise _Cancelled
            run.state = state

    def _progress(self, run: _Run) -> Progress:
        def tell(percent: int) -> None:
            if run.state not in ALIVE:
                raise _Cancelled
            run.percent = percent

        return tell

    def _fail(self, run: _Run, sentence: Sentence) -> None:
        with self._lock:
            run.error, run.state = sentence, State.FAILED
