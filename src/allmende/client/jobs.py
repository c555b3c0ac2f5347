"""A job: how far it is, what it wrote, what came of it."""

import math
import secrets
import time
from collections.abc import Iterator
from typing import Any

from allmende.client.calls import Caller
from allmende.client.models import Model, list_models
from allmende.domain.scheduling.jobs import LIFECYCLE, JobState

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0


class Job:
    """A job of yours. `facts` is what the API said of it last; `refresh` asks again."""

    def __init__(self, caller: Caller, facts: dict[str, Any]) -> None:
        self._caller = caller
        self.facts = facts
        self.id: str = facts["id"]

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.facts['name']!r}: {self.state}>"

    @property
    def state(self) -> JobState:
        """Return how it stood when it was last asked for."""
        return JobState(self.facts["state"])

    @property
    def has_ended(self) -> bool:
        """Say whether it had ended by then, well or not."""
        return LIFECYCLE.is_final(self.state)

    def refresh(self) -> "Job":
        """Ask how it is now."""
        self.facts = self._ask()["job"]
        return self

    def wait(self, *, timeout_seconds: float | None = None) -> "Job":
        """Return once it has ended, however that is; `TimeoutError` if it has not by then."""
        ends_at = time.monotonic() + (math.inf if timeout_seconds is None else timeout_seconds)
        pauses = _pauses()
        while not self.refresh().has_ended:
            left_seconds = ends_at - time.monotonic()
            if left_seconds <= 0:
                raise TimeoutError(f"Job {self.id} is still {self.state}. {self.why()}".strip())
            time.sleep(min(next(pauses), left_seconds))
        return self

    def why(self) -> str:
        """Return the sentence why it waits, or why it ended; empty while it runs."""
        return str(self._ask("/why")["sentence"] or "")

    def attempts(self) -> list[dict[str, Any]]:
        """Return its attempts: nodes, reason of the end, hours, refund, energy."""
        return list(self._ask()["attempts"])

    def events(self) -> list[dict[str, Any]]:
        """Return what happened to it, as sentences with their time."""
        return list(self._ask("/events"))

    def progress(self) -> dict[str, Any]:
        """Return step, total, per cent, the last metrics and the time left."""
        return dict(self._ask("/progress"))

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Return each metric over its steps, at most 1,000 points."""
        return {
            each["name"]: [(step, value) for step, value in each["points"]]
            for each in self._ask("/curves")
        }

    def log(self, *, follow: bool = False, attempt: int = 0) -> Iterator[str]:
        """Yield its output piece by piece, of all attempts or of one.

        With `follow` it waits for more until the job has ended.
        """
        number, offset, pauses = attempt or 1, 0, _pauses()
        while True:
            newest = self.refresh().facts["attempts"]
            is_last = number >= (attempt or newest)
            if number <= newest:
                part = self._ask("/log", attempt=number, offset=offset)
                offset = part["next_offset"]
                if part["text"]:
                    pauses = _pauses()
                    yield part["text"]
                if not part["is_whole"]:
                    continue
                if not is_last:
                    number, offset = number + 1, 0
                    continue
            if not follow or self.has_ended or number < newest:
                return
            time.sleep(next(pauses))

    def stop(self) -> "Job":
        """Let it save a checkpoint and end."""
        return self._do("stop")

    def cancel(self) -> "Job":
        """End it without saving."""
        return self._do("cancel")

    def again(self, *, key: str = "") -> "Job":
        """Submit its job file once more, as a job of its own; under a key of yours, once."""
        key = key or make_key()
        return Job(self._caller, self._caller.ask("POST", f"/jobs/{self.id}/again", key=key))

    def model(self) -> Model | None:
        """Return the model that it left, if it left one; waits until what it left was read."""
        pauses = _pauses()
        while self.refresh().state is JobState.COMPLETED and not self.facts["outputs_read_at"]:
            time.sleep(next(pauses))
        for found in list_models(self._caller, project_id=self.facts["project_id"]):
            if found.facts["job_id"] == self.id:
                return found
            if found.facts["created_at"] < self.facts["submitted_at"]:
                break  # the newest come first
        return None

    def _ask(self, what: str = "", **query: Any) -> Any:
        return self._caller.ask("GET", f"/jobs/{self.id}{what}", query=query)

    def _do(self, what: str) -> "Job":
        self.facts = self._caller.ask("POST", f"/jobs/{self.id}/{what}", is_safe_twice=True)
        return self


def make_key() -> str:
    """Return a key under which one deed is done once, though it is asked for twice."""
    return f"python-{secrets.token_hex(16)}"


def _pauses() -> Iterator[float]:
    """Yield how long to wait before asking again: short at first, for short jobs."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)
