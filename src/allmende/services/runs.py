"""Watching a job while it runs: its progress, its metric curves, its log."""

import codecs
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import Backend, BackendOf
from allmende.services import jobs, projects
from allmende.services.jobs import JobView

POINTS_PER_METRIC = 1000
LOG_PART_BYTES = 64 * 1024
LARGEST_NUMBER = 1e15  # of steps, or of seconds: beyond it nobody can calculate


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is, as its training code last said."""

    step: int = 0
    total: int = 0
    at: float = 0.0  # unix seconds
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds_left: int | None = None  # at the pace of this attempt; None while nobody can tell

    @property
    def percent(self) -> int:
        """Return the part done, from 0 to 100."""
        return min(100, 100 * self.step // self.total) if self.total > 0 else 0


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One metric over the steps, thinned to a number of points that a page can draw."""

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """A piece of output; ask again from `next_offset`."""

    text: str
    next_offset: int
    is_whole: bool  # nothing more was written yet


def get_progress(reader: Person, job_id: str, *, backend_of: BackendOf) -> Progress:
    """Return how far a job is; zero before its first word."""
    view = jobs.get_job(reader, job_id)
    return read_progress(backend_of(view.job.partition_id), job_id)


def read_progress(backend: Backend, job_id: str) -> Progress:
    """Return how far a job is, for those who asked for permission already."""
    lines = _parse_progress(backend.read_progress(job_id))
    if not lines:
        return Progress()
    last = lines[-1]
    return Progress(
        step=last["step"],
        total=last["total"],
        at=last["t"],
        metrics=last["metrics"],
        seconds_left=_seconds_left(lines),
    )


def list_curves(reader: Person, job_id: str, *, backend_of: BackendOf) -> list[Curve]:
    """Return every metric of a job over its steps, to members; a step done again counts once."""
    backend = backend_of(_check_own(reader, job_id).job.partition_id)
    return [
        Curve(name=name, points=_thin(sorted(points.items())))
        for name, points in sorted(read_curves(backend, job_id).items())
    ]


def read_curves(backend: Backend, job_id: str) -> dict[str, dict[int, float]]:
    """Return every metric by step, for those who asked for permission already."""
    curves: dict[str, dict[int, float]] = {}
    for line in _parse_progress(backend.read_progress(job_id)):
        for name, value in line["metrics"].items():
            curves.setdefault(name, {})[line["step"]] = value
    return curves


def read_job_log(
    reader: Person, job_id: str, *, attempt: int = 0, offset: int = 0, backend_of: BackendOf
) -> LogPart:
    """Return a piece of an attempt's output, to members; the newest attempt's if none is named."""
    view = _check_own(reader, job_id)
    number = attempt or view.job.attempts
    if number == 0:
        return LogPart(text="", next_offset=0, is_whole=True)
    if not 1 <= number <= view.job.attempts:
        raise NotFound(kind="attempt", id=f"{job_id}.{number}")
    key = f"{job_id}.{number}"
    backend = backend_of(view.job.partition_id)
    content = backend.read_log(key, offset=max(0, offset), limit=LOG_PART_BYTES)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(content)
    # A character may be cut at the end of a piece: it comes whole with the next one.
    cut_bytes = len(decoder.getstate()[0])
    return LogPart(
        text=text,
        next_offset=max(0, offset) + len(content) - cut_bytes,
        is_whole=len(content) < LOG_PART_BYTES,
    )


def _check_own(reader: Person, job_id: str) -> JobView:
    """Return the job to its own people: what it writes is theirs, not the staff's."""
    view = jobs.get_job(reader, job_id)
    job = view.job
    if not projects.is_own(reader, organisation_id=job.organisation_id, project_id=job.project_id):
        raise NotFound(kind="log of job", id=job_id)
    return view


def _parse_progress(content: bytes) -> list[dict[str, Any]]:
    """Return the lines that say something; a half-written last line is left for the next look."""
    lines = [_parse_line(text) for text in content.splitlines()]
    return [line for line in lines if line is not None]


def _parse_line(text: bytes) -> dict[str, Any] | None:
    """Return what a line says; a job may write what it likes: what is no progress is skipped."""
    try:
        line = json.loads(text)
        at, step, total = float(line["t"]), int(line["step"]), int(line.get("total", 0))
        metrics = _numbers(line.get("metrics", {}))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        return None
    if not all(0 <= number < LARGEST_NUMBER for number in (at, step, total)):
        return None
    return {"t": at, "step": step, "total": total, "metrics": metrics}


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {
        str(name): float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _seconds_left(lines: list[dict[str, Any]]) -> int | None:
    """Estimate from the pace since the step last fell back, that is since the attempt began."""
    first = lines[-1]
    for line in reversed(lines):
        if line["step"] > first["step"]:
            break
        first = line
    last = lines[-1]
    steps, seconds = last["step"] - first["step"], last["t"] - first["t"]
    if steps <= 0 or seconds <= 0 or last["total"] <= 0:
        return None
    return max(0, int((last["total"] - last["step"]) * seconds / steps))


def _thin(points: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Keep the first, the last, and evenly spread points in between."""
    if len(points) <= POINTS_PER_METRIC:
        return tuple(points)
    stride = (len(points) - 1) / (POINTS_PER_METRIC - 1)
    return tuple(points[round(number * stride)] for number in range(POINTS_PER_METRIC))
