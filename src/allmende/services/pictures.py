"""Pictures of an outcome: SVG that needs no script, each with a table that says the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.boards import MICRO
from allmende.services.outcomes import Outcome, Part
from allmende.services.what_if import DAY_SECONDS, HOUR_SECONDS
from allmende.twin.charts import Limit, Line, Write, average, draw_bars, draw_lines
from allmende.twin.measures import POINTS, GroupFigures
from allmende.twin.reports import Translate

ROWS = 8
NEAR = 4  # a bound that is farther off would press every line to the ground


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing, the names of its colours in order, and its table."""

    title: str
    svg: str
    names: tuple[str, ...]
    first_column: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def draw_pictures(outcome: Outcome, *, translate: Translate, write: Write) -> list[Picture]:
    """Return the pictures of an outcome in the reader's language."""
    artist = _Artist(outcome, translate, write)
    return [artist.waits(), artist.queue(), artist.share(), artist.lag()]


@dataclass(frozen=True)
class _Artist:
    outcome: Outcome
    translate: Translate
    write: Write

    def waits(self) -> Picture:
        """Draw the mean wait of every group."""
        parts = self.outcome.parts
        bars = [
            (
                self.translate(Sentence(self.outcome.name_of(name_of(group)))),
                [_find(part, group.path).wait_seconds_mean / HOUR_SECONDS for part in parts],
            )
            for group in parts[0].figures.groups
        ]
        title = self.translate(Sentence("Mean wait of each group, in hours"))
        return Picture(
            title=title,
            svg=draw_bars(title, bars, unit="h", write=self.write),
            names=self._names(parts),
            first_column=self.translate(Sentence("group")),
            rows=tuple((name, tuple(map(self.write, values))) for name, values in bars),
        )

    def queue(self) -> Picture:
        """Draw what waits."""
        return self._over_time(
            Sentence("Nodes that waiting jobs ask for"),
            lambda part: _summed([group.course.waiting for group in part.figures.groups], part),
            unit="",
        )

    def share(self) -> Picture:
        """Draw what the SMEs run."""
        nodes = self.outcome.machine_nodes
        return self._over_time(
            Sentence("Part of the machine that SMEs run, in %"),
            lambda part: [
                100 * value / nodes for value in _summed([self._sme(part).course.running], part)
            ],
            unit="%",
        )

    def lag(self) -> Picture:
        """Draw how far the SMEs fall behind, and the bound where it is not far above all else."""
        sme = self._sme(self.outcome.parts[1])
        bound = Limit(
            name=self.translate(Sentence("what it never exceeds")),
            value=sme.lag_bound_node_seconds / HOUR_SECONDS,
        )
        nearest = max(
            self._sme(part).worst_lag_node_seconds / HOUR_SECONDS for part in self.outcome.parts
        )
        return self._over_time(
            Sentence("How far SMEs are behind their guarantee, in node-hours"),
            lambda part: [
                int(lag) / MICRO / HOUR_SECONDS for lag in self._sme(part).course.lags[:POINTS]
            ],
            unit="",
            limits=[bound] if nearest * NEAR > bound.value > 0 else [],
        )

    def _over_time(
        self,
        title: Sentence,
        values_of: Callable[[Part], Sequence[float]],
        *,
        unit: str,
        limits: Sequence[Limit] = (),
    ) -> Picture:
        parts = self.outcome.parts
        # All on one time: the longest of them ends the axis.
        longest = max(part.figures.simulated_seconds for part in parts)
        lines = [
            Line(
                name=name,
                values=average(_stretch(values_of(part), part.figures.interval_seconds, longest)),
            )
            for name, part in zip(self._names(parts), parts, strict=True)
        ]
        words = self.translate(title)
        days = max(1, round(longest / DAY_SECONDS))
        until = self.translate(Sentence("{days} days", {"days": days}))
        return Picture(
            title=words,
            svg=draw_lines(words, lines, until=until, unit=unit, limits=limits, write=self.write),
            names=self._names(parts),
            first_column=self.translate(Sentence("day")),
            rows=self._rows(lines, longest / DAY_SECONDS),
        )

    def _rows(self, lines: Sequence[Line], days: float) -> tuple[tuple[str, tuple[str, ...]], ...]:
        last = len(lines[0].values) - 1
        places = sorted({round(row * last / (ROWS - 1)) for row in range(ROWS)})
        return tuple(
            (
                self.write(round(days * place / max(1, last), 1)),
                tuple(self.write(float(f"{line.values[place]:.3g}")) for line in lines),
            )
            for place in places
        )

    def _names(self, parts: Sequence[Part]) -> tuple[str, ...]:
        return tuple(self.translate(part.name) for part in parts)

    def _sme(self, part: Part) -> GroupFigures:
        return _find(part, (self.outcome.sme,))


def name_of(group: GroupFigures) -> str:
    """Return the name of a group."""
    return "/".join(group.path)


def _find(part: Part, path: tuple[str, ...]) -> GroupFigures:
    return next(group for group in part.figures.groups if group.path == path)


def _summed(courses: Sequence[Any], part: Part) -> list[float]:
    """Return the mean nodes of each interval, over all of these courses."""
    seconds = part.figures.interval_seconds
    return [sum(int(course[place]) for course in courses) / seconds for place in range(POINTS)]


def _stretch(values: Sequence[float], interval_seconds: int, longest: int) -> list[float]:
    """Return as many values as there are points, over a time that may be longer than theirs."""
    step = longest / POINTS
    places = [int((place + 0.5) * step) // interval_seconds for place in range(POINTS)]
    return [values[place] if place < len(values) else 0.0 for place in places]
