"""Reads config/factory.toml: the sites, the partitions, and who shares them."""

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from allmende.domain.access.holidays import LAENDER
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import HERE, Factory, Partition
from allmende.domain.scheduling.flexible import parse_day_time
from allmende.wiring import home, quotas
from allmende.wiring.configuration import LARGEST, ConfigurationFile, Location

# What a partition must say on which jobs really run.
NEEDED = ("nodes", "max_time_limit_seconds", "max_nodes_per_job", "memory_gigabytes_per_node")

# Job files name one of these, so nobody should have to guess how it is written.
SPECIALISATION = re.compile("[a-z]+(-[a-z]+)*")

SITE_RANGES = {"latitude": (-90, 90), "longitude": (-180, 180)}
PARTITION_RANGES = {
    "nodes": (1, LARGEST),
    "gpus_per_node": (0, LARGEST),
    "cores_per_node": (1, LARGEST),
    "power_megawatts": (0, LARGEST),
    "memory_gigabytes_per_node": (0, LARGEST),
    "max_time_limit_seconds": (0, LARGEST),
    "max_nodes_per_job": (0, LARGEST),
    "grace_seconds": (0, LARGEST),
    "watts_idle_per_node": (0, LARGEST),
    "watts_busy_per_core": (0, LARGEST),
    "watts_most_per_node": (0, LARGEST),
    "peak_teraflops_per_device": (0, LARGEST),
    "watts_per_device": (0, LARGEST),
    "pue": (1, LARGEST),
    "response_target_seconds": (0, LARGEST),
    "usage_half_life_seconds": (1, LARGEST),
}
GROUP_RANGES = {
    "guarantee": (0, 1),
    "weight": (1, LARGEST),
    "ceiling": (0, 1),
    "widest_job_nodes": (1, LARGEST),
}


@cache
def load_factory(path: Path | None = None) -> Factory:
    """Return the factory that the file describes; `ConfigurationMistake` if it is invalid."""
    file = ConfigurationFile(path or home.config_folder() / "factory.toml")
    head = file.content.get("factory")
    if not isinstance(head, dict):
        raise file.mistake(("factory",), "the table [factory] is missing.")
    row = {**head, **{key: value for key, value in file.content.items() if key != "factory"}}
    _hand_down_sites(row)
    quotas.hand_down_quotas(file, row)
    factory = file.build(row, Factory)
    file.check_countries(factory.countries, ("factory", "countries"))
    _check_unique(file, factory)
    for site_number, site in enumerate(factory.sites):
        at: Location = ("sites", site_number)
        file.check_countries([site.country], (*at, "country"))
        file.check_ranges(site, SITE_RANGES, at)
        _check_time_zone(file, site.time_zone, (*at, "time_zone"))
        if site.land and (site.country != "DE" or site.land not in LAENDER):
            known = ", ".join(sorted(LAENDER))
            raise file.mistake((*at, "land"), f"no such Land of Germany; known: {known}.")
        for number, partition in enumerate(site.partitions):
            _check_partition(file, partition, (*at, "partitions", number))
            if partition.is_on_slurm and site.slurm is None:
                problem = "add a table [sites.slurm], which says where its cluster is."
                raise file.mistake((*at, "partitions", number, "status"), problem)
    return factory


def _hand_down_sites(row: dict[str, Any]) -> None:
    """Tell each partition where it stands, so that it can be used alone; shares become exact."""
    for site in _tables(row, "sites"):
        _tell_qos_apart(site)
        for partition in _tables(site, "partitions"):
            partition.setdefault("site_id", site.get("id"))
            partition.setdefault("country", site.get("country"))
            partition.setdefault("time_zone", site.get("time_zone", HERE))
            partition.setdefault("land", site.get("land", ""))
            for shares in (*_tables(partition, "access_shares"), *_tables(partition, "groups")):
                for key, value in shares.items():
                    # 0.25 is meant as a quarter, not as its bits.
                    if isinstance(value, float) and math.isfinite(value):
                        shares[key] = Fraction(str(value))


def _tell_qos_apart(site: dict[str, Any]) -> None:
    """Give groups a QOS for each partition where a cluster runs several.

    A QOS belongs to the whole cluster, but groups are steered and limited on each partition.
    """
    on_slurm = [each for each in _tables(site, "partitions") if each.get("status") == "slurm"]
    for partition in on_slurm if len(on_slurm) > 1 else ():
        name = partition.get("slurm_partition") or partition.get("id")
        partition.setdefault("qos_ending", f"-{name}")


def _tables(row: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield the tables below a key; whatever else stands there is refused by its type."""
    value = row.get(key)
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield each


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


def _check_partition(file: ConfigurationFile, partition: Partition, at: Location) -> None:
    file.check_countries([partition.country], (*at, "country"))
    file.check_ranges(partition, PARTITION_RANGES, at)
    _check_time_zone(file, partition.time_zone, (*at, "time_zone"))
    for text in partition.preferred_hours:
        try:
            parse_day_time(text)
        except Refusal as refusal:
            raise file.mistake((*at, "preferred_hours"), str(refusal)) from refusal
    for word in partition.specialisations:
        if not SPECIALISATION.fullmatch(word):
            problem = f"{word!r} is no word of small letters and hyphens, such as robotics."
            raise file.mistake((*at, "specialisations"), problem)
    for number, group in enumerate(partition.groups):
        file.check_ranges(group, GROUP_RANGES, (*at, "groups", number))
    shares = partition.access_shares
    if (shares or partition.takes_jobs) and (sum(shares.values()) != 1 or min(shares.values()) < 0):
        problem = "the access shares are 0 or more and must add up to 1."
        raise file.mistake((*at, "access_shares"), problem)
    if partition.takes_jobs:
        _check_driven(file, partition, at)


def _check_time_zone(file: ConfigurationFile, name: str, at: Location) -> None:
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError) as error:
        problem = f"there is no time zone {name}; write for example Europe/Berlin."
        raise file.mistake(at, problem) from error


def _check_driven(file: ConfigurationFile, partition: Partition, at: Location) -> None:
    """Refuse a partition on which jobs could not run or guarantees not be kept."""
    for key in NEEDED:
        if not getattr(partition, key):
            raise file.mistake(
                (*at, key), "a partition on which jobs run needs it, greater than 0."
            )
    nodes = partition.nodes or 0
    claimed = sum(
        (g.guarantee * nodes + g.widest_job_nodes for g in partition.groups if g.guarantee),
        Fraction(0),
    )
    if claimed > nodes:  # the guarantee would have no proof: docs/explanation/the-guarantee.md
        raise file.mistake(
            (*at, "groups"),
            f"guarantees and widest jobs add up to {float(claimed):g} of {nodes} nodes; "
            "lower a guarantee or a widest_job_nodes.",
        )
