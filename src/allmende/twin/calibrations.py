"""A range that holds four times in five, because it learns from how earlier ranges held.

Forward runs alone are too sure of themselves: what they draw from is the past. So each tail of a
range is widened by a factor, chosen so that nine tenths of the latest forecasts would have held on
that side (split conformal prediction: Vovk and others 2005; on the logarithm of the wait, because a
range from 1 to 2 hours is as sure as one from 10 to 20).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, log

from allmende.twin.forecasts import HORIZON_SECONDS, Forecast

LATEST = 200  # forecasts that a factor rests on
ENOUGH = 30
# Until so many forecasts have come true: what backtests on four recorded traces gave.
FIRST_FACTORS = (2.0, 3.0)
NARROWEST = 0.15  # of a tail, on the logarithm: no range is a point
MINUTE = 60
# A little more than nine tenths: habits change while one learns from them.
SIDE = 0.91


@dataclass(frozen=True)
class Outcome:
    """A forecast as the forward runs gave it, and after how many seconds the job started."""

    forecast: Forecast
    started_after_seconds: int


@dataclass(frozen=True)
class Calibration:
    """By how much each tail is widened."""

    early_factor: float
    late_factor: float
    outcomes: int  # that the factors rest on; 0 while there are too few

    @classmethod
    def learn(cls, outcomes: Sequence[Outcome]) -> "Calibration":
        """Return the factors for the latest of these outcomes."""
        latest = outcomes[-LATEST:]
        if len(latest) < ENOUGH:
            return cls(*FIRST_FACTORS, outcomes=0)
        early, late = [], []
        for outcome in latest:
            middle, down, up = _tails(outcome.forecast)
            distance = _scale(outcome.started_after_seconds) - middle
            early.append(-distance / down)
            late.append(distance / up)
        return cls(_quantile(early), _quantile(late), outcomes=len(latest))

    def widen(self, forecast: Forecast) -> Forecast:
        """Return the forecast with the range that should hold four times in five."""
        middle, down, up = _tails(forecast)
        early = middle - self.early_factor * down
        late = middle + self.late_factor * up
        return replace(
            forecast,
            earliest_seconds=_unscale(min(early, late)),
            latest_seconds=_unscale(max(early, late)),
        )


def _tails(forecast: Forecast) -> tuple[float, float, float]:
    """Return the median on the scale, and the widths of the tails below and above it."""
    early, middle, late = (
        _scale(HORIZON_SECONDS if second is None else second)
        for second in (
            forecast.earliest_seconds,
            forecast.median_seconds,
            forecast.latest_seconds,
        )
    )
    return middle, max(NARROWEST, middle - early), max(NARROWEST, late - middle)


def _scale(seconds: float) -> float:
    return log(1 + max(0.0, seconds) / MINUTE)


def _unscale(value: float) -> int | None:
    seconds = MINUTE * (exp(min(value, 50.0)) - 1)
    return None if seconds >= HORIZON_SECONDS else max(0, round(seconds))


def _quantile(scores: Sequence[float]) -> float:
    """Return the score that all but a tenth stay below, counting one more that is to come."""
    place = min(len(scores), ceil((len(scores) + 1) * SIDE)) - 1
    return sorted(scores)[place]
