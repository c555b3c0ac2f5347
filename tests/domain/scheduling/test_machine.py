import pytest

from allmende.domain.scheduling.machine import CapacityChange
from allmende.domain.scheduling.nodes import UnknownNode, check_node
from tests.domain.scheduling.worlds import a_machine


def test_a_drained_node_is_not_in_service():
    machine = a_machine(4, drained=frozenset({1}))
    assert machine.nodes_in_service == 3
    assert machine.count_in_service((0, 1, 2)) == 2


def test_names_and_indices_are_each_others_inverse():
    machine = a_machine(3)
    assert machine.names_of((2, 0)) == ("node-2", "node-0")
    assert machine.indices_of(("node-2", "node-0")) == (2, 0)


def test_capacity_follows_the_announced_changes():
    changes = (CapacityChange(at_seconds=10, nodes=2), CapacityChange(at_seconds=20, nodes=9))
    machine = a_machine(4, drained=frozenset({0}), capacity_changes=changes)
    assert [machine.capacity_at(second) for second in (9, 10, 19, 20)] == [3, 2, 2, 3]
    assert machine.list_changes_after(10) == ((20, 3),)


def test_a_job_that_only_fits_before_a_change_must_end_before_it():
    machine = a_machine(4, capacity_changes=(CapacityChange(at_seconds=10, nodes=2),))
    assert machine.can_hold(3, from_seconds=0, seconds=10)
    assert not machine.can_hold(3, from_seconds=0, seconds=11)
    assert machine.can_hold(2, from_seconds=0, seconds=11)


def test_a_node_that_is_not_there_is_refused_with_those_that_are():
    check_node("Bench", "n2", known=("n1", "n2"))
    with pytest.raises(UnknownNode, match=r"Bench has no node named n3. Its nodes are n1, n2\."):
        check_node("Bench", "n3", known=("n1", "n2"))


@pytest.mark.parametrize(
    "mistake",
    [
        {"drained": frozenset({7})},
        {"capacity_changes": (CapacityChange(at_seconds=2, nodes=1),) * 2},
    ],
)
def test_a_machine_that_contradicts_itself_cannot_be_made(mistake):
    with pytest.raises(AssertionError):
        a_machine(2, **mistake)


def test_the_next_reduction_is_the_first_that_begins_in_time_and_leaves_less():
    changes = (CapacityChange(at_seconds=10, nodes=4), CapacityChange(at_seconds=20, nodes=1))
    machine = a_machine(4, capacity_changes=changes)
    assert machine.find_reduction(from_seconds=0, seconds=20) is None
    assert machine.find_reduction(from_seconds=0, seconds=21) == (20, 1)
