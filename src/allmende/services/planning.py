"""The training planner: from a model and a machine to hours, money, marks and the access mode."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from allmende.domain.access.aid import read_price
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.compute_marks import Mark, list_marks
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence, quote
from allmende.domain.basics.units import SECONDS_PER_HOUR, TimeUnit
from allmende.domain.training.planning import Gpu, Machine, Plan, PlanningFacts, Task, plan_training
from allmende.domain.training.published_runs import Precision
from allmende.domain.training.ranges import Range
from allmende.domain.trust.permissions import Permission, check_permission

CENTS = 100
SHORTEST_BEGINNING = 3
GROUPED = 10_000  # from here on digits are hard to count


class NoSuchGpu(Refusal):
    """There is no GPU {name} in the planner. {hint}"""

    status = 404


class NoSuchMachine(Refusal):
    """There is no machine {name} in the planner. {hint}"""

    status = 404


@dataclass(frozen=True, kw_only=True)
class PlanQuestion:
    """What somebody wants to train, on a GPU, a machine, or a machine as if it had that GPU."""

    parameters: int
    tokens: int
    active_parameters: int | None = None
    precision: Precision = Precision.BF16
    gpu: str = ""
    machine: str = ""
    gpus: int | None = None


@dataclass(frozen=True, kw_only=True)
class FittingMode:
    """An access mode that gives so much time, and whether it does over the whole range."""

    id: str
    names: Mapping[str, str]
    audience: Mapping[str, str]
    hours: float  # expected, in the unit of the mode
    unit: TimeUnit
    holds_range: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the planner says, with where each figure comes from."""

    task: Task
    plan: Plan
    cost_euros: Range
    price: Range  # euros per GPU-hour
    price_source: str
    marks: tuple[Mark, ...]
    modes: tuple[FittingMode, ...]
    assumptions: tuple[Sentence, ...]


def plan(
    reader: Person,
    question: PlanQuestion,
    *,
    facts: PlanningFacts,
    rules: AccessRules,
    now: datetime,
) -> Answer:
    """Plan a training; nothing is kept. Refusals say what cannot be planned, and what can."""
    check_permission(reader, Permission.SEE_FACTORY)
    task = _build_task(question, facts)
    plan = plan_training(task, facts)
    price, price_source = _find_price(task, facts, rules, now)
    return Answer(
        task=task,
        plan=plan,
        cost_euros=plan.gpu_hours * price,
        price=price,
        price_source=price_source,
        marks=list_marks(plan.flop, rules.book, on=day_of(now)),
        modes=tuple(_list_modes(task, plan.gpu_hours, rules, now)),
        assumptions=tuple(_list_assumptions(task, plan, facts)),
    )


def as_facts(answer: Answer) -> dict[str, Any]:
    """Return the answer under the keys that programs may rely on."""
    plan, task = answer.plan, answer.task
    return {
        "flop": plan.flop,
        "gpu_hours": plan.gpu_hours,
        "days": plan.days,
        "energy_kwh": plan.energy_kwh,
        "cost_eur": answer.cost_euros,
        "carbon_kg": plan.carbon_kg,
        "power_kw": plan.power_kilowatts,
        "gpu": task.gpu.id,
        "machine": task.machine.id if task.machine else None,
        "gpus": plan.gpus,
        "nodes": plan.nodes,
        "utilisation": plan.utilisation,
        "parallelism": plan.layout,
        "memory_gb_per_gpu": plan.layout.memory_gigabytes,
        "checkpoint": plan.checkpoints,
        "price_eur_per_gpu_hour": answer.price,
        "price_source": answer.price_source,
        "ai_act_marks": answer.marks,
        "access_modes": answer.modes,
        "assumptions": answer.assumptions,
    }


def _build_task(question: PlanQuestion, facts: PlanningFacts) -> Task:
    machine = _find_machine(question.machine, facts.machines) if question.machine else None
    if question.gpu:
        gpu = _find_gpu(question.gpu, facts.gpus)
    elif machine:
        gpu = facts.gpus[machine.gpu]
    else:
        problem = Sentence(
            "Name a GPU ({gpus}) or a machine ({machines}).",
            {"gpus": ", ".join(facts.gpus), "machines": ", ".join(facts.machines)},
        )
        raise InvalidInput(field="gpu", problem=problem)
    return Task(
        parameters=question.parameters,
        tokens=question.tokens,
        active_parameters=question.active_parameters,
        precision=question.precision,
        gpu=gpu,
        machine=machine,
        gpus=question.gpus,
    )


def _find_gpu(name: str, gpus: Mapping[str, Gpu]) -> Gpu:
    wanted = _squeeze(name)
    if wanted in gpus:
        return gpus[wanted]
    raise NoSuchGpu(name=name[:40], hint=_hint(wanted, gpus))


