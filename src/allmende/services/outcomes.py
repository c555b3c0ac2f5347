"""What comes of a what-if question: a workload played under today's shares, others, and none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.shares import Share
from allmende.services import comparisons, twin, what_if
from allmende.services.what_if import DAY_SECONDS, HOUR_SECONDS, RECORDED, Prepared, WhatIf
from allmende.twin import invented, measures, reports, tables
from allmende.twin.findings import SENTENCES, Findings
from allmende.twin.measures import Figures
from allmende.twin.power import power_of_partition
from allmende.twin.replay import replay
from allmende.twin.shares import group_by_queue
from allmende.twin.stagings import Staging, keep_common
from allmende.twin.traces import Trace

DECISIONS_AT_ONCE = 2_000  # so that it shows progress and can be cancelled within moments

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One way that things could be, and what came of it."""

    name: Sentence
    policy: str
    figures: Figures
    findings: tuple[tuple[str, int], ...]  # kind, how many jobs


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An answer: today, what if, and EASY without guarantees on the same machine as what if."""

    question: WhatIf
    sme: str  # the group that is asked about
    names: dict[str, str]  # of groups, by id
    trace: str
    machine_nodes: int
    parts: tuple[Part, Part, Part]

    @property
    def verdict(self) -> Sentence:
        """Say what it does to the SMEs and to everybody else, against today."""
        today, then, _ = self.parts
        sme, sme_today = (duration(self._wait(part, of_sme=True)) for part in (then, today))
        others, others_today = (duration(self._wait(part, of_sme=False)) for part in (then, today))
        facts = {"sme": sme, "sme_today": sme_today, "others": others, "others_today": others_today}
        if sme == sme_today and others == others_today:
            return Sentence(
                "Nothing changes on average: SMEs would wait {sme}, everybody else {others}, "
                "as today.",
                {"sme": sme, "others": others},
            )
        return Sentence(
            "SMEs would wait {sme} on average instead of {sme_today}; everybody else {others} "
            "instead of {others_today}.",
            facts,
        )

    @property
    def price(self) -> Sentence:
        """Say what the guarantees cost, against EASY without any on the same machine."""
        _, then, easy = self.parts
        return Sentence(
            "The price of the guarantee: against EASY without any, SMEs wait {sme} on average "
            "instead of {sme_easy}, everybody else {others} instead of {others_easy}, and the "
            "machine is {used} % busy while jobs come instead of {used_easy} %.",
            {
                "sme": duration(self._wait(then, of_sme=True)),
                "sme_easy": duration(self._wait(easy, of_sme=True)),
                "others": duration(self._wait(then, of_sme=False)),
                "others_easy": duration(self._wait(easy, of_sme=False)),
                "used": round(100 * then.figures.utilisation_while_submitting, 1),
                "used_easy": round(100 * easy.figures.utilisation_while_submitting, 1),
            },
        )

    @property
    def energy(self) -> Sentence | None:
        """Say how much energy each takes, where the power of a node is known."""
        bills = [part.figures.bill for part in self.parts if part.figures.bill]
        if not bills:
            return None
        amounts = [energy_amount(bill.energy_kilowatt_hours) for bill in bills]
        today, then, easy = amounts
        if today == then == easy:
            return Sentence(
                "Energy, estimated: {amount}, as today and with EASY.", {"amount": then}
            )
        return Sentence(
            "Energy, estimated: {then} instead of {today} today, and {easy} with EASY.",
            {"then": then, "today": today, "easy": easy},
        )

    @property
    def energy_method(self) -> tuple[Sentence, ...]:
        """Say how the energy was estimated."""
        bill = self.parts[0].figures.bill
        return bill.how if bill else ()

    def _wait(self, part: Part, *, of_sme: bool) -> float:
        """Return the mean wait of the jobs of the SMEs, or of all others, in seconds."""
        groups = [group for group in part.figures.groups if (group.path == (self.sme,)) is of_sme]
        jobs = sum(group.jobs for group in groups)
        return sum(group.jobs * group.wait_seconds_mean for group in groups) / max(1, jobs)

    def name_of(self, group_id: str) -> str:
        """Return the name of a group as the configuration has it."""
        return self.names.get(group_id, group_id)

    def to_json(self, translate: reports.Translate) -> dict[str, Any]:
        """Return everything; the same question always gives the same document."""
        first = self.parts[0].figures
        return {
            "question": self.question.to_query(),
            "workload": self.trace,
            "machine_nodes": self.machine_nodes,
            "verdict": translate(self.verdict),
            "price": translate(self.price),
            **({"energy": translate(self.energy)} if self.energy else {}),
            "scenarios": [
                {
                    "name": translate(part.name),
                    "policy": part.policy,
                    **twin.figures_to_json(part.figures),
                    "groups": twin.groups_to_json(part.figures),
                    "change": comparisons.price_of(first, part.figures),
                    "findings": [
                        {"kind": kind, "count": count, "sentence": translate(SENTENCES[kind])}
                        for kind, count in part.findings
                    ],
                }
                for part in self.parts
            ],
        }


def answer(prepared: Prepared, *, progress: Progress = lambda _percent: None) -> Outcome:
    """Play the workload three times; `progress` is told the per cent done, and may raise."""
    question, partition = prepared.question, prepared.partition
    findings = Findings()
    trace = _workload(prepared, findings)
    trace = _without_too_wide(trace, what_if.capped_nodes(question, partition), findings)
    changes = _changes(question, partition, int(trace.arrivals[0]))
    cases, power = _cases(question, partition), power_of_partition(partition)
    stagings = [_stage(case, trace, findings) for case in cases]
    keep_common(stagings)
    parts = []
    for number, (case, staging) in enumerate(zip(cases, stagings, strict=True)):
        replayed = replay(
            staging.trace,
            policy=case.policy,
            grouping=staging.grouping,
            findings=staging.findings,
            half_life_seconds=partition.usage_half_life_seconds,
            max_time_limit_seconds=max(what_if.longest_seconds(partition), int(trace.limits.max())),
            changes=changes if case.has_changes else (),
            progress=_in_parts(progress, number, len(cases)),
            decisions_at_once=DECISIONS_AT_ONCE,
        )
        parts.append(
            Part(
                name=case.name,
                policy=case.policy,
                figures=measures.measure(replayed, power),
                findings=tuple(sorted(staging.findings.counts.items())),
            )
        )
    groups = what_if.list_groups(partition)
    return Outcome(
        question=question,
        sme=groups[0].id,
        names={group.id: group.name for group in groups},
        trace=trace.name,
        machine_nodes=trace.machine_nodes,
        parts=(parts[0], parts[1], parts[2]),
    )


@dataclass(frozen=True, kw_only=True)
class _Case:
    name: Sentence
    shares: tuple[Share, ...]
    policy: str = "allmende"
    has_changes: bool = True  # whether nodes fail or are capped


def _cases(question: WhatIf, partition: Partition) -> tuple[_Case, ...]:
    shares_now = what_if.shares_today(question, partition)
    shares_then = what_if.shares_then(question, partition)
    now, then = {"percent": question.today}, {"percent": question.guarantee}
    return (
        _Case(
            name=Sentence("Today: {percent} % for SMEs", now), shares=shares_now, has_changes=False
        ),
        _Case(name=Sentence("What if: {percent} % for SMEs", then), shares=shares_then),
        _Case(name=Sentence("EASY, no guarantees"), shares=shares_then, policy="easy"),
    )


def _stage(case: _Case, trace: Trace, findings: Findings) -> Staging:
    return Staging(
        trace=trace,
        grouping=group_by_queue(case.shares, trace),
        is_obeyed=case.policy == "allmende",
        findings=findings.copy(),
        read_seconds=0,
    )


def _in_parts(progress: Progress, number: int, count: int) -> twin.Progress:
    def tell(done: int, total: int) -> None:
        progress((100 * number + 100 * done // total) // count)

    return tell


def write_report(outcome: Outcome, *, translate: reports.Translate) -> str:
    """Return a page that stands alone: tables and charts, nothing loaded from anywhere."""
    first = outcome.parts[0].figures
    parts = [
        reports.Part(
            name=translate(part.name),
            policy=part.policy,
            figures=part.figures,
            price=comparisons.price_of(first, part.figures),
        )
        for part in outcome.parts
    ]
    return reports.render(
        parts, trace=outcome.trace, machine_nodes=outcome.machine_nodes, translate=translate
    )


def _workload(prepared: Prepared, findings: Findings) -> Trace:
    question, partition = prepared.question, prepared.partition
    if question.workload == RECORDED:
        name = f"{partition.name}, {question.until}"
        nodes = partition.nodes or 0
        return tables.make_trace(name, [dict(row) for row in prepared.rows], nodes, findings)
    return invented.invent(*what_if.recipe(question, partition))


def _without_too_wide(trace: Trace, nodes: int, findings: Findings) -> Trace:
    """Leave out what could never start under the power cap."""
    too_wide = trace.nodes > nodes
    findings.add_many("wider_than_machine", trace.numbers[too_wide])
    return trace.select(~too_wide) if too_wide.any() else trace


def _changes(question: WhatIf, partition: Partition, begin: int) -> list[tuple[int, int]]:
    """Return how many nodes are in service from when on; what fails, fails at a third of it."""
    nodes, capped = partition.nodes or 0, what_if.capped_nodes(question, partition)
    changes = [(begin, capped)] if capped < nodes else []
    if question.failing_nodes and question.failing_hours:
        at = begin + question.days * DAY_SECONDS // 3
        changes.append((at, min(capped, nodes - question.failing_nodes)))
        changes.append((at + question.failing_hours * HOUR_SECONDS, capped))
    return changes


def energy_amount(kilowatt_hours: float) -> Sentence:
    """Return an amount of energy in the unit that suits it."""
    if kilowatt_hours >= 1e4:
        return Sentence("{number} MWh", {"number": round(kilowatt_hours / 1e3)})
    return Sentence("{number} kWh", {"number": round(kilowatt_hours, 1)})


def duration(seconds: float) -> Sentence:
    """Return a length of time in the unit that suits it."""
    if abs(seconds) >= 2 * DAY_SECONDS:
        return Sentence("{number} days", {"number": round(seconds / DAY_SECONDS, 1)})
    if abs(seconds) >= 2 * HOUR_SECONDS:
        return Sentence("{number} h", {"number": round(seconds / HOUR_SECONDS, 1)})
    if abs(seconds) >= 120:
        return Sentence("{number} min", {"number": round(seconds / 60)})
    return Sentence("{number} s", {"number": round(seconds)})
