"""Comparisons: one workload under several policies, side by side, and what a guarantee costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allmende.domain.basics.refusals import Refusal
from allmende.services import twin
from allmende.twin import reports, scenarios
from allmende.twin.measures import Figures
from allmende.twin.scenarios import Scenario

DAY_SECONDS = 24 * 3600


class NoTrace(Refusal):
    """The scenario {scenario} names no trace. Write trace = "…" into it, or give --trace."""

    status = 422


class DifferentWorkloads(Refusal):
    """{one} and {other} play different traces or machines, so their figures say nothing about
    their policies. Compare scenarios of one workload, or give --trace and --nodes for all."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Answers to several questions on one workload; the others are compared to the first."""

    answers: tuple[twin.Answer, ...]

    def to_json(self) -> dict[str, Any]:
        """Return every answer, and what each costs or gains against the first."""
        first = self.answers[0]
        return {
            "trace": first.replayed.trace.name,
            "machine_nodes": first.replayed.trace.machine_nodes,
            "baseline": first.question.name,
            "scenarios": [
                {"name": each.question.name, **each.to_json(), "price": price(first, each)}
                for each in self.answers
            ],
        }


def price(first: twin.Answer, other: twin.Answer) -> dict[str, Any]:
    """Return the price of a policy: its figures less those of the first, for all and by group."""
    return price_of(first.figures, other.figures)


def price_of(before: Figures, after: Figures) -> dict[str, Any]:
    """Return figures less those before, for all and by group."""
    waits = {"/".join(group.path): group.wait_seconds_mean for group in before.groups}
    return {
        "utilisation": after.utilisation - before.utilisation,
        "utilisation_while_submitting": after.utilisation_while_submitting
        - before.utilisation_while_submitting,
        "wait_seconds_mean": after.wait_seconds_mean - before.wait_seconds_mean,
        "jobs": after.jobs - before.jobs,
        **(after.bill.less(before.bill) if before.bill and after.bill else {}),
        "wait_seconds_mean_by_group": {
            "/".join(group.path): group.wait_seconds_mean - waits["/".join(group.path)]
            for group in after.groups
            if "/".join(group.path) in waits
        },
    }


def compare(
    paths: Sequence[Path],
    *,
    trace: Path | None = None,
    nodes: int | None = None,
    tell: Callable[[str], None] = lambda _name: None,
) -> Comparison:
    """Replay every scenario; `trace` and `nodes` stand in for what the files say."""
    questions = [_ask(scenarios.read_scenario(path), trace, nodes) for path in paths]
    first = questions[0]
    for other in questions[1:]:
        if _workload_of(other) != _workload_of(first):
            raise DifferentWorkloads(one=first.name, other=other.name)
    return Comparison(answers=tuple(twin.answer_all(questions, tell=tell)))


def _workload_of(question: twin.Question) -> tuple[object, ...]:
    machine = (question.nodes, question.processors_per_node)
    return (question.trace.resolve(), *machine, question.columns)


def _ask(scenario: Scenario, trace: Path | None, nodes: int | None) -> twin.Question:
    path = trace or scenario.trace
    if path is None:
        raise NoTrace(scenario=str(scenario.path))
    return twin.Question(
        name=scenario.name,
        trace=path,
        nodes=scenario.nodes if nodes is None else nodes,
        policy=scenario.policy,
        processors_per_node=scenario.processors_per_node,
        columns=scenario.columns,
        half_life_seconds=scenario.half_life_days * DAY_SECONDS,
        groups=scenario.groups,
        changes=scenario.changes,
        power=scenario.power,
        flexible=scenario.flexible,
    )


def write_report(comparison: Comparison, path: Path, *, translate: reports.Translate) -> None:
    """Write a page that stands alone: tables and charts, nothing loaded from anywhere."""
    parts = [
        reports.Part(
            name=each.question.name,
            policy=each.question.policy,
            figures=each.figures,
            price=price(comparison.answers[0], each),
            notes=each.saving.sentences if each.saving else (),
        )
        for each in comparison.answers
    ]
    trace = comparison.answers[0].replayed.trace
    text = reports.render(
        parts, trace=trace.name, machine_nodes=trace.machine_nodes, translate=translate
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise twin.FileUnwritable(path=str(path), problem=problem.strerror) from problem
