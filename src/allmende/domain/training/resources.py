"""What a job asks of its nodes: how many, of what kind, and of which partition if it names one."""

import re
from typing import Any

from allmende.domain.training.fields import Fields

CONSTRAINT = re.compile(r"[A-Za-z0-9_.:=+&|,*!()\[\]-]{1,200}")  # names of features, and signs


def read_resources(top: Fields) -> dict[str, Any]:
    """Return how much a job file asks for and of what kind, noting every mistake."""
    section = top.section("resources")
    accelerator, accelerators = _accelerators(section)
    result = {
        "cpus": section.whole("cpus", 1),
        "memory_bytes": section.memory("memory"),
        "accelerator": accelerator,
        "accelerators": accelerators,
        "specialisation": section.text("specialisation"),
        "constraint": _constraint(section),
        "partition": top.text("partition"),
        "num_nodes": top.whole("num_nodes", 1),
    }
    section.finish()
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


def _accelerators(section: Fields) -> tuple[str, int]:
    value = section.get("accelerators")
    if value is None:
        return "", 0
    kind, _, count = str(value).rpartition(":")
    if count.isdecimal() and count.isascii() and int(count) > 0 and not isinstance(value, bool):
        return kind, int(count)
    section.find(
        "accelerators",
        "{key}: {value} is no number of accelerators. Write for example H100:4 or 4.",
        value=str(value),
    )
    return "", 0
