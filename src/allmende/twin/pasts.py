"""What earlier jobs say about those to come: how much of their limits people use."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from allmende.domain.scheduling.plans import PendingJob, RunningJob
from allmende.domain.scheduling.shares import Path
from allmende.twin.traces import Ints

ENOUGH = 12  # from so many jobs on, a person's own habits say more than those of the group
REMEMBERED = 400  # latest jobs of each place that are drawn from
NOTHING_KNOWN = np.linspace(0.05, 1.0, 20)


@dataclass(frozen=True, kw_only=True)
class PastJob:
    """A job of the past: what it asked for, and how long it ran."""

    path: Path
    submitted_at_seconds: int
    nodes: int
    time_limit_seconds: int
    ran_seconds: int


@dataclass(frozen=True)
class Past:
    """Earlier jobs, in order of submission."""

    jobs: Sequence[PastJob]

    @cached_property
    def _parts(self) -> dict[Path, Any]:
        """Return by place the parts of their limits that its latest jobs used."""
        parts: dict[Path, list[float]] = {}
        for job in self.jobs:
            part = min(1.0, job.ran_seconds / job.time_limit_seconds)
            for depth in range(len(job.path) + 1):
                parts.setdefault(job.path[:depth], []).append(part)
        return {path: np.array(values[-REMEMBERED:]) for path, values in parts.items()}

    def parts_of(self, path: Path) -> Any:
        """Return what to draw from for a job: of its person, else project, group, anybody."""
        for depth in range(len(path), -1, -1):
            known = self._parts.get(path[:depth])
            if known is not None and known.size >= ENOUGH:
                return known
        return NOTHING_KNOWN


@dataclass(frozen=True)
class Pools:
    """For each job that waits or runs, the run times it may have, side by side in one array."""

    parts: Any
    offsets: Ints
    sizes: Ints
    limits: Ints

    @classmethod
    def of(
        cls,
        past: Past,
        waiting: Sequence[PendingJob],
        running: Sequence[RunningJob],
        *,
        now: int,
    ) -> Self:
        """Return the pools of jobs that wait, then of jobs that run.

        One that runs is like those that ran at least as long as it does already.
        """
        pieces: list[Any] = []
        offsets: list[int] = []
        sizes: list[int] = []
        known: dict[Path, tuple[int, int]] = {}
        filled = 0
        for job in waiting:
            if job.path not in known:
                parts = past.parts_of(job.path)
                known[job.path] = (filled, parts.size)
                pieces.append(parts)
                filled += parts.size
            offset, size = known[job.path]
            offsets.append(offset)
            sizes.append(size)
        limits = [job.time_limit_seconds for job in waiting]
        for each in running:
            limit = max(1, each.ends_by_seconds - each.started_at_seconds)
            parts = past.parts_of(each.path)
            longer = parts[parts * limit > now - each.started_at_seconds]
            pieces.append(longer if longer.size else np.ones(1))
            offsets.append(filled)
            sizes.append(pieces[-1].size)
            filled += pieces[-1].size
            limits.append(limit)
        return cls(
            np.concatenate(pieces) if pieces else np.zeros(0),
            np.array(offsets, dtype=np.int64),
            np.array(sizes, dtype=np.int64),
            np.array(limits, dtype=np.int64),
        )

    def draw(self, dice: np.random.Generator) -> Ints:
        """Return a run time in seconds for each job."""
        chosen = self.offsets + (dice.random(self.sizes.size) * self.sizes).astype(np.int64)
        drawn: Ints = np.maximum(1, np.rint(self.parts[chosen] * self.limits)).astype(np.int64)
        return drawn
