"""What a training takes, before anybody asks for it: hours, days, memory, power, as ranges."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from allmende.domain.basics.powers import write_power
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import SECONDS_PER_HOUR
from allmende.domain.training import layouts
from allmende.domain.training.checkpoints import CheckpointPlan, plan_checkpoints
from allmende.domain.training.layouts import Layout, ModelShape
from allmende.domain.training.published_runs import (
    Calibration,
    Kind,
    Precision,
    Utilisation,
    Witness,
)
from allmende.domain.training.ranges import Range, around
from allmende.domain.training.sizes import TERA, count_training_flop

HOURS_PER_DAY = 24
WATTS_PER_KILOWATT = 1000
GRAMS_PER_KILOGRAM = 1000


class TooManyActive(Refusal):
    """A token cannot meet more parameters ({active}) than the model has ({parameters}). Give all
    parameters as the size, and those of one token as the active ones."""

    status = 422


class NoSuchPrecision(Refusal):
    """{gpu} does not compute in FP8. Choose BF16, or a GPU of a later generation."""

    status = 422


class MoreThanThereIs(Refusal):
    """{machine} has {most} GPUs, not {gpus}. Give at most {most}."""

    status = 422


class NothingKnown(Refusal):
    """No published run says how fast a training of this kind is on {gpu}. Add one to
    config/published_runs.toml, or plan in BF16."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU, and the node that it usually stands in."""

    id: str
    name: str
    generation: str
    like: str = ""  # the generation whose runs speak for it, where none of its own is known
    peak_teraflops: float  # BF16 without sparsity
    memory_gigabytes: float
    watts: float  # at most
    other_watts: float  # of the rest of the node, per GPU, at most
    gpus_per_node: int
    has_fp8: bool = True
    dollars_per_hour: tuple[float, float, float] | None = None  # list prices: low, median, high
    source: str
    price_source: str = ""
    checked_on: date

    @property
    def witnesses(self) -> str:
        """Return the generation whose runs are asked."""
        return self.like or self.generation


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A real machine that can be planned for."""

    id: str
    name: str
    gpu: str
    partition_id: str = ""  # of the factory; empty: somebody else's
    nodes: int | None = None  # None: not published
    gpus_per_node: int
    source: str = ""
    checked_on: date

    @property
    def gpus(self) -> int | None:
        """Return all its GPUs."""
        return None if self.nodes is None else self.nodes * self.gpus_per_node


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """A figure that the planner needs and nobody measured for this training."""

    low: float
    expected: float
    high: float
    unit: str
    source: str
    checked_on: date

    @property
    def range(self) -> Range:
        """Return it as a range."""
        return Range(low=self.low, expected=self.expected, high=self.high)


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Everything that is assumed, each with its source."""

    pue: Assumption
    gpu_load: Assumption  # share of the GPU's most watts
    other_load: Assumption  # share of the rest's most watts
    grams_per_kwh: Assumption
    euros_per_dollar: Assumption
    gpu_hours_between_failures: Assumption
    restart_minutes: Assumption
    node_gigabytes_per_second: Assumption  # to the file system, from one node
    site_gigabytes_per_second: Assumption  # from all together
    days: Assumption  # that a training should last where nobody says how many GPUs
    sequence_tokens: Assumption
    batch_tokens: Assumption


@dataclass(frozen=True, kw_only=True)
class PlanningFacts:
    """What the planner knows: GPUs, machines, assumptions, and what trainings really took."""

    gpus: Mapping[str, Gpu]
    machines: Mapping[str, Machine]
    assumptions: Assumptions
    witnesses: tuple[Witness, ...]
    calibration: Calibration


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is trained, on what. `parameters` are all of the model."""

    parameters: int
    tokens: int
    active_parameters: int | None = None  # that one token meets, in a mixture of experts
    precision: Precision = Precision.BF16
    gpu: Gpu
    machine: Machine | None = None
    gpus: int | None = None  # at once; None: as many as the usual length needs

    @property
    def gpus_per_node(self) -> int:
        """Return how many GPUs share quick links."""
        return self.machine.gpus_per_node if self.machine else self.gpu.gpus_per_node


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The answer; ranges hold what nine in ten published runs kept."""

    flop: int
    utilisation: Utilisation
    gpu_hours: Range
    gpus: int
    nodes: int
    days: Range
    layout: Layout
    checkpoints: CheckpointPlan
    power_kilowatts: Range  # with cooling
    energy_kwh: Range
    carbon_kg: Range
    notes: tuple[Sentence, ...]  # what to know before believing it


