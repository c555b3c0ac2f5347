"""What a job asks of its nodes: how many, of what kind, and of which partition if it names one."""

from typing import Any

from allmende.domain.training.fields import Fields


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
        "partition": top.text("partition"),
        "num_nodes": top.whole("num_nodes", 1),
    }
    section.finish()
    if top.has("partition") and top.has("reservation"):
        top.find("partition", "{key}: a reservation has its own. Keep one of the two.")
    return result


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
