"""A picture of who owns whom: owners above, holdings below, and how each counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from allmende.domain.access.firms import Holding, OwnershipGraph
from allmende.domain.access.sizes import CountedFirm, Relation

BOX_WIDTH, BOX_HEIGHT = 172, 62
GAP_ACROSS, GAP_DOWN = 14, 70
DRAWN_MAX = 24
NAME_LENGTH = 20
# How far along a line its number stands: not in the middle, so that two in a circle stay apart.
LABEL_AT = 0.42
HALF, QUARTER = 5_000, 2_500


@dataclass(frozen=True)
class Box:
    """One firm or person; `look` is how it counts."""

    name: str
    counted: CountedFirm
    x: float
    y: float

    @property
    def middle(self) -> tuple[float, float]:
        """Return its middle."""
        return self.x + BOX_WIDTH / 2, self.y + BOX_HEIGHT / 2

    @property
    def name_y(self) -> float:
        """Return the base line of its name."""
        return self.y + 26

    @property
    def how_y(self) -> float:
        """Return the base line of how it counts."""
        return self.y + 47


@dataclass(frozen=True)
class Line:
    """One holding."""

    start: tuple[float, float]
    end: tuple[float, float]
    basis_points: int
    look: str

    @property
    def label(self) -> tuple[float, float]:
        """Return where its number stands."""
        (x, y), (to_x, to_y) = self.start, self.end
        # Past several rows it stands before the first of them, where no box is in the way.
        row, length = BOX_HEIGHT + GAP_DOWN, abs(to_y - y)
        at = LABEL_AT * min(1.0, row / length) if length else LABEL_AT
        return x + (to_x - x) * at, y + (to_y - y) * at


@dataclass(frozen=True)
class OwnerPicture:
    """Boxes and lines in one frame; `left_out` are those that stand in the table only."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    left_out: int


def draw_owners(
    graph: OwnershipGraph, counted: Iterable[CountedFirm], *, across: int
) -> OwnerPicture:
    """Return the picture of a graph, with at most so many boxes side by side.

    Where not all have room, those that count come first.
    """
    drawn = list(counted)[:DRAWN_MAX]
    own = next(each.firm_id for each in drawn if each.relation is Relation.OWN)
    levels = _find_levels(graph.holdings, own)
    rows: dict[int, list[CountedFirm]] = {}
    for each in drawn:
        rows.setdefault(levels.get(each.firm_id, 1), []).append(each)
    boxes = list(_place(rows, across))
    by_id = {box.counted.firm_id: box for box in boxes}
    lines = [
        _line(by_id[h.owner_id], by_id[h.owned_id], h)
        for h in graph.holdings
        if h.owner_id in by_id and h.owned_id in by_id
    ]
    height = max(box.y for box in boxes) + BOX_HEIGHT + GAP_ACROSS
    left_out = len(graph.firms) - len(drawn)
    return OwnerPicture(_width(across), int(height), tuple(boxes), tuple(lines), left_out)


def _find_levels(holdings: Iterable[Holding], own: str) -> dict[str, int]:
    """Return how many steps each is above (positive) or below the own firm."""
    held = list(holdings)
    levels, edge = {own: 0}, [own]
    while edge:
        here = edge.pop(0)
        for holding in held:
            for one, other, step in (
                (holding.owned_id, holding.owner_id, 1),
                (holding.owner_id, holding.owned_id, -1),
            ):
                if one == here and other not in levels:
                    levels[other] = levels[here] + step
                    edge.append(other)
    return levels


def _width(across: int) -> int:
    return across * (BOX_WIDTH + GAP_ACROSS) + GAP_ACROSS


def _place(rows: dict[int, list[CountedFirm]], across: int) -> Iterable[Box]:
    y = float(GAP_ACROSS)
    for level in sorted(rows, reverse=True):
        waiting = rows[level]
        while waiting:
            here, waiting = waiting[:across], waiting[across:]
            x = (_width(across) - len(here) * (BOX_WIDTH + GAP_ACROSS) + GAP_ACROSS) / 2
            for each in here:
                yield Box(shorten(each.name), each, x, y)
                x += BOX_WIDTH + GAP_ACROSS
            y += BOX_HEIGHT + GAP_DOWN


def _line(owner: Box, owned: Box, holding: Holding) -> Line:
    share = max(holding.capital_basis_points, holding.votes)
    if holding.has_control or holding.votes > HALF:
        look = "whole"
    else:
        look = "part" if share >= QUARTER else "little"
    return Line(owner.middle, owned.middle, share, look)


def shorten(name: str) -> str:
    """Return a name that fits into its box."""
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1].rstrip()}…"
