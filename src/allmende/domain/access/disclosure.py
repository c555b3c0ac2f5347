"""What the public may read of small groups: nothing from which a hidden figure can be computed.

A table has one row for each category of one property, such as the country. Categories with fewer
than five organisations are summed up in one row without names. Where that row would itself have
fewer than five, a named category joins it. So what is published is a partition into groups of five
organisations or more, whatever rows are added or subtracted.

A reader who knows these rules must not gain by them either. Four organisations in each hidden
category would be found out, since no other numbers below five make up the sum: then a category
joins as well. And which one joins depends on the names alone: the smallest would be found out where
the smallest that is still named leaves it only one size.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST_ORGANISATIONS = 5


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A figure, and the organisations behind it."""

    value: int
    organisation_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class PublicTable:
    """The named categories, the others together, and the sum; None where nothing may be said."""

    named: Mapping[str, int]
    others: int | None
    total: int | None


def gather_cells(records: Iterable[tuple[str, str, int]]) -> dict[str, Cell]:
    """Return a cell for each category from records of category, organisation and amount."""
    values: dict[str, int] = {}
    organisations: dict[str, set[str]] = {}
    for category, organisation_id, amount in records:
        values[category] = values.get(category, 0) + amount
        organisations.setdefault(category, set()).add(organisation_id)
    return {
        category: Cell(value=value, organisation_ids=frozenset(organisations[category]))
        for category, value in values.items()
    }


def publish(cells: Mapping[str, Cell]) -> PublicTable:
    """Return what may be published of the categories of one property."""
    if _count(cells.values()) < LEAST_ORGANISATIONS:
        return PublicTable(named={}, others=None, total=None)
    hidden = [name for name in cells if _count([cells[name]]) < LEAST_ORGANISATIONS]
    for name in sorted(set(cells).difference(hidden), reverse=True):
        if not hidden or _is_safe([cells[each] for each in hidden]):
            break
        hidden.append(name)
    named = {name: cell.value for name, cell in sorted(cells.items()) if name not in hidden}
    others = sum(cells[name].value for name in hidden) if hidden else None
    return PublicTable(named=named, others=others, total=sum(cell.value for cell in cells.values()))


def _is_safe(hidden: list[Cell]) -> bool:
    """Say whether the sum of these gives none of them away."""
    most = LEAST_ORGANISATIONS - 1
    return _count(hidden) > most and any(_count([cell]) != most for cell in hidden)


def _count(cells: Iterable[Cell]) -> int:
    return len(frozenset[str]().union(*(cell.organisation_ids for cell in cells)))
