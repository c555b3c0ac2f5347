"""How an attempt ended, decided by the runner from what it saw; `sentences.py` puts it in words."""

import contextlib
import json
import signal
from pathlib import Path
from typing import Any

from allmende.backends.nodes import files

# What a program says last when its share of memory was used up.
OUT_OF_MEMORY_SIGNS = (b"MemoryError", b"bad_alloc", b"annot allocate memory", b"can't allocate")
TAIL_BYTES = 2048
LARGEST_STATE_BYTES = 2**20
PROGRESS_TAIL_BYTES = 2**14  # among them the last line
# What reading JSON comes to when a job wrote whatever it liked.
NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Outcome:
    """The reason in Slurm's words, a code for the sentence with its facts, and the exit code."""

    def __init__(
        self, reason: str, code: str, *, exit_code: int | None = None, **facts: Any
    ) -> None:
        self.reason = reason
        self.code = code
        self.exit_code = exit_code
        self.facts = facts | ({"exit_code": exit_code} if exit_code else {})
        self.is_from_outside = False  # somebody asked for it, or a limit was reached

    def to_json(self) -> dict[str, Any]:
        """Return what `ended.json` says of it."""
        return {
            "reason": self.reason,
            "code": self.code,
            "exit_code": self.exit_code,
            "facts": self.facts,
        }


COMPLETED = Outcome("completed", "completed", exit_code=0)


def describe_exit(node: str, status: int) -> Outcome:
    """Return the outcome of a command that failed with this status (see `Node`)."""
    if status > 0:
        return Outcome("failed", "exit_code", exit_code=status, node=node)
    # 128 + n: the exit code that a shell reports for signal n.
    return Outcome(
        "failed", "signal", exit_code=128 - status, node=node, signal=_name_signal(-status)
    )


def describe_stop(reason: str, **facts: Any) -> Outcome:
    """Return the outcome of an attempt that somebody ended, or its time limit."""
    outcome = Outcome(reason, reason, **facts)
    outcome.is_from_outside = True
    return outcome


class Stop:
    """The end has begun: SIGTERM was sent, SIGKILL follows when the grace is over."""

    def __init__(self, outcome: Outcome, *, now: float, grace_seconds: int) -> None:
        self.outcome = outcome
        self.kill_at = now + grace_seconds
        self.was_killed = False

    def hurry(self, outcome: Outcome, *, now: float, grace_seconds: int) -> None:
        """Shorten the grace. The first reason stays, but a cancelled job does not come back."""
        self.kill_at = min(self.kill_at, now + grace_seconds)
        if self.outcome.is_from_outside and outcome.reason == "cancelled":
            self.outcome = outcome

    def describe(self) -> Outcome:
        """Return the outcome, and whether it took SIGKILL to get there."""
        if self.was_killed and self.outcome.is_from_outside:
            self.outcome.code = f"{self.outcome.reason}_killed"
        return self.outcome


def describe_memory(memory_bytes: int) -> Outcome:
    """Return the outcome of an attempt that used more memory than its share."""
    return Outcome("out_of_memory", "out_of_memory", mebibytes=memory_bytes // 2**20)


def describe_breakdown(problem: Exception, *, node: str) -> Outcome:
    """Return the outcome of an attempt whose runner met what it did not foresee."""
    is_of_the_machine = isinstance(problem, OSError) and files.is_machine_trouble(problem)
    if is_of_the_machine or isinstance(problem, MemoryError):
        return Outcome("node_fail", "node_died", node=node)
    return Outcome("failed", "breakdown", node=node, problem=f"{type(problem).__name__}: {problem}")


def looks_like_memory(log: Path) -> bool:
    """Say whether the last words of the output are those of a program without memory."""
    tail = files.read_tail(log, TAIL_BYTES)
    return any(sign in tail for sign in OUT_OF_MEMORY_SIGNS)


def has_finished_its_work(*, state: bytes, progress: bytes, since: float) -> bool:
    """Say whether a job that ended with exit code 0 after SIGTERM had done all of its work.

    The newest checkpoint of this attempt says so itself (`"end"` in its state.json). Without one,
    the last line of progress must have reached its total. A job that says nothing was interrupted.
    """
    with contextlib.suppress(*NONSENSE):
        if end := json.loads(state).get("end"):
            return bool(end == "completed")
    at, step, total = _last_progress(progress, since) or (since, 0, 1)
    return at >= since and step >= total


def read_newest_state(checkpoints: Path, *, since: float) -> bytes:
    """Return the state.json of the newest checkpoint, if it was saved since; else nothing."""
    with contextlib.suppress(OSError):
        newest = max(checkpoints.glob("step-*/DONE"), default=None)
        if newest is not None and newest.stat().st_mtime >= since:
            state = newest.parent / "state.json"
            return files.read_part(state, offset=0, limit=LARGEST_STATE_BYTES)
    return b""


def _last_progress(progress: bytes, since: float) -> tuple[float, float, float] | None:
    """Return instant, step and total of the last line that has them."""
    for line in reversed(progress.splitlines()):
        with contextlib.suppress(*NONSENSE):
            value = json.loads(line)
            return float(value.get("t", since)), float(value["step"]), float(value["total"])
    return None


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
