"""What the public may know of the nodes: for which group they work, and nothing more."""

import pytest

from allmende.domain.basics.people import PUBLIC
from allmende.services import nodes
from allmende.wiring.factory import load_factory


@pytest.mark.django_db
def test_every_node_of_an_embedded_partition_is_free_while_nothing_runs():
    uses = nodes.list_node_uses(PUBLIC, factory=load_factory())
    assert [use.partition.id for use in uses] == ["werkbank"]
    assert [node.name for node in uses[0].nodes] == [f"werkbank-0{n}" for n in range(1, 7)]
    assert uses[0].busy_nodes == 0
    assert uses[0].waiting_jobs == 0
