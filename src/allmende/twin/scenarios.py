"""A scenario: a trace, a machine and a policy, as a small TOML file.

name = "22 % for SMEs"
trace = "KTH-SP2-1996-2.1-cln.swf.gz"   # beside the file; --trace stands in for it
policy = "allmende"

[[groups]]
name = "sme"
guarantee = 0.22
demand = 0.15

[power]
watts_idle_per_node = 200
watts_busy_per_node = 900
pue = 1.1
carbon_grams_per_kilowatt_hour = "carbon.csv"   # hour,value; or a number
price_euros_per_megawatt_hour = 90.5            # the same

[flexible]
share = 0.3             # of the jobs, chosen by a hash of their numbers
slack_hours = 12        # they may start so much later
series = "carbon.csv"   # hour,value; or hours of the day that are wanted: "10:00-16:00"
seed = 1

changes = [[72, 400], [96, 512]]   # above the tables: hours after the first submission, nodes
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.twin.flexible import Flexible, read_flexible
from allmende.twin.power import Power, read_power

KEYS = (
    *("name", "trace", "policy", "nodes", "procs_per_node", "columns", "half_life_days"),
    *("groups", "changes", "power", "flexible"),
)
TABLES: Mapping[str, Callable[[Any, Path], Any]] = {"power": read_power, "flexible": read_flexible}
HOUR_SECONDS = 3600


class ScenarioUnreadable(Refusal):
    """The scenario {path} cannot be used: {problem}."""

    status = 422


MOST = {"nodes": 200_000, "procs_per_node": 10_000, "half_life_days": 300}
MOST_HOURS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One way that things could be; `groups` are the rows of a shares file."""

    name: str
    path: Path
    trace: Path | None
    policy: str = "allmende"
    nodes: int | None = None
    processors_per_node: int = 1
    columns: str = ""
    half_life_days: int = 7
    groups: tuple[Mapping[str, Any], ...] = ()
    changes: tuple[tuple[int, int], ...] = ()  # seconds after the first submission, nodes
    power: Power | None = None
    flexible: Flexible | None = None


def read_scenario(path: Path) -> Scenario:
    """Read a scenario; a key that it does not know is refused."""
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ScenarioUnreadable(path=str(path), problem=str(problem)) from problem
    for key, value in document.items():
        problem_of_key = _check(key, value)
        if problem_of_key:
            raise ScenarioUnreadable(path=str(path), problem=problem_of_key)
    try:
        tables = {
            name: read(document[name], path.parent)
            for name, read in TABLES.items()
            if name in document
        }
    except ValueError as problem:
        raise ScenarioUnreadable(path=str(path), problem=str(problem)) from problem
    trace = document.get("trace")
    return Scenario(
        name=document.get("name", path.stem),
        path=path,
        trace=path.parent / trace if trace else None,
        policy=document.get("policy", "allmende"),
        nodes=document.get("nodes"),
        processors_per_node=document.get("procs_per_node", 1),
        columns=document.get("columns", ""),
        half_life_days=document.get("half_life_days", 7),
        groups=tuple(document.get("groups", ())),
        changes=tuple(
            (round(hours * HOUR_SECONDS), nodes) for hours, nodes in document.get("changes", ())
        ),
        **tables,
    )


def _check(key: str, value: Any) -> str:
    """Return what is wrong with a key, or nothing."""
    if key not in KEYS:
        close = get_close_matches(key, KEYS, n=1)
        return f"it has an unknown key {key}" + (f"; did you mean {close[0]}?" if close else "")
    if key in ("nodes", "procs_per_node", "half_life_days"):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            return f"{key} must be a whole number above 0"
        if value > MOST[key]:
            return f"{key} must be at most {MOST[key]}"
    elif key == "groups":
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            return "groups must be written as [[groups]]"
    elif key == "changes":
        if not isinstance(value, list) or not all(map(_is_change, value)):
            return "changes must be pairs of hours and nodes, such as [[72, 400], [96, 512]]"
    elif key in TABLES:
        return ""  # read by itself
    elif not isinstance(value, str) or (not value and key != "columns"):
        return f"{key} must be a text"
    return ""


def _is_change(row: Any) -> bool:
    is_pair = isinstance(row, list) and len(row) == 2
    if not is_pair or any(isinstance(each, bool) for each in row):
        return False
    hours, nodes = row
    if not isinstance(hours, int | float) or not isinstance(nodes, int):
        return False
    return 0 <= hours <= MOST_HOURS and 0 <= nodes <= MOST["nodes"]
