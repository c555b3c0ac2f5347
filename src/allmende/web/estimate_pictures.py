"""How good a model is beside its baseline, as SVG: for each measure two values in intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allmende.domain.training.card_heads import list_estimates
from allmende.domain.training.measures import MEASURES
from allmende.web.wording import write_measure
from allmende.wiring.languages import translate

WIDTH, EDGE = 300, 8
ROWS = (("own", 9), ("beside", 23))  # the class of the colour, and how far from the top


@dataclass(frozen=True)
class Whisker:
    """A value and its interval, placed."""

    kind: str
    y: int
    low: float
    at: float
    high: float
    value: str


@dataclass(frozen=True)
class Measure:
    """One measure of the evaluation: the model's value above the baseline's, on one scale."""

    name: str
    whiskers: tuple[Whisker, ...]


def draw_estimates(record: Mapping[str, Any]) -> list[Measure]:
    """Return a drawing for each measure that has an interval for the model and its baseline."""
    model, baseline = (list_estimates(record, who) for who in ("model", "baseline"))
    return [_draw(key, (row, baseline[key])) for key, row in model.items() if key in baseline]


def _draw(key: str, rows: Sequence[Mapping[str, float]]) -> Measure:
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)

    def x(value: float) -> float:
        return round(EDGE + (value - low) / ((high - low) or 1) * (WIDTH - 2 * EDGE), 1)

    return Measure(
        name=translate(MEASURES[key]) if key in MEASURES else key,
        whiskers=tuple(
            Whisker(
                kind=kind,
                y=y,
                low=x(row["low"]),
                at=x(row["value"]),
                high=x(row["high"]),
                value=write_measure(row["value"]),
            )
            for (kind, y), row in zip(ROWS, rows, strict=True)
        ),
    )
