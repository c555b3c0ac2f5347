"""Which job of a trace belongs to which group, and what each group may count on: a TOML file.

[[groups]]
name = "sme"
guarantee = 0.22          # part of the machine
widest_job_nodes = 16     # widest job that the guarantee covers
users = [3, 5, 8]         # or unix_groups, queues; or demand = 0.15

[[groups]]
name = "others"           # without a selector: everybody else
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.shares import (
    MICRONODES,
    NO_CEILING,
    Share,
    ShareTree,
    parts_per_million,
)
from allmende.twin.toml_tables import check_keys
from allmende.twin.traces import Ints, Trace

NO_GROUP = -1
LARGEST_NUMBER = 1_000_000
SELECTORS = ("users", "unix_groups", "queues")
KEYS = ("name", "guarantee", "weight", "ceiling", "widest_job_nodes", "demand", *SELECTORS)


class SharesUnreadable(Refusal):
    """The shares file {path} cannot be used: {problem}."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """The share tree of a replay, and the group of each job of the trace (-1: none)."""

    tree: ShareTree
    group_of_job: Ints

    def select(self, chosen: Any) -> "Grouping":
        """Return the grouping of only these jobs."""
        return replace(self, group_of_job=self.group_of_job[chosen])

    def find_uncovered(self, trace: Trace) -> dict[str, Any]:
        """Return which jobs would wait for ever: of no group, or wider than it may use."""
        has_group = self.group_of_job != NO_GROUP
        widest = np.array(
            [s.widest_job_nodes if s.guarantee_ppm else NO_CEILING for s in self.tree.groups]
        )
        ceilings = np.array([s.ceiling_nodes(trace.machine_nodes) for s in self.tree.groups])
        return {
            "no_group": ~has_group,
            "wider_than_guarantee": has_group & (trace.nodes > widest[self.group_of_job]),
            "wider_than_ceiling": has_group & (trace.nodes > ceilings[self.group_of_job]),
        }


def everybody(trace: Trace) -> Grouping:
    """Return one group without a guarantee."""
    tree = ShareTree(shares=(Share(path=("everybody",)),))
    return Grouping(tree=tree, group_of_job=np.zeros(trace.arrivals.size, dtype=np.int64))


def group_by_queue(shares: Sequence[Share], trace: Trace) -> Grouping:
    """Return groups that are the trace's named queues; one without a share has no guarantee."""
    paths = [share.path for share in shares]
    others = [Share(path=(name,)) for name in trace.labels if (name,) not in paths]
    paths += [share.path for share in others]
    numbers = np.array([paths.index((name,)) for name in trace.labels], dtype=np.int64)
    tree = ShareTree(shares=(*shares, *others))
    return Grouping(tree=tree, group_of_job=numbers[trace.queues])


def read_shares(path: Path, trace: Trace) -> Grouping:
    """Read a shares file and apply it to a trace."""
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SharesUnreadable(path=str(path), problem=str(problem)) from problem
    rows = document.get("groups")
    if not isinstance(rows, list) or not rows or set(document) != {"groups"}:
        raise SharesUnreadable(path=str(path), problem="it needs [[groups]], and nothing else")
    return group_rows(rows, trace, path=str(path))


def group_rows(rows: Sequence[Mapping[str, Any]], trace: Trace, *, path: str) -> Grouping:
    """Apply the rows of a shares file, or of a scenario, to a trace."""
    try:
        return group_jobs(rows, trace)
    except (ValueError, TypeError) as problem:
        raise SharesUnreadable(path=path, problem=str(problem)) from problem


def group_jobs(rows: Sequence[Mapping[str, Any]], trace: Trace) -> Grouping:
    """Return the grouping that rows of a shares file describe; `ValueError` says what is wrong."""
    group_of_job = np.full(trace.arrivals.size, NO_GROUP, dtype=np.int64)
    names = [_check_row(number, row) for number, row in enumerate(rows, start=1)]
    if len(set(names)) < len(names):
        raise ValueError("two groups have the same name")
    rest = [g for g, row in enumerate(rows) if not set(row) & {*SELECTORS, "demand"}]
    if len(rest) > 1:
        both = f"{names[rest[0]]} and {names[rest[1]]}"
        raise ValueError(f"{both} both take everybody else; give one of them users or queues")
    for g, row in enumerate(rows):
        free = group_of_job == NO_GROUP
        for selector in SELECTORS:
            if selector in row:
                group_of_job[free & np.isin(getattr(trace, selector), _numbers(row, selector))] = g
        if "demand" in row:
            group_of_job[free & np.isin(trace.users, _users_of_demand(trace, row, free))] = g
    if rest:
        group_of_job[group_of_job == NO_GROUP] = rest[0]
    shares = [_share(row, trace, group_of_job == g, rows) for g, row in enumerate(rows)]
    return Grouping(tree=ShareTree(shares=tuple(shares)), group_of_job=group_of_job)


def _check_row(number: int, row: Mapping[str, Any]) -> str:
    check_keys(f"group {number}", row, KEYS)
    name = row.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"group {number} has no name")
    for key in ("guarantee", "ceiling", "demand"):
        value = row.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(f"{key} of {name} must lie between 0 and 1")
    for key in ("weight", "widest_job_nodes"):
        value = row.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{key} of {name} must be a whole number above 0")
        if value > LARGEST_NUMBER:
            raise ValueError(f"{key} of {name} must be at most {LARGEST_NUMBER}")
    return name


def _numbers(row: Mapping[str, Any], selector: str) -> list[int]:
    values = row[selector]
    if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
        raise ValueError(f"{selector} of {row['name']} must be a list of numbers")
    return values


def _users_of_demand(trace: Trace, row: Mapping[str, Any], free: Any) -> Ints:
    """Return users who together ask for about this part of all node-seconds.

    In an order that only their numbers decide, so that the same trace gives the same group.
    """
    users, place = np.unique(trace.users[free], return_inverse=True)
    work = np.bincount(place.reshape(-1), weights=(trace.nodes * trace.seconds)[free])
    order = np.argsort([hashlib.sha256(str(user).encode()).hexdigest() for user in users])
    wanted = row["demand"] * float((trace.nodes * trace.seconds).sum())
    chosen, total = [], 0.0
    for user in order:
        if total + work[user] <= wanted:
            chosen.append(users[user])
            total += work[user]
    return np.array(chosen, dtype=np.int64)


def _share(
    row: Mapping[str, Any], trace: Trace, is_mine: Any, rows: Sequence[Mapping[str, Any]]
) -> Share:
    """Return the share of a group; its widest job is as wide as the guarantees leave room for."""
    guarantee = parts_per_million(row.get("guarantee", 0))
    widest = row.get("widest_job_nodes", 0)
    if guarantee and not widest:
        guaranteed = [other for other in rows if other.get("guarantee")]
        claims = sum(parts_per_million(other["guarantee"]) for other in guaranteed)
        room = (MICRONODES - claims) * trace.machine_nodes // MICRONODES
        asked = int(trace.nodes[is_mine].max()) if bool(np.any(is_mine)) else 1
        widest = max(1, min(asked, room // len(guaranteed)))
    return Share(
        path=(row["name"],),
        guarantee_ppm=guarantee,
        weight=row.get("weight", 1),
        ceiling_ppm=parts_per_million(row.get("ceiling", 1)),
        widest_job_nodes=widest,
    )
