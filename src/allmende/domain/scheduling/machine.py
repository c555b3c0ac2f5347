"""A partition is a number of identical nodes, some of them out of service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class CapacityChange:
    """From an instant on, at most so many nodes may be busy (maintenance, a cap on power)."""

    at_seconds: int
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """Nodes that are kept for the jobs of one project until an instant; it is open now."""

    id: str
    nodes: int
    ends_at_seconds: int


@dataclass(frozen=True, kw_only=True)
class Closure:
    """Named nodes on which nothing may run from an instant on; `nodes` are their places."""

    nodes: frozenset[int]
    starts_at_seconds: int
    ends_at_seconds: int


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The nodes of one partition by name; a node's index is its place in `nodes`.

    A drained node finishes what it runs and gets nothing new.
    """

    nodes: tuple[str, ...]
    drained: frozenset[int] = frozenset()
    capacity_changes: tuple[CapacityChange, ...] = ()

    def __post_init__(self) -> None:
        assert len(set(self.nodes)) == len(self.nodes), "every node has a name of its own"
        assert all(0 <= index < len(self.nodes) for index in self.drained), "drained nodes exist"
        instants = [change.at_seconds for change in self.capacity_changes]
        assert instants == sorted(set(instants)), "capacity changes stand in order of time"

    @property
    def nodes_in_service(self) -> int:
        """Return how many nodes are not drained."""
        return len(self.nodes) - len(self.drained)

    def capacity_at(self, instant_seconds: int) -> int:
        """Return how many nodes may be busy at an instant."""
        capacity = self.nodes_in_service
        for change in self.capacity_changes:
            if change.at_seconds <= instant_seconds:
                capacity = min(change.nodes, self.nodes_in_service)
        return capacity

    def list_changes_after(self, instant_seconds: int) -> tuple[tuple[int, int], ...]:
        """Return (instant, capacity from then on) for every change still to come."""
        return tuple(
            (change.at_seconds, min(change.nodes, self.nodes_in_service))
            for change in self.capacity_changes
            if change.at_seconds > instant_seconds
        )

    def find_reduction(self, *, from_seconds: int, seconds: int) -> tuple[int, int] | None:
        """Return (instant, nodes left) of the next reduction that begins within so many seconds."""
        level = self.capacity_at(from_seconds)
        for at, nodes in self.list_changes_after(from_seconds):
            if at < from_seconds + seconds and nodes < level:
                return at, nodes
        return None

    def can_hold(self, nodes: int, *, from_seconds: int, seconds: int) -> bool:
        """Say whether the empty partition could ever give so many nodes for so long."""
        steps = [(from_seconds, self.capacity_at(from_seconds))]
        steps += self.list_changes_after(from_seconds)
        return any(
            all(level >= nodes for at, level in steps[first:] if at < start + seconds)
            for first, (start, _) in enumerate(steps)
        )

    def count_in_service(self, indices: Iterable[int]) -> int:
        """Return how many of these nodes come back into use when they are freed."""
        return sum(index not in self.drained for index in indices)

    def names_of(self, indices: Iterable[int]) -> tuple[str, ...]:
        """Return the names of nodes."""
        return tuple(self.nodes[index] for index in indices)

    def indices_of(self, names: Iterable[str]) -> tuple[int, ...]:
        """Return the places of named nodes; every name must be one of the partition's."""
        return tuple(self._places[name] for name in names)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {name: index for index, name in enumerate(self.nodes)}
