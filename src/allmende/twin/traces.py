"""A trace: who asked for what and when, and how long it ran; as arrays, in order of submission."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allmende.domain.basics.refusals import Refusal
from allmende.twin import swf
from allmende.twin.dependencies import NOBODY, Dependencies, make_dependencies
from allmende.twin.findings import Findings

Ints = NDArray[np.int64]
LARGEST_MACHINE = 10_000_000  # processors
LONGEST_LIMIT_SECONDS = 1 << 29  # 17 years; the index of the queues counts with 32 bits
COLUMNS = (
    "numbers",
    "arrivals",
    "seconds",
    "limits",
    "nodes",
    "users",
    "unix_groups",
    "queues",
)


class TraceUnreadable(Refusal):
    """The trace {path} cannot be read: {problem}."""

    status = 422


class NoJobs(Refusal):
    """The trace {path} holds no job that can run. What was found: {findings}."""

    status = 422


class MachineUnknown(Refusal):
    """The trace {path} does not say how large its machine is. Say it with --nodes."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Jobs in order of submission, then of the file. Times are seconds of the trace."""

    name: str
    machine_nodes: int
    numbers: Ints  # what the trace calls each job
    arrivals: Ints
    seconds: Ints  # run time, cut at the limit
    limits: Ints
    nodes: Ints
    users: Ints
    unix_groups: Ints
    queues: Ints
    labels: tuple[str, ...] = ()  # names of `queues`, where the trace has names instead of numbers
    dependencies: Dependencies | None = None  # where a job waits for the end of another
    begins_at: int = 0  # Unix instant of second 0; 0 also where nobody said

    def select(self, chosen: Any) -> "Trace":
        """Return the trace with only these jobs, or with all of them in this order."""
        dependencies = self.dependencies and self.dependencies.select(chosen)
        columns = {name: getattr(self, name)[chosen] for name in COLUMNS}
        return replace(self, dependencies=dependencies, **columns)


def read_swf(
    path: Path,
    *,
    parse: Callable[..., Any],
    findings: Findings,
    machine_nodes: int | None,
    processors_per_node: int = 1,
) -> Trace:
    """Read a trace in the Standard Workload Format; processors are nodes unless said otherwise."""
    try:
        header = swf.read_header(path)
        pieces = list(_usable(swf.read_pieces(path, parse, findings), findings))
    except OSError as problem:
        raise TraceUnreadable(path=str(path), problem=str(problem)) from problem
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)] if pieces else []
    nodes = machine_nodes or _machine_nodes(header, processors_per_node)
    if nodes is None:
        raise MachineUnknown(path=str(path))
    if not columns:
        raise NoJobs(path=str(path), findings=", ".join(findings.counts) or "no line at all")
    numbers, arrivals, seconds, limits, processors, users, groups, queues, *waits_for = columns
    trace = Trace(
        name=path.name,
        machine_nodes=nodes,
        numbers=numbers,
        arrivals=arrivals,
        seconds=seconds,
        limits=limits,
        nodes=-(-processors // processors_per_node),
        users=users,
        unix_groups=groups,
        queues=queues,
        dependencies=make_dependencies(*waits_for),
        begins_at=_begins_at(header),
    )
    return tidy(trace, findings)


def tidy(trace: Trace, findings: Findings) -> Trace:
    """Sort by submission, and leave out what can never run on the machine."""
    if bool(np.any(np.diff(trace.arrivals) < 0)):
        backwards = np.flatnonzero(np.diff(trace.arrivals) < 0) + 1
        findings.add_many("submitted_backwards", trace.numbers[backwards])
        trace = trace.select(np.argsort(trace.arrivals, kind="stable"))
    too_long = trace.limits > LONGEST_LIMIT_SECONDS
    if bool(np.any(too_long)):
        findings.add_many("limit_too_long", trace.numbers[too_long])
        trace = trace.select(~too_long)
    too_wide = trace.nodes > trace.machine_nodes
    if bool(np.any(too_wide)):
        findings.add_many("wider_than_machine", trace.numbers[too_wide])
        trace = trace.select(~too_wide)
    if not trace.numbers.size:
        raise NoJobs(path=trace.name, findings=", ".join(findings.counts) or "nothing")
    return trace


def _usable(pieces: Iterable[swf.Piece], findings: Findings) -> Iterable[tuple[Ints, ...]]:
    """Yield the columns that a replay needs, without jobs that no replay can run.

    Processors are those asked for, else those given; a job without a limit has its run time as
    limit; a run time above the limit is cut there.
    """
    for rows, lines in pieces:
        run, limit = rows[:, swf.RUN], rows[:, swf.LIMIT]
        requested, allocated = rows[:, swf.REQUESTED], rows[:, swf.ALLOCATED]
        processors = np.where(requested > 0, requested, allocated)
        keep = np.ones(len(rows), dtype=bool)
        for kind, is_bad in (
            ("no_run_time", run <= 0),
            ("no_nodes", processors <= 0),
            ("no_submission", rows[:, swf.SUBMIT] < 0),
        ):
            findings.add_many(kind, lines[keep & is_bad])
            keep &= ~is_bad
        limit = np.where(limit > 0, limit, run)
        findings.add_many("run_above_limit", lines[keep & (run > limit)])
        columns = (
            rows[:, swf.NUMBER],
            rows[:, swf.SUBMIT],
            np.minimum(run, limit),
            limit,
            processors,
            rows[:, swf.USER],
            rows[:, swf.GROUP],
            rows[:, swf.QUEUE],
            lines,
            np.where(rows[:, swf.PRECEDING] > 0, rows[:, swf.PRECEDING], NOBODY),
            rows[:, swf.THINK],
        )
        yield tuple(column[keep] for column in columns)


def _machine_nodes(header: dict[str, str], processors_per_node: int) -> int | None:
    for name, per_node in (("MaxProcs", processors_per_node), ("MaxNodes", 1)):
        words = header.get(name, "").split()
        word = words[0] if words else ""
        if word.isascii() and word.isdigit() and 0 < int(word) < LARGEST_MACHINE:
            return int(word) // per_node
    return None


def _begins_at(header: dict[str, str]) -> int:
    word = next(iter(header.get("UnixStartTime", "").split()), "")
    return int(word) if word.isascii() and word.isdigit() else 0
