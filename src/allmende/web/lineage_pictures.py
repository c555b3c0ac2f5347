"""Where a model comes from, as SVG: sources above, successors at the foot."""

from collections.abc import Iterator
from dataclasses import dataclass

from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.lineage_graphs import LineageGraph, Node, NodeKind
from allmende.web import states
from allmende.wiring.languages import translate

BOX_WIDTH, BOX_HEIGHT = 172, 76
GAP_ACROSS, GAP_DOWN = 14, 40
DETAIL_LENGTH = 22
KIND_WORDS = {
    NodeKind.DATA: Sentence("data"),
    NodeKind.CODE: Sentence("code"),
    NodeKind.PARENT: Sentence("trained further from"),
    NodeKind.JOB: Sentence("job"),
    NodeKind.ATTEMPT: Sentence("attempt"),
    NodeKind.ENERGY: Sentence("energy"),
    NodeKind.MODEL: Sentence("model"),
    NodeKind.CHILD: Sentence("trained further as"),
}
STAGES = (
    (NodeKind.DATA, NodeKind.CODE, NodeKind.PARENT),
    (NodeKind.JOB,),
    (NodeKind.ATTEMPT,),
    (NodeKind.ENERGY,),
    (NodeKind.MODEL,),
    (NodeKind.CHILD,),
)


@dataclass(frozen=True)
class Box:
    """One thing in the history of a model."""

    node: Node
    x: float
    y: float

    @property
    def middle(self) -> float:
        """Return the middle, from the left."""
        return self.x + BOX_WIDTH / 2

    @property
    def kind(self) -> str:
        """Return in words what it is."""
        return translate(KIND_WORDS[self.node.kind])

    @property
    def kind_y(self) -> float:
        """Return the base line of what it is."""
        return self.y + 20

    @property
    def label_y(self) -> float:
        """Return the base line of its name."""
        return self.y + 42

    @property
    def detail_y(self) -> float:
        """Return the base line of its hash or figure."""
        return self.y + 62

    @property
    def detail(self) -> str:
        """Return as much of hash or figure as has room."""
        detail = say_detail(self.node)
        return detail if len(detail) <= DETAIL_LENGTH else f"{detail[: DETAIL_LENGTH - 1]}…"


@dataclass(frozen=True)
class Line:
    """What one thing went into."""

    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True)
class LineagePicture:
    """Boxes and lines in one frame."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def say_detail(node: Node) -> str:
    """Return the hash or the figure of a node, or in words how an attempt ended."""
    if node.kind is NodeKind.ATTEMPT and node.detail:
        return states.describe("job", str(node.detail)).word
    return node.detail if isinstance(node.detail, str) else translate(node.detail)


def draw_lineage(graph: LineageGraph, *, across: int) -> LineagePicture:
    """Return the picture of a graph, with at most so many boxes side by side."""
    rows = [row for stage in STAGES for row in _part(graph, stage, across)]
    width = across * (BOX_WIDTH + GAP_ACROSS) - GAP_ACROSS + 4
    boxes = [box for number, row in enumerate(rows) for box in _place(row, number, width)]
    by_id = {box.node.id: box for box in boxes}
    lines = [
        Line(
            start=(by_id[edge.source].middle, by_id[edge.source].y + BOX_HEIGHT),
            end=(by_id[edge.target].middle, by_id[edge.target].y),
        )
        for edge in graph.edges
    ]
    height = len(rows) * (BOX_HEIGHT + GAP_DOWN) - GAP_DOWN + 4
    return LineagePicture(width=width, height=height, boxes=tuple(boxes), lines=tuple(lines))


def _part(graph: LineageGraph, stage: tuple[NodeKind, ...], across: int) -> Iterator[list[Node]]:
    nodes = [node for node in graph.nodes if node.kind in stage]
    for begin in range(0, len(nodes), across):
        yield nodes[begin : begin + across]


def _place(row: list[Node], number: int, width: int) -> Iterator[Box]:
    left = (width - len(row) * (BOX_WIDTH + GAP_ACROSS) + GAP_ACROSS) / 2
    for place, node in enumerate(row):
        yield Box(
            node=node,
            x=left + place * (BOX_WIDTH + GAP_ACROSS),
            y=2 + number * (BOX_HEIGHT + GAP_DOWN),
        )
