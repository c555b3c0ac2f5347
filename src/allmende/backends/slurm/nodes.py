"""The nodes of a Slurm partition: what the cluster says of them, and how it drains them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from allmende.backends.slurm.client import SlurmClient
from allmende.domain.scheduling.nodes import NodeStatus

# What follows a state: IDLE*, IDLE~; some are combined: MIXED+DRAIN, DOWN+NOT_RESPONDING.
MARKS = "*~#!%$@^-"
DRAINED = frozenset({"DRAIN", "DRAINED", "DRAINING"})
DOWN = frozenset({"DOWN", "FAIL", "FAILING", "ERROR", "NO_RESPOND", "NOT_RESPONDING", "UNKNOWN"})
BUSY = frozenset({"ALLOCATED", "MIXED", "COMPLETING", "DRAINING"})
# Whoever gave a reason stands behind it: "fans [root@2026-11-26T05:00:00]".
GIVEN_BY = re.compile(r"\s*\[[^\[\]@]*@[^\[\]]*\]\s*$")


@dataclass(frozen=True)
class SlurmNodes:
    """The nodes of one partition of a cluster."""

    client: SlurmClient
    partition: str  # in the cluster's words

    def list_nodes(self) -> list[NodeStatus]:
        """Return its nodes in the order of the cluster."""
        said = self.client.run("scontrol", "show", "nodes", "--oneliner")
        return parse_nodes(said, partition=self.partition)

    def drain(self, node: str, *, reason: str) -> None:
        """Let the node finish what it runs, and give it nothing new."""
        self._update(node, "State=DRAIN", f"Reason={reason}")

    def resume(self, node: str) -> None:
        """Put a drained node back into service; one that is in service stays so."""
        # Slurm refuses to resume what needs no resuming.
        if any(each.name == node and each.is_drained for each in self.list_nodes()):
            self._update(node, "State=RESUME")

    def _update(self, node: str, *what: str) -> None:
        self.client.run("scontrol", "update", f"NodeName={node}", *what)


def parse_nodes(said: str, *, partition: str) -> list[NodeStatus]:
    """Return the nodes of a partition from `scontrol show nodes --oneliner`."""
    found = []
    for line in said.splitlines():
        facts, _, reason = line.partition(" Reason=")  # free text, which may look like a field
        fields = dict(re.findall(r"(\w+)=(\S*)", facts))
        if "NodeName" not in fields or partition not in fields.get("Partitions", "").split(","):
            continue
        found.append(_status(fields, reason))
    return found


def _status(fields: Mapping[str, str], reason: str) -> NodeStatus:
    state = fields.get("State", "")
    flags = {flag.rstrip(MARKS) for flag in state.split("+")}
    return NodeStatus(
        name=fields["NodeName"],
        state=state,
        is_drained=bool(flags & DRAINED),
        is_down=bool(flags & DOWN) or "*" in state,
        is_busy=bool(flags & BUSY),
        reason=GIVEN_BY.sub("", reason.partition(" Comment=")[0]).strip(),
        address=fields.get("NodeAddr", ""),
    )
