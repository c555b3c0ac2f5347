"""Traces that are tables: CSV with named columns, and the evidence that this factory exports."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from allmende.twin.dependencies import NOBODY, make_dependencies
from allmende.twin.findings import Findings
from allmende.twin.traces import (
    MachineUnknown,
    NoJobs,
    Trace,
    TraceUnreadable,
    tidy,
)

# What a column may hold; the first three are needed.
COLUMNS = (
    *("submit", "run", "nodes", "limit", "user", "group", "queue", "number"),
    *("after", "think"),
)
NEEDED = COLUMNS[:3]
NO_NUMBER = -1
LARGEST_NUMBER = 10**15


def parse_columns(text: str) -> dict[str, str]:
    """Return a mapping such as `submit=timestamp,run=duration,nodes=num_gpus`; `ValueError`."""
    mapping: dict[str, str] = {}
    for part in text.split(","):
        name, equals, column = part.strip().partition("=")
        if not equals or name not in COLUMNS or not column:
            raise ValueError(f"{part.strip()!r} is not NAME=COLUMN with a name of {COLUMNS}")
        mapping[name] = column
    missing = [name for name in NEEDED if name not in mapping]
    if missing:
        raise ValueError(f"{', '.join(missing)} must be mapped to columns")
    return mapping


def read_csv(
    path: Path, *, columns: Mapping[str, str], findings: Findings, machine_nodes: int | None
) -> Trace:
    """Read a table of jobs; instants are seconds, or dates and times (UTC where nothing is said).

    A job without a limit has its run time as limit. Names of users, groups and queues become
    numbers, in the order of the alphabet.
    """
    if machine_nodes is None:
        raise MachineUnknown(path=str(path))
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            absent = [c for c in columns.values() if c not in (reader.fieldnames or ())]
            if absent:
                there = ", ".join(reader.fieldnames or ())
                raise TraceUnreadable(
                    path=str(path), problem=f"it has no column {absent[0]}; it has {there}"
                )
            rows = list(_read_rows(reader, columns, findings))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as problem:
        raise TraceUnreadable(path=str(path), problem=str(problem)) from problem
    return make_trace(path.name, rows, machine_nodes, findings)


def _read_rows(
    reader: "csv.DictReader[str]", columns: Mapping[str, str], findings: Findings
) -> Iterator[dict[str, Any]]:
    for values in reader:
        row: dict[str, Any] = {"line": reader.line_num}
        try:
            for name, column in columns.items():
                value = values[column]
                if name in ("user", "group", "queue"):
                    row[name] = value
                elif name in ("after", "think") and not value:
                    row[name] = NOBODY
                else:
                    row[name] = _instant(value) if name == "submit" else int(float(value))
                    if abs(row[name]) > LARGEST_NUMBER:
                        raise OverflowError(value)
        except (TypeError, ValueError, OverflowError):
            findings.add("missing_value", reader.line_num)
            continue
        yield row


def _instant(text: str) -> int:
    try:
        return int(float(text))
    except ValueError:
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def read_evidence(folder: Path, *, findings: Findings, machine_nodes: int | None) -> Trace:
    """Read the jobs of an evidence folder: its groups are queues, its projects are groups.

    A job's run time is that of all its attempts; one that never ran is left out.
    """
    try:
        jobs = _read_lines(folder / "jobs.jsonl")
        attempts = _read_lines(folder / "attempts.jsonl")
        seconds: dict[str, int] = {}
        for each in attempts:
            ran = _seconds_between(each["started_at"], each["ended_at"])
            seconds[each["job_id"]] = seconds.get(each["job_id"], 0) + ran
        rows = [
            {
                "line": line,
                "submit": _instant(job["submitted_at"]),
                "run": seconds.get(job["id"], 0),
                "nodes": job["request"]["nodes"],
                "limit": job["request"]["time_limit_seconds"],
                "queue": job["group_id"],
                "group": job["project_id"],
            }
            for line, job in enumerate(jobs, start=1)
        ]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise TraceUnreadable(path=str(folder), problem=str(problem)) from problem
    if machine_nodes is None:
        raise MachineUnknown(path=str(folder))
    return make_trace(folder.name, rows, machine_nodes, findings)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in io.StringIO(path.read_text())]


def _seconds_between(start: str | None, end: str | None) -> int:
    if not start or not end:
        return 0
    ran = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return max(1, round(ran.total_seconds()))


def make_trace(
    name: str, rows: list[dict[str, Any]], machine_nodes: int, findings: Findings
) -> Trace:
    """Return rows with `line`, `submit`, `run`, `nodes` and whatever else a column may hold."""
    kept = []
    for row in rows:
        if row["submit"] < 0:
            findings.add("no_submission", row["line"])
        elif row["run"] <= 0:
            findings.add("no_run_time", row["line"])
        elif row["nodes"] <= 0:
            findings.add("no_nodes", row["line"])
        else:
            limit = row.get("limit", 0)
            if 0 < limit < row["run"]:
                findings.add("run_above_limit", row["line"])
            kept.append(row | {"limit": limit if limit > 0 else row["run"]})
    if not kept:
        raise NoJobs(path=name, findings=", ".join(findings.counts) or "nothing")

    def column(key: str, default: str) -> Any:
        return np.array([row.get(key, row[default]) for row in kept], dtype=np.int64)

    def said(key: str) -> Any:
        return np.array([max(NOBODY, row.get(key, NOBODY)) for row in kept], dtype=np.int64)

    queues, labels = _number_names(kept, "queue")
    limits = column("limit", "run")
    trace = Trace(
        name=name,
        machine_nodes=machine_nodes,
        numbers=column("number", "line"),
        arrivals=column("submit", "submit"),
        seconds=np.minimum(column("run", "run"), limits),
        limits=limits,
        nodes=column("nodes", "nodes"),
        users=_number_names(kept, "user")[0],
        unix_groups=_number_names(kept, "group")[0],
        queues=queues,
        labels=labels,
        dependencies=make_dependencies(column("line", "line"), said("after"), said("think")),
    )
    return tidy(trace, findings)


def _number_names(rows: list[dict[str, Any]], name: str) -> tuple[Any, tuple[str, ...]]:
    names = [str(row.get(name, "")) for row in rows]
    labels, numbers = np.unique(names, return_inverse=True)
    if labels.size == 1 and not labels[0]:
        return np.full(len(rows), NO_NUMBER, dtype=np.int64), ()
    return numbers.reshape(-1).astype(np.int64), tuple(str(label) for label in labels)