def _find_machine(name: str, machines: Mapping[str, Machine]) -> Machine:
    """Return a machine by its id, by that of its partition, or by how its name begins."""
    wanted = _squeeze(name)
    for each in machines.values():
        if wanted in (_squeeze(each.id), _squeeze(each.partition_id), _squeeze(each.name)):
            return each
    begun = [each for each in machines.values() if _squeeze(each.name).startswith(wanted)]
    if len(begun) == 1 and len(wanted) >= SHORTEST_BEGINNING:
        return begun[0]
    raise NoSuchMachine(name=name[:40], hint=_hint(wanted, machines))


def _squeeze(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())


def _hint(wanted: str, known: Iterable[str]) -> Sentence:
    names = list(known)
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    if close:
        return Sentence("Did you mean {name}?", {"name": close[0]})
    return Sentence("Known: {names}.", {"names": ", ".join(names)})


def _find_price(
    task: Task, facts: PlanningFacts, rules: AccessRules, now: datetime
) -> tuple[Range, str]:
    """Return euros for a GPU-hour: of the cloud for a GPU, of the rules for a machine."""
    if task.machine is None and task.gpu.dollars_per_hour:
        low, expected, high = task.gpu.dollars_per_hour
        dollars = Range(low=low, expected=expected, high=high)
        return dollars * facts.assumptions.euros_per_dollar.range, task.gpu.price_source
    partition_id = task.machine.partition_id if task.machine else ""
    price = read_price(
        rules.book, on=day_of(now), partition_id=partition_id, unit=TimeUnit.GPU_SECONDS
    )
    euros = float(Decimal(price.cents_per_hour) / CENTS)
    return Range(low=euros, expected=euros, high=euros), price.source


def _list_modes(
    task: Task, gpu_hours: Range, rules: AccessRules, now: datetime
) -> Iterable[FittingMode]:
    for mode in rules.modes.in_force(day_of(now)):
        per_gpu = 1 if mode.unit is TimeUnit.GPU_SECONDS else task.gpus_per_node
        hours = gpu_hours * (1 / per_gpu)
        seconds = hours.map(lambda each: max(1, each * SECONDS_PER_HOUR))
        if mode.has_room_for(int(seconds.expected)):
            yield FittingMode(
                id=mode.id,
                names=mode.names,
                audience=mode.audience,
                hours=hours.expected,
                unit=mode.unit,
                holds_range=mode.has_room_for(int(seconds.low))
                and mode.has_room_for(int(seconds.high)),
            )


def _list_assumptions(task: Task, plan: Plan, facts: PlanningFacts) -> Iterable[Sentence]:
    machine = task.machine
    if machine and machine.gpu != task.gpu.id:
        yield Sentence(
            "{machine} has {own}. This is what the training would take if it had as many {gpu}.",
            {
                "machine": machine.name,
                "own": facts.gpus[machine.gpu].name,
                "gpu": task.gpu.name,
            },
        )
    yield from plan.notes
    yield Sentence(
        "{name}: {peak} TFLOP/s in BF16 without sparsity, {memory} GB, at most {watts} W and"
        " {rest} W for the rest of the node per GPU. Source: {source}.",
        {
            "name": task.gpu.name,
            "peak": _tidy(task.gpu.peak_teraflops),
            "memory": _tidy(task.gpu.memory_gigabytes),
            "watts": _tidy(task.gpu.watts),
            "rest": _tidy(task.gpu.other_watts),
            "source": quote(task.gpu.source),
        },
    )
    known = facts.assumptions
    yield Sentence(
        "Carbon: {grams} grams of CO₂ per kWh. Source: {source}.",
        {
            "grams": _tidy(known.grams_per_kwh.expected),
            "source": quote(known.grams_per_kwh.source),
        },
    )
    for name, each in (
        (Sentence("PUE"), known.pue),
        (Sentence("Load of the GPU, as a share of its most watts"), known.gpu_load),
        (Sentence("Load of the rest of the node, as a share of its most watts"), known.other_load),
        (Sentence("GPU-hours between two failures"), known.gpu_hours_between_failures),
        (
            Sentence("Gigabytes per second that all nodes write together"),
            known.site_gigabytes_per_second,
        ),
    ):
        yield Sentence(
            "{name}: {low} to {high}, expected {expected}. Source: {source}.",
            {
                "name": name,
                "low": _tidy(each.low),
                "high": _tidy(each.high),
                "expected": _tidy(each.expected),
                "source": quote(each.source),
            },
        )


def _tidy(number: float) -> float | Mapping[str, str]:
    """Return a whole number as one, for sentences; the digits of a long one in groups of three."""
    if number < GROUPED:
        return int(number) if number == int(number) else number
    english = f"{number:,.0f}"
    return {"en": english, "de": english.replace(",", ".")}
