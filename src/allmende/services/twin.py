"""The twin: what a workload would have met under a policy. It reads and changes no database."""

import functools
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.twin import measures, schedules, shares, tables, traces
from allmende.twin.findings import Findings
from allmende.twin.flexible import Flexible, Saving, choose_starts, measure_saving
from allmende.twin.measures import Figures, GroupFigures
from allmende.twin.power import Power, read_power_file
from allmende.twin.replay import POLICIES, Replay, compile_everything, parser, replay
from allmende.twin.stagings import Staging, keep_common

HALF_LIFE_SECONDS = 7 * 24 * 3600
MOST_NODES = 200_000  # more than any machine; usages and lags are counted in 64 bits
Progress = Callable[[int, int], None]


class FileUnwritable(Refusal):
    """{path} cannot be written: {problem}. Choose another file."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to replay: a trace on a machine, under a policy, with groups."""

    trace: Path
    policy: str = "easy"
    nodes: int | None = None
    processors_per_node: int = 1
    shares: Path | None = None
    groups: tuple[Mapping[str, Any], ...] = ()  # the same as a shares file, already read
    columns: str = ""
    half_life_seconds: int = HALF_LIFE_SECONDS
    changes: tuple[tuple[int, int], ...] = ()  # seconds after the first submission, nodes
    power: Power | None = None
    flexible: Flexible | None = None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it."""

    question: Question
    replayed: Replay
    figures: Figures
    findings: Findings
    read_seconds: float
    saving: Saving | None = None  # by flexible jobs

    def to_json(self) -> dict[str, Any]:
        """Return the figures as one object, for scripts; docs/reference/twin.md explains each."""
        figures, replayed = self.figures, self.replayed
        return {
            "trace": replayed.trace.name,
            "policy": replayed.policy,
            "machine_nodes": replayed.trace.machine_nodes,
            **figures_to_json(figures),
            "following_jobs": replayed.following_jobs,
            **({"flexible": self.saving.to_json()} if self.saving else {}),
            "wall_seconds": replayed.loop_seconds,
            "jobs_per_second": figures.jobs / max(replayed.loop_seconds, 1e-9),
            "read_seconds": self.read_seconds,
            "compile_seconds": replayed.compile_seconds,
            "peak_rss_bytes": peak_rss_bytes(),
            "groups": groups_to_json(figures),
            "findings": self.findings.to_json(),
        }


def figures_to_json(figures: Figures) -> dict[str, Any]:
    """Return the figures for everybody: the same schedule gives the same ones."""
    return {
        "jobs": figures.jobs,
        "simulated_seconds": figures.simulated_seconds,
        "utilisation": figures.utilisation,
        "utilisation_while_submitting": figures.utilisation_while_submitting,
        "wait_seconds_mean": figures.wait_seconds_mean,
        "wait_seconds_median": figures.wait_seconds_median,
        "wait_seconds_p90": figures.wait_seconds_p90,
        "bounded_slowdown_mean": figures.bounded_slowdown_mean,
        **(figures.bill.to_json() if figures.bill else {}),
    }


def groups_to_json(figures: Figures) -> dict[str, Any]:
    """Return the figures of every group by its name."""
    return {"/".join(each.path): _group_to_json(each) for each in figures.groups}


def _group_to_json(group: GroupFigures) -> dict[str, Any]:
    return {
        "jobs": group.jobs,
        "guarantee": group.guarantee,
        "demand_node_seconds": group.demand_node_seconds,
        "delivered_node_seconds": group.delivered_node_seconds,
        "entitled_node_seconds": group.entitled_node_seconds,
        "share": group.share,
        "worst_lag_node_seconds": group.worst_lag_node_seconds,
        "lag_bound_node_seconds": group.lag_bound_node_seconds,
        "wait_seconds_mean": group.wait_seconds_mean,
        "wait_seconds_p90": group.wait_seconds_p90,
        "bounded_slowdown_mean": group.bounded_slowdown_mean,
    }


def prepare() -> None:
    """Compile all that replays need, and keep it on disk."""
    compile_everything()


def answer(question: Question, *, progress: Progress | None = None) -> Answer:
    """Replay a trace and measure what came of it."""
    return answer_all([question], progress=progress)[0]


def answer_all(
    questions: Sequence[Question],
    *,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _name: None,
) -> list[Answer]:
    """Answer questions on one workload; each plays only the jobs that all of them can play."""
    read = functools.cache(_read)  # the same workload for all: read once
    stagings = [_stage(question, read) for question in questions]
    keep_common(stagings)
    answers = []
    for question, staging in zip(questions, stagings, strict=True):
        tell(question.name)
        replayed = _replay(question, staging, question.flexible, progress)
        saving = None
        if question.flexible:
            without = _replay(question, staging, None, progress)
            saving = measure_saving(replayed, without, question.flexible, question.power)
        answers.append(
            Answer(
                question=question,
                replayed=replayed,
                figures=measures.measure(replayed, question.power),
                findings=staging.findings,
                read_seconds=staging.read_seconds,
                saving=saving,
            )
        )
    return answers


def _replay(
    question: Question, staging: Staging, flexible: Flexible | None, progress: Progress | None
) -> Replay:
    trace = staging.trace
    return replay(
        trace,
        policy=question.policy,
        grouping=staging.grouping,
        # What is wrong with the trace was found by the first replay of two.
        findings=staging.findings if flexible is question.flexible else Findings(),
        half_life_seconds=question.half_life_seconds,
        changes=[(int(trace.arrivals[0]) + after, nodes) for after, nodes in question.changes],
        eligible=choose_starts(trace, flexible) if flexible else None,
        progress=progress,
    )


class _Workload(NamedTuple):
    """Which jobs a question is about."""

    trace: Path
    nodes: int | None
    processors_per_node: int
    columns: str


class _Reading(NamedTuple):
    """What was read, and what was wrong with it."""

    trace: traces.Trace
    findings: Findings
    seconds: float


def _read(workload: _Workload) -> _Reading:
    findings = Findings()
    begun = time.perf_counter()
    trace = read_trace(Question(**workload._asdict()), findings)
    return _Reading(trace, findings, time.perf_counter() - begun)


def _stage(question: Question, read: Callable[[_Workload], _Reading]) -> Staging:
    check(question)
    reading = read(_Workload(*(getattr(question, name) for name in _Workload._fields)))
    return Staging(
        trace=reading.trace,
        grouping=_group(question, reading.trace),
        is_obeyed=question.policy == "allmende",
        findings=reading.findings.copy(),
        read_seconds=reading.seconds,
    )


def _group(question: Question, trace: traces.Trace) -> shares.Grouping:
    if question.shares:
        return shares.read_shares(question.shares, trace)
    if question.groups:
        return shares.group_rows(question.groups, trace, path=question.name)
    return shares.everybody(trace)


def read_trace(question: Question, findings: Findings) -> traces.Trace:
    """Read a trace in the format that its name, or the mapping of its columns, tells."""
    path = question.trace
    if not path.exists():
        raise traces.TraceUnreadable(path=str(path), problem="there is no such file")
    if path.is_dir():
        return tables.read_evidence(path, findings=findings, machine_nodes=question.nodes)
    if question.columns or ".csv" in path.suffixes:
        try:
            columns = tables.parse_columns(question.columns)
        except ValueError as problem:
            raise InvalidInput(field="columns", problem=str(problem)) from problem
        return tables.read_csv(
            path, columns=columns, findings=findings, machine_nodes=question.nodes
        )
    return traces.read_swf(
        path,
        parse=parser(path.stat().st_size),
        findings=findings,
        machine_nodes=question.nodes,
        processors_per_node=question.processors_per_node,
    )


def read_power(path: Path | None) -> Power | None:
    """Read what nodes draw from a TOML file with the table [power], if one is given."""
    return read_power_file(path) if path else None


def check_writable(path: Path) -> None:
    """Refuse a file that could not be written, before a replay that ends with it."""
    if path.is_dir() or not path.parent.is_dir():
        problem = Sentence("it is a folder") if path.is_dir() else Sentence("its folder is absent")
        raise FileUnwritable(path=str(path), problem=problem)


def write_schedule(answered: Answer, path: Path) -> int:
    """Write when each job started and ended; return how many lines."""
    try:
        return schedules.write(answered.replayed, path)
    except OSError as problem:
        raise FileUnwritable(path=str(path), problem=problem.strerror) from problem


def peak_rss_bytes() -> int:
    """Return the most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def check(question: Question) -> None:
    """Refuse a policy that is unknown and counts that are not above 0; `InvalidInput`."""
    if question.policy not in POLICIES:
        raise InvalidInput(
            field="policy",
            problem=Sentence("choose one of {policies}", {"policies": ", ".join(POLICIES)}),
        )
    for name in ("nodes", "processors_per_node"):
        value = getattr(question, name)
        if value is not None and value < 1:
            raise InvalidInput(field=name, problem=Sentence("give a whole number above 0"))
        if value is not None and value > MOST_NODES:
            facts = {"most": MOST_NODES}
            raise InvalidInput(field=name, problem=Sentence("give at most {most}", facts))
