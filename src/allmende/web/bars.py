"""A budget as a bar: what is available, held, used and expired."""

from dataclasses import dataclass

from allmende.domain.accounting.allocations import Budget

WIDTH = 1000


@dataclass(frozen=True)
class Part:
    """A strip of the bar."""

    name: str
    seconds: int
    x: int
    width: int


@dataclass(frozen=True)
class Bar:
    """A budget and its strips, from left to right."""

    budget: Budget
    parts: tuple[Part, ...]


def draw_bar(budget: Budget) -> Bar:
    """Cut the bar into strips; what is nothing has no width but keeps its line in the legend."""
    amounts = {
        "available": budget.available_seconds,
        "held": budget.held_seconds,
        "consumed": budget.consumed_seconds,
        "expired": budget.expired_seconds,
    }
    whole = sum(max(0, seconds) for seconds in amounts.values()) or 1
    parts, x = [], 0
    for name, seconds in amounts.items():
        width = round(max(0, seconds) * WIDTH / whole)
        parts.append(Part(name=name, seconds=seconds, x=x, width=width))
        x += width
    return Bar(budget=budget, parts=tuple(parts))
