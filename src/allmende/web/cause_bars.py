"""A reconciliation as bars: for each unit, a bar for each cause of the difference."""

from dataclasses import dataclass

from allmende.domain.accounting.reconciliations import Reconciliation, Total

WIDTH = 1000
UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class CauseBar:
    """A cause, its seconds, and its bar; below zero the ledger has more than the cluster."""

    cause: str
    seconds: int
    width: int
    colour: str


@dataclass(frozen=True)
class TotalDrawing:
    """What one unit comes to, and a bar for each cause, as long as the longest allows."""

    total: Total
    bars: tuple[CauseBar, ...]


def draw_causes(found: Reconciliation) -> list[TotalDrawing]:
    """Draw the difference of each unit; what is there at all can be seen."""
    return [_draw(total) for total in found.totals]


def _draw(total: Total) -> TotalDrawing:
    amounts = {cause.value: seconds for cause, seconds in total.causes.items()}
    if total.unexplained_seconds:
        amounts[UNEXPLAINED] = total.unexplained_seconds
    longest = max((abs(seconds) for seconds in amounts.values()), default=1)
    bars = (
        CauseBar(
            cause=cause,
            seconds=seconds,
            width=max(12, abs(seconds) * WIDTH // longest),
            colour=_colour(cause, seconds),
        )
        for cause, seconds in amounts.items()
    )
    return TotalDrawing(total=total, bars=tuple(bars))


def _colour(cause: str, seconds: int) -> str:
    if cause == UNEXPLAINED:
        return "expired"
    return "available" if seconds > 0 else "held"
