"""Successive halving: who of a sweep goes on, judged at each rung that a job has come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from allmende.domain.training.courses import WholeLines, parse_line
from allmende.domain.training.sweep_values import Halving

# What a job measured: its metric by step.
Course = Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Fall:
    """A job that does not go on: where it fell, and whom it was measured against."""

    job_id: str
    metric: str
    step: int
    value: float
    place: int  # among those that came so far, from 1
    came: int
    kept: int


class Climb:
    """Takes a progress file piece by piece, and keeps what the rungs ask of it: a few figures."""

    def __init__(self, rule: Halving) -> None:
        self.rule = rule
        self._lines = WholeLines()
        self._at_rungs: dict[int, tuple[int, float]] = {}  # the first step from a rung on
        self._last: tuple[int, float] | None = None  # the highest step

    def take(self, content: bytes) -> None:
        """Take what was written next; a step that is done again counts as it came last."""
        for text in self._lines.cut(content):
            line = parse_line(text)
            if line is not None and self.rule.metric in line.metrics:
                self._add(line.step, line.metrics[self.rule.metric])

    @property
    def course(self) -> Course:
        """Return a part of the course from which the same falls follow as from all of it."""
        return dict([*self._at_rungs.values(), *([self._last] if self._last else [])])

    def _add(self, step: int, value: float) -> None:
        if self._last is None or step >= self._last[0]:
            self._last = (step, value)
        rung = _last_rung(self.rule, step)
        # Higher rungs first: where an earlier step is known, one is known at all rungs below.
        while rung and (rung not in self._at_rungs or step <= self._at_rungs[rung][0]):
            self._at_rungs[rung] = (step, value)
            rung = rung // self.rule.keep if rung > self.rule.first else 0


def find_falls(rule: Halving, courses: Mapping[str, Course], alive: Sequence[str]) -> list[Fall]:
    """Return which jobs that are alive fall at the highest rung that they have come to.

    At a rung of which `came` jobs have a value, the best ceil(came / keep) go on; of equal ones,
    who is named first. Whoever comes alone goes on, so somebody always reaches the end.
    """
    falls = []
    for job_id in alive:
        rung = _last_rung(rule, max(courses.get(job_id, {}), default=0))
        if rung == 0:
            continue
        reached = {name: value_at(course, rung) for name, course in courses.items()}
        values = {name: value for name, value in reached.items() if value is not None}
        sign = 1.0 if rule.goal == "min" else -1.0
        ranked = sorted(values, key=lambda name: sign * values[name])
        kept = -(-len(ranked) // rule.keep)
        place = ranked.index(job_id) + 1
        if place > kept:
            fall = Fall(
                job_id=job_id,
                metric=rule.metric,
                step=rung,
                value=values[job_id],
                place=place,
                came=len(ranked),
                kept=kept,
            )
            falls.append(fall)
    return falls


def value_at(course: Course, rung: int) -> float | None:
    """Return what a job measured first at a rung or after it; None if it did not come so far."""
    step = min((step for step in course if step >= rung), default=None)
    return None if step is None else course[step]


def _last_rung(rule: Halving, step: int) -> int:
    """Return the highest rung that a step has come to; 0 before the first."""
    if step < rule.first:
        return 0
    rung = rule.first
    while rung * rule.keep <= step:
        rung *= rule.keep
    return rung
