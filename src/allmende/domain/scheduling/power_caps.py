"""A cap on power, counted in nodes: so many must stay idle."""

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Partition


class WattsUnknown(Refusal):
    """Nothing says what a node of {partition} draws, so a cap on power cannot be turned into nodes.
    Set watts_most_per_node in config/factory.toml."""

    status = 422


class CapBelowIdle(Refusal):
    """Even without any job the {nodes} nodes of {partition} draw up to {idle} kW, more than a cap
    of {cap} kW. Give a higher one."""

    status = 422


class CapChangesNothing(Refusal):
    """All {nodes} nodes of {partition} together draw at most {most} kW, so a cap of {cap} kW
    changes nothing. Give a lower one."""

    status = 422


def idle_nodes_under_cap(partition: Partition, cap_watts: int) -> int:
    """Return how many nodes must stay idle so that the cap holds whatever the others run.

    Nodes that do nothing still draw their idle power; the number that may work is rounded down.
    """
    nodes, idle = partition.nodes or 0, partition.watts_idle_per_node
    most = partition.worst_watts_per_node
    if most <= idle:
        raise WattsUnknown(partition=partition.name)
    facts = {"partition": partition.name, "nodes": nodes, "cap": cap_watts / 1000}
    if cap_watts < nodes * idle:
        raise CapBelowIdle(**facts, idle=nodes * idle / 1000)
    if cap_watts >= nodes * most:
        raise CapChangesNothing(**facts, most=nodes * most / 1000)
    return nodes - int((cap_watts - nodes * idle) / (most - idle))