def plan_training(task: Task, facts: PlanningFacts) -> Plan:
    """Work it out; the refusals above and in `layouts` say what cannot be planned."""
    known = facts.assumptions
    _check(task)
    active = task.active_parameters or task.parameters
    flop = count_training_flop(active, task.tokens)
    utilisation = _find_utilisation(task, facts.calibration)
    per_hour = task.gpu.peak_teraflops * TERA * utilisation.share * SECONDS_PER_HOUR
    hours = around(flop / per_hour, factor=utilisation.spread)
    shape = ModelShape(
        parameters=task.parameters,
        active_parameters=active,
        sequence_tokens=round(known.sequence_tokens.expected),
    )
    gpus = task.gpus or _choose_gpus(task, hours.expected, shape, known)
    layout = layouts.choose_layout(
        shape,
        gpus=gpus,
        gpus_per_node=task.gpus_per_node,
        memory_gigabytes=task.gpu.memory_gigabytes,
    )
    nodes = -(-gpus // task.gpus_per_node)
    watts = known.gpu_load.range * task.gpu.watts
    rest = known.other_load.range * task.gpu.other_watts
    of_one = Range(
        low=watts.low + rest.low,
        expected=watts.expected + rest.expected,
        high=watts.high + rest.high,
    )
    kilowatts = of_one * known.pue.range * (1 / WATTS_PER_KILOWATT)
    energy = hours * kilowatts
    return Plan(
        flop=flop,
        utilisation=utilisation,
        gpu_hours=hours,
        gpus=gpus,
        nodes=nodes,
        days=hours * (1 / (gpus * HOURS_PER_DAY)),
        layout=layout,
        checkpoints=_plan_checkpoints(task.parameters, gpus, nodes, known),
        power_kilowatts=kilowatts * gpus,
        energy_kwh=energy,
        carbon_kg=energy * known.grams_per_kwh.range * (1 / GRAMS_PER_KILOGRAM),
        notes=tuple(_list_notes(utilisation, layout, known)),
    )


def _check(task: Task) -> None:
    if task.active_parameters and task.active_parameters > task.parameters:
        raise TooManyActive(
            active=write_power(task.active_parameters), parameters=write_power(task.parameters)
        )
    if task.precision is Precision.FP8 and not task.gpu.has_fp8:
        raise NoSuchPrecision(gpu=task.gpu.name)
    most = task.machine.gpus if task.machine else None
    if task.machine and task.gpus and most and task.gpus > most:
        raise MoreThanThereIs(machine=task.machine.name, most=most, gpus=task.gpus)


def _find_utilisation(task: Task, calibration: Calibration) -> Utilisation:
    is_sparse = (task.active_parameters or task.parameters) < task.parameters
    kind = Kind(generation=task.gpu.witnesses, is_sparse=is_sparse, precision=task.precision)
    found = calibration.find(kind)
    if found is None:
        raise NothingKnown(gpu=task.gpu.name)
    if not task.gpu.like or found.is_borrowed:
        return found
    return Utilisation(
        share=found.share,
        spread=calibration.spread**2,
        families=found.families,
        is_borrowed=True,
    )


def _choose_gpus(task: Task, hours: float, shape: ModelShape, known: Assumptions) -> int:
    """Return whole nodes: those that the usual length needs, and on which the model fits."""
    least = layouts.find_least_gpus(
        shape, gpus_per_node=task.gpus_per_node, memory_gigabytes=task.gpu.memory_gigabytes
    )
    wanted = max(hours / (known.days.expected * HOURS_PER_DAY), least)
    most = math.inf
    if task.machine and task.machine.nodes:
        most = task.machine.nodes
        if least > most * task.gpus_per_node:
            raise MoreThanThereIs(
                machine=task.machine.name, most=most * task.gpus_per_node, gpus=least
            )
    numbers = [nodes for nodes in layouts.round_numbers() if nodes <= most]
    enough = (nodes for nodes in numbers if nodes * task.gpus_per_node >= wanted)
    return next(enough, numbers[-1]) * task.gpus_per_node


def _plan_checkpoints(parameters: int, gpus: int, nodes: int, known: Assumptions) -> CheckpointPlan:
    between = known.gpu_hours_between_failures.expected * SECONDS_PER_HOUR
    speed = min(
        known.node_gigabytes_per_second.expected * nodes, known.site_gigabytes_per_second.expected
    )
    return plan_checkpoints(
        parameters,
        gpus=gpus,
        failures_per_gpu_second=1 / between,
        write_gigabytes_per_second=speed,
        restart_seconds=known.restart_minutes.expected * 60,
    )


def _list_notes(utilisation: Utilisation, layout: Layout, known: Assumptions) -> list[Sentence]:
    families = ", ".join(utilisation.families)
    notes = []
    if utilisation.is_borrowed:
        notes.append(
            Sentence(
                "No published run of this kind is known. The plan borrows from {families}, and its"
                " range is wider for it.",
                {"families": families},
            )
        )
    else:
        notes.append(
            Sentence(
                "{percent} per cent of the peak over the whole run, as the published runs reached"
                " it: {families}.",
                {"percent": round(utilisation.share * 100), "families": families},
            )
        )
    if layout.recomputes:
        notes.append(
            Sentence(
                "The activations do not fit and are computed again. Expect the upper end of the"
                " range, or plan more memory."
            )
        )
    sequences = known.batch_tokens.expected / known.sequence_tokens.expected
    if layout.data > sequences:
        notes.append(
            Sentence(
                "{data} replicas are more than the {sequences} sequences of a usual batch. With so"
                " many GPUs the training would wait for its network; plan fewer.",
                {"data": layout.data, "sequences": round(sequences)},
            )
        )
    return notes
