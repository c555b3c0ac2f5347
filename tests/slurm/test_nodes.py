"""Draining a node of a real cluster: it finishes what it runs, and comes back."""

import time

from tools.slurm_lab import Lab
from tools.slurm_lab.configuration import PARTITION

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.nodes import SlurmNodes
from allmende.domain.basics.sites import SlurmCluster
from allmende.domain.scheduling.nodes import NodeStatus


def nodes_of(lab: Lab) -> SlurmNodes:
    cluster = SlurmCluster(
        cluster=lab.plan.cluster, conf=str(lab.plan.conf), work_folder=str(lab.plan.folder)
    )
    return SlurmNodes(SlurmClient(cluster), partition=PARTITION)


def wait_for(nodes: SlurmNodes, name: str, *states: str) -> NodeStatus:
    ends_by = time.monotonic() + 120
    while True:
        found = next(each for each in nodes.list_nodes() if each.name == name)
        if found.state in states:
            return found
        assert time.monotonic() < ends_by, found
        time.sleep(0.2)


def test_a_node_is_drained_and_resumed_however_often_it_is_said(slurm_lab: Lab):
    nodes = nodes_of(slurm_lab)
    names = [each.name for each in nodes.list_nodes()]
    assert len(names) == 3
    for _ in range(2):
        nodes.drain(names[2], reason="A fan rattles; see State=IDLE.")
    drained = wait_for(nodes, names[2], "IDLE+DRAIN")
    assert (drained.is_drained, drained.is_busy) == (True, False)
    assert drained.reason == "A fan rattles; see State=IDLE."
    for _ in range(2):
        nodes.resume(names[2])
        back = wait_for(nodes, names[2], "IDLE")  # once Slurm has asked it again
    assert (back.is_drained, back.is_down, back.reason) == (False, False, "")
