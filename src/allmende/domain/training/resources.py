"""What a job asks of its nodes: how many, of what kind, and of which partition if it names one."""

import re
from typing import Any

from allmende.domain.training.amounts import (
    Amount,
    parse_amount,
    parse_count,
    read_count,
    read_memory,
)
from allmende.domain.training.fields import Fields

KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")  # of accelerators: H100, RTX-6000
CONSTRAINT = re.compile(r"[A-Za-z0-9_.:=+&|,*!()\[\]-]{1,200}")  # names of features, and signs


def read_resources(top: Fields) -> dict[str, Any]:
    """Return how much a job file asks for and of what kind, noting every mistake."""
    section = top.section("resources")
    accelerator, accelerators = _accelerators(section)
    cpus, memory = read_count(section, "cpus", 1), read_memory(section, "memory")
    nodes = read_count(top, "num_nodes", 1, bounded=True)
    result = {
        "cpus": cpus.least,
        "cpus_most": cpus.most,
        "memory_bytes": memory and memory.least,
        "memory_bytes_most": memory and memory.most,
        "accelerator": accelerator,
        "accelerators": accelerators.least,
        "accelerators_most": accelerators.most,
        "specialisation": section.text("specialisation"),
        "constraint": _constraint(section),
        "partition": top.text("partition"),
        "num_nodes": nodes.least,
        "num_nodes_most": nodes.most,
    }
    section.finish()
    if nodes.most and top.has("reservation"):
        top.find("num_nodes", "{key}: a reservation has its nodes. Say on how many it runs.")
    if top.has("partition") and top.has("reservation"):
        top.find("partition", "{key}: a reservation has its own. Keep one of the two.")
    return result


def _constraint(section: Fields) -> str:
    constraint = section.text("constraint")
    if not constraint or CONSTRAINT.fullmatch(constraint):
        return constraint
    section.find(
        "constraint",
        "{key}: {value} is no expression of features. Write for example a100, or a100&ib, without "
        "spaces.",
        value=constraint,
    )
    return ""


def _accelerators(section: Fields) -> tuple[str, Amount]:
    value = section.get("accelerators")
    if value is None:
        return "", Amount(0)
    if isinstance(value, str) and KIND.fullmatch(value):  # one, as in SkyPilot
        return value, Amount(1)
    kind, _, count = str(value).rpartition(":")
    found = None if isinstance(value, bool) else parse_amount(count, parse_count)
    if found is not None:
        return kind, found
    section.find(
        "accelerators",
        "{key}: {value} is no number of accelerators. Write for example H100:4, 4, 4+ or 1..4.",
        value=str(value),
    )
    return "", Amount(0)
