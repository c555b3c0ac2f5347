"""Nodes out of service until further notice: drained, with a reason, and put back into service."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from allmende.domain.basics.refusals import Refusal

LONGEST_REASON = 200


class UnknownNode(Refusal):
    """{partition} has no node named {node}. Its nodes are {known}."""

    status = 404


@dataclass(frozen=True, kw_only=True)
class NodeDrain:
    """A node that finishes what it runs and gets nothing new, from an instant on."""

    partition_id: str
    node: str
    reason: str
    drained_at: datetime
    drained_by: str
    resumed_at: datetime | None = None  # None: it is drained still
    resumed_by: str = ""


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """What a cluster says of one of its nodes."""

    name: str
    state: str  # in the cluster's words
    is_drained: bool = False  # it gets nothing new, whoever said so
    is_down: bool = False  # it does not answer
    is_busy: bool = False
    reason: str = ""
    address: str = ""  # at which the cluster itself reaches it; "" where that is not known


class ClusterNodes(Protocol):
    """The nodes of one partition of a cluster. Every method may be repeated."""

    def list_nodes(self) -> list[NodeStatus]:
        """Return its nodes in the order of the cluster."""
        ...

    def drain(self, node: str, *, reason: str) -> None:
        """Let the node finish what it runs, and give it nothing new."""
        ...

    def resume(self, node: str) -> None:
        """Put a drained node back into service."""
        ...


def check_node(partition_name: str, node: str, *, known: tuple[str, ...]) -> None:
    """Refuse a name that no node of the partition has."""
    if node not in known:
        raise UnknownNode(partition=partition_name, node=node, known=", ".join(known))
