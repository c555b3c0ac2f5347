"""Which job of a trace waits for the end of another, as its file says; and what is wrong with that.

A job with a predecessor may start from its think time after the predecessor's end on, and never
before its own submission (fields 17 and 18 of the Standard Workload Format).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allmende.twin.findings import Findings

Ints = NDArray[np.int64]
NOBODY = -1


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Job for job as in the trace; predecessors are numbers of jobs, or -1."""

    lines: Ints  # where each stood in its file
    predecessors: Ints
    think_seconds: Ints

    def select(self, chosen: Any) -> "Dependencies":
        """Return the dependencies of only these jobs, or of all of them in this order."""
        return Dependencies(
            lines=self.lines[chosen],
            predecessors=self.predecessors[chosen],
            think_seconds=self.think_seconds[chosen],
        )


def make_dependencies(lines: Ints, predecessors: Ints, think_seconds: Ints) -> Dependencies | None:
    """Return the dependencies of a trace, or None where no job names another."""
    if not bool(np.any(predecessors != NOBODY)):
        return None
    return Dependencies(
        lines=lines, predecessors=predecessors, think_seconds=np.maximum(think_seconds, 0)
    )


def find_predecessors(dependencies: Dependencies, numbers: Ints, findings: Findings) -> Ints:
    """Return the place of the job that each waits for, or -1, by the numbers of the jobs played.

    Every predecessor that is left stands before its job, so nobody waits for ever. What cannot be
    meant is a finding with its line, and the job waits for nobody.
    """
    asked, count = dependencies.predecessors, numbers.size
    order = np.argsort(numbers, kind="stable")
    begins, ends = (np.searchsorted(numbers[order], asked, side=s) for s in ("left", "right"))
    wants = asked != NOBODY
    places = np.where(wants & (ends > begins), order[np.minimum(begins, count - 1)], NOBODY)
    in_circle = _find_circles(places)
    for kind, is_bad in (
        ("predecessor_unknown", wants & (ends == begins)),
        ("predecessor_ambiguous", wants & (ends > begins + 1)),
        ("predecessor_in_circle", in_circle),
        ("predecessor_later", (places > np.arange(count)) & ~in_circle),
    ):
        findings.add_many(kind, dependencies.lines[is_bad])
        places[is_bad] = NOBODY
    return places


def _find_circles(places: Ints) -> NDArray[np.bool_]:
    """Return which jobs wait for themselves, directly or through others."""
    in_circle = np.zeros(places.size, dtype=bool)
    walked: dict[int, int] = {}
    # Every circle leads from some job to one that stands not before it.
    for begin in np.flatnonzero(places >= np.arange(places.size)).tolist():
        place = begin
        while place != NOBODY and place not in walked:
            walked[place] = begin
            place = int(places[place])
        if place != NOBODY and walked[place] == begin:
            while not in_circle[place]:
                in_circle[place] = True
                place = int(places[place])
    return in_circle
