"""Reads config/factory.toml: the sites, the partitions, and who shares them."""

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from allmende.domain.basics.sites import Factory, Partition
from allmende.wiring import home
from allmende.wiring.configuration import ConfigurationFile

# What an embedded partition must say, because jobs really run on it.
NEEDED = ("nodes", "max_time_limit_seconds", "max_nodes_per_job", "memory_gigabytes_per_node")


@cache
def load_factory(path: Path | None = None) -> Factory:
    """Return the factory that the file describes; `ConfigurationMistake` if it is invalid."""
    file = ConfigurationFile(path or home.config_folder() / "factory.toml")
    head = file.content.get("factory")
    if not isinstance(head, dict):
        raise file.mistake(("factory",), "the table [factory] is missing.")
    row = {**head, **{key: value for key, value in file.content.items() if key != "factory"}}
    _hand_down_sites(row)
    factory = file.build(row, Factory)
    _check_unique(file, factory)
    for site_number, site in enumerate(factory.sites):
        for number, partition in enumerate(site.partitions):
            if partition.is_embedded:
                _check_embedded(file, partition, ("sites", site_number, "partitions", number))
    return factory


def _hand_down_sites(row: dict[str, Any]) -> None:
    """Tell each partition where it stands, so that it can be used alone; shares become exact."""
    for site in row.get("sites", ()):
        for partition in site.get("partitions", ()):
            partition.setdefault("site_id", site.get("id"))
            partition.setdefault("country", site.get("country"))
            for share_row in (partition.get("access_shares", {}), *partition.get("groups", ())):
                for key, value in share_row.items():
                    if isinstance(value, float):  # 0.25 is meant as a quarter, not as its bits
                        share_row[key] = Fraction(str(value))


def _check_unique(file: ConfigurationFile, factory: Factory) -> None:
    seen: set[str] = set()
    for site_number, site in enumerate(factory.sites):
        places = [(("sites", site_number, "id"), f"site {site.id}")]
        places += [
            (("sites", site_number, "partitions", number, "id"), f"partition {partition.id}")
            for number, partition in enumerate(site.partitions)
        ]
        for at, name in places:
            if name in seen:
                raise file.mistake(at, f"there is already a {name}; ids are unique.")
            seen.add(name)


def _check_embedded(
    file: ConfigurationFile, partition: Partition, at: tuple[str | int, ...]
) -> None:
    """Refuse an embedded partition on which jobs could not run or guarantees not be kept."""
    for key in NEEDED:
        if not getattr(partition, key) or getattr(partition, key) < 0:
            raise file.mistake((*at, key), "an embedded partition needs it, greater than 0.")
    if sum(partition.access_shares.values()) != 1:
        raise file.mistake((*at, "access_shares"), "the access shares must add up to 1.")
    nodes = partition.nodes or 0
    for number, group in enumerate(partition.groups):
        for key in ("guarantee", "ceiling"):
            if not 0 <= getattr(group, key) <= 1:
                place = (*at, "groups", number, key)
                raise file.mistake(place, "a share lies between 0 and 1.")
    claimed = sum(
        (g.guarantee * nodes + g.widest_job_nodes for g in partition.groups if g.guarantee),
        Fraction(0),
    )
    if claimed > nodes:  # the guarantee would have no proof: docs/explanation/fairness.md
        raise file.mistake(
            (*at, "groups"),
            f"guarantees and widest jobs add up to {float(claimed):g} of {nodes} nodes; "
            "lower a guarantee or a widest_job_nodes.",
        )
