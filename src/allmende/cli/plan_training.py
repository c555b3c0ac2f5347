"""The training planner at the command line."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.people import PUBLIC
from allmende.domain.basics.powers import write_power
from allmende.domain.basics.sentences import Sentence, quote
from allmende.domain.basics.units import SECONDS_PER_HOUR
from allmende.domain.training.counts import GPUS_MAX, PARAMETERS_MAX, read_count
from allmende.domain.training.layouts import Layout
from allmende.domain.training.published_runs import Precision
from allmende.domain.training.ranges import Range
from allmende.services import planning
from allmende.services.planning import Answer, PlanQuestion
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.languages import translate, write_number
from allmende.wiring.planning import load_planning

DIGITS = 3
SECONDS_PER_MINUTE = 60


def plan_training(
    params: Annotated[str, typer.Option(help="Of the model, such as 70e9 or 70B.")],
    tokens: Annotated[str, typer.Option(help="That it sees, such as 15e12 or 15T.")],
    active_params: Annotated[
        str, typer.Option(help="Of a mixture of experts: those that one token meets.")
    ] = "",
    gpu: Annotated[str, typer.Option(help="The kind of GPU, such as h100 or mi250x.")] = "",
    machine: Annotated[
        str, typer.Option(help="A machine, such as jupiter; with --gpu as if it had that one.")
    ] = "",
    gpus: Annotated[str, typer.Option(help="How many at once.")] = "",
    precision: Annotated[Precision, typer.Option(help="Of most operations.")] = Precision.BF16,
    json: AsJson = False,
) -> None:
    """Say what a training takes: hours, days, memory, energy, cost, and what the AI Act says."""
    question = PlanQuestion(
        parameters=read_count("params", params, most=PARAMETERS_MAX),
        tokens=read_count("tokens", tokens),
        active_parameters=read_count("active-params", active_params) if active_params else None,
        precision=precision,
        gpu=gpu,
        machine=machine,
        gpus=read_count("gpus", gpus, most=GPUS_MAX) if gpus else None,
    )
    answer = planning.plan(
        PUBLIC, question, facts=load_planning(), rules=read_access_rules(), now=wiring.now()
    )
    if json:
        show(planning.as_facts(answer), json=True)
        return
    _print(answer)


def _print(answer: Answer) -> None:
    show({translate(name): value for name, value in _describe(answer)})
    show(
        [
            {
                translate(Sentence("AI Act")): _in_powers(mark.flop),
                "": Sentence("reached") if mark.is_reached else Sentence("below"),
                translate(Sentence("what it means")): mark.sentence,
            }
            for mark in answer.marks
        ]
    )
    for each in answer.assumptions:
        say(each, style="dim")


def _describe(answer: Answer) -> Iterator[tuple[Sentence, str | Sentence]]:
    plan, checkpoints = answer.plan, answer.plan.checkpoints
    yield Sentence("operations"), _in_powers(plan.flop)
    yield Sentence("GPU-hours"), _in_words(plan.gpu_hours)
    facts = {"days": _in_words(plan.days), "gpus": plan.gpus, "nodes": plan.nodes}
    yield Sentence("days"), Sentence("{days} on {gpus} GPUs ({nodes} nodes)", facts)
    memory = {
        "used": round(plan.layout.memory_gigabytes),
        "all": _short(answer.task.gpu.memory_gigabytes),
    }
    yield Sentence("memory of a GPU"), Sentence("{used} GB of {all} GB", memory)
    yield Sentence("parallelism"), _describe_cut(plan.layout)
    kept = {
        "size": _short(checkpoints.gigabytes),
        "minutes": round(checkpoints.every_seconds / SECONDS_PER_MINUTE),
        "hours": _short(checkpoints.seconds_between_failures / SECONDS_PER_HOUR),
    }
    yield (
        Sentence("checkpoint"),
        Sentence("{size} GB, every {minutes} min; a failure every {hours} h", kept),
    )
    yield Sentence("power"), f"{_in_words(plan.power_kilowatts)} kW"
    yield Sentence("energy"), f"{_in_words(plan.energy_kwh)} kWh"
    yield Sentence("carbon"), f"{_in_words(plan.carbon_kg)} kg CO₂"
    source = translate(quote(answer.price_source))
    yield Sentence("cost"), f"{_in_words(answer.cost_euros)} EUR ({source})"
    modes = ", ".join(mode.id for mode in answer.modes)
    yield Sentence("access mode"), modes or Sentence("none gives so much")


def _describe_cut(layout: Layout) -> str:
    facts = {"tensor": layout.tensor, "pipeline": layout.pipeline, "data": layout.data}
    parts = [Sentence("tensor {tensor} × pipeline {pipeline} × data {data}", facts)]
    if layout.expert > 1:
        parts.append(Sentence("experts over {gpus}", {"gpus": layout.expert}))
    if layout.is_sharded:
        parts.append(Sentence("optimiser sharded"))
    return ", ".join(map(translate, parts))


def _in_powers(flop: int) -> Sentence:
    return Sentence("{flop} FLOP", {"flop": write_power(flop)})


def _in_words(value: Range) -> str:
    facts = {name: _short(getattr(value, name)) for name in ("low", "expected", "high")}
    return translate(Sentence("{expected} ({low} to {high})", facts))


def _short(number: float) -> str:
    """Return three digits that count, without an exponent."""
    rounded = Decimal(f"{Decimal(f'{number:.{DIGITS}g}').normalize():f}")
    return write_number(rounded)
