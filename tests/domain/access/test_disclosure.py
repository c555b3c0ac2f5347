"""No reader computes a hidden figure: neither by sums, nor by knowing how tables are made."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.disclosure import LEAST_ORGANISATIONS, Cell, gather_cells, publish

NAMES = "abcdefgh"


def cells_of(counts: Sequence[int]) -> dict[str, Cell]:
    """Return cells in which every organisation counts once: the easiest to see through."""
    return gather_cells(
        (name, f"{name}{number}", 1)
        for name, count in zip(NAMES, counts, strict=False)
        for number in range(count)
    )


def told(counts: Sequence[int]) -> tuple:
    table = publish(cells_of(counts))
    return tuple(table.named.items()), table.others, table.total


def is_hidden(name: str, table: tuple) -> bool:
    return name not in dict(table[0])


def every_count(categories: int, most: int) -> Iterator[tuple[int, ...]]:
    return (each for each in product(range(most + 1), repeat=categories) if sum(each) <= most)


@pytest.mark.parametrize(("categories", "most"), [(2, 20), (3, 18), (4, 14), (5, 11)])
def test_what_is_published_leaves_every_hidden_count_open(categories, most):
    """Whoever knows the method tries every world, and keeps those that would look the same."""
    worlds = defaultdict(list)
    for counts in every_count(categories, most):
        worlds[told(counts)].append(counts)
    found = [
        (table, name)
        for table, alike in worlds.items()
        for place, name in enumerate(NAMES[:categories])
        if is_hidden(name, table)
        and {counts[place] for counts in alike} != {0}
        and len({counts[place] for counts in alike}) == 1
    ]
    assert found == []


def test_two_tables_of_the_same_organisations_leave_it_open_too():
    """By size and by country at once: 2 x 2 groups, each world that looks the same in both."""
    worlds = defaultdict(list)
    for a, b, c, d in every_count(4, 13):
        margins = ((a + b, c + d), (a + c, b + d))
        worlds[tuple(map(told, margins))].append(margins)
    for tables, alike in worlds.items():
        for side, table in enumerate(tables):
            for place, name in enumerate("ab"):
                counts = {margins[side][place] for margins in alike}
                assert not is_hidden(name, table) or len(counts) > 1 or counts == {0}


records = st.lists(
    st.tuples(
        st.sampled_from("abcde"),  # a size class
        st.sampled_from("vwxyz"),  # a country
        st.integers(0, 30),  # an organisation
        st.integers(1, 10**6),  # seconds
    ),
    max_size=80,
)


@pytest.mark.slow
@given(records)
def test_no_sum_or_difference_of_published_rows_is_a_hidden_cell(found):
    """Every row is a sum over the same records: a hidden one must not lie in what they span."""
    joint = list(product("abcde", "vwxyz"))

    def indicate(side: int, names: set[str]) -> list[int]:
        return [int(pair[side] in names) for pair in joint]

    rows: list[list[int]] = []
    hidden: list[list[int]] = []
    for side in (0, 1):
        cells = gather_cells((each[side], f"o{each[2]}", each[3]) for each in found)
        table = publish(cells)
        if table.total is None:
            hidden += [indicate(side, {name}) for name in cells]
            continue
        rest = set(cells) - set(table.named)
        rows += [indicate(side, {name}) for name in table.named]
        rows += [indicate(side, rest)] if rest else []
        hidden += [indicate(side, {name}) for name in rest]
        assert len(rest) != 1
    before = rank(rows)
    for cell in hidden:
        assert rank([*rows, cell]) == before + 1


@given(records)
def test_every_row_stands_for_five_organisations_and_the_rows_add_up(found):
    cells = gather_cells((each[0], f"o{each[2]}", each[3]) for each in found)
    table = publish(cells)
    if table.total is None:
        assert len({each[2] for each in found}) < LEAST_ORGANISATIONS
        return
    for name, value in table.named.items():
        assert len(cells[name].organisation_ids) >= LEAST_ORGANISATIONS
        assert value == cells[name].value
    rest = [cells[name] for name in cells if name not in table.named]
    together = frozenset().union(*(cell.organisation_ids for cell in rest))
    assert not rest or len(together) >= LEAST_ORGANISATIONS
    assert sum(table.named.values()) + (table.others or 0) == table.total


def test_one_firm_with_many_projects_is_no_crowd():
    cells = gather_cells(("DE", "one firm", 100) for _ in range(50))
    assert publish(cells).total is None


def rank(rows: list[list[int]]) -> int:
    """Return the rank over the rational numbers."""
    matrix = [[Fraction(each) for each in row] for row in rows]
    found = 0
    for column in range(len(matrix[0]) if matrix else 0):
        pivot = next((row for row in range(found, len(matrix)) if matrix[row][column]), None)
        if pivot is None:
            continue
        matrix[found], matrix[pivot] = matrix[pivot], matrix[found]
        for row in range(found + 1, len(matrix)):
            factor = matrix[row][column] / matrix[found][column]
            if factor:
                matrix[row] = [
                    a - factor * b for a, b in zip(matrix[row], matrix[found], strict=True)
                ]
        found += 1
    return found
