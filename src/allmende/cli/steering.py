"""How clusters are steered: whom they owe, and how much."""

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, show
from allmende.services import steering
from allmende.services.steering import GroupCourse, PartitionSteering
from allmende.wiring.factory import load_factory

COLUMNS = ("partition", "group", "running_nodes", "waiting_nodes", "claimed_nodes",
           "lag_node_seconds", "worst_lag_node_seconds", "bound_node_seconds", "is_raised",
           "met_share")  # fmt: skip


def show_steering(site_id: str, json: AsJson = False) -> None:
    """Show what each guaranteed group has and is owed on a site's cluster."""
    found = steering.list_steering(
        acting_person(), site_id, factory=load_factory(), now=wiring.now()
    )
    if json:
        show([_to_json(each) for each in found], json=True)
    else:
        show([_row(each, course) for each in found for course in each.courses], columns=COLUMNS)


def _row(each: PartitionSteering, course: GroupCourse) -> dict[str, object]:
    facts = {name: getattr(course, name) for name in COLUMNS[2:]}
    return {"partition": each.partition.id, "group": course.group.id} | facts


def _to_json(each: PartitionSteering) -> dict[str, object]:
    """Return everything, with every look of the last hours."""
    return {
        "partition_id": each.partition.id,
        "seen_at": each.seen_at,
        "is_answered": each.is_answered,
        "nodes_in_service": each.nodes_in_service,
        "groups": [
            {
                name: course.group.id if name == "group" else value
                for name, value in vars(course).items()
            }
            for course in each.courses
        ],
    }
