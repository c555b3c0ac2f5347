"""The training planner at the command line."""

from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.people import PUBLIC
from allmende.domain.training.counts import GPUS_MAX, PARAMETERS_MAX, read_count
from allmende.domain.training.published_runs import Precision
from allmende.domain.training.ranges import Range
from allmende.services import planning
from allmende.services.planning import Answer, PlanQuestion
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.planning import load_planning

DIGITS = 3


def plan_training(
    params: Annotated[str, typer.Option(help="Of the model, such as 70e9 or 70B.")],
    tokens: Annotated[str, typer.Option(help="That it sees, such as 15e12 or 15T.")],
    active_params: Annotated[
        str, typer.Option(help="Of a mixture of experts: those that one token meets.")
    ] = "",
    gpu: Annotated[str, typer.Option(help="The kind of GPU, such as h100 or mi250x.")] = "",
    machine: Annotated[str, typer.Option(help="Instead: a machine, such as jupiter.")] = "",
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
    plan, layout, checkpoints = answer.plan, answer.plan.layout, answer.plan.checkpoints
    show(
        {
            "operations": f"{plan.flop:.3g} FLOP",
            "GPU-hours": _in_words(plan.gpu_hours),
            "days": f"{_in_words(plan.days)} on {plan.gpus} GPUs ({plan.nodes} nodes)",
            "memory of a GPU": f"{layout.memory_gigabytes:.0f} GB of "
            f"{answer.task.gpu.memory_gigabytes:g} GB",
            "parallelism": f"tensor {layout.tensor} × pipeline {layout.pipeline} × "
            f"data {layout.data}"
            + (f", experts over {layout.expert}" if layout.expert > 1 else "")
            + (", optimiser sharded" if layout.is_sharded else ""),
            "checkpoint": f"{checkpoints.gigabytes:.3g} GB, every "
            f"{checkpoints.every_seconds / 60:.0f} min; a failure every "
            f"{checkpoints.seconds_between_failures / 3600:.3g} h",
            "power": f"{_in_words(plan.power_kilowatts)} kW",
            "energy": f"{_in_words(plan.energy_kwh)} kWh",
            "carbon": f"{_in_words(plan.carbon_kg)} kg CO2",
            "cost": f"{_in_words(answer.cost_euros)} EUR ({answer.price_source})",
            "access mode": ", ".join(mode.id for mode in answer.modes) or "none gives so much",
        }
    )
    show(
        [
            {
                "AI Act": f"{mark.flop:.0e} FLOP",
                "": "reached" if mark.is_reached else "below",
                "what it means": mark.sentence,
            }
            for mark in answer.marks
        ]
    )
    for each in answer.assumptions:
        say(each, style="dim")


def _in_words(value: Range) -> str:
    return f"{_short(value.expected)} ({_short(value.low)} to {_short(value.high)})"


def _short(number: float) -> str:
    """Return three digits that count, without an exponent."""
    rounded = float(f"{number:.{DIGITS}g}")
    return f"{rounded:,.0f}" if rounded >= 10**DIGITS else f"{rounded:g}"
