"""Reads config/planning.toml and config/published_runs.toml: what the training planner knows."""

import difflib
from functools import cache
from pathlib import Path
from typing import Any

from allmende.domain.basics.sites import Factory
from allmende.domain.training.planning import (
    Assumption,
    Assumptions,
    Gpu,
    Machine,
    PlanningFacts,
)
from allmende.domain.training.published_runs import (
    Kind,
    PublishedRun,
    Witness,
    calibrate,
)
from allmende.wiring import home
from allmende.wiring.configuration import LARGEST, ConfigurationFile, Location
from allmende.wiring.factory import load_factory

GPU_RANGES = {
    "peak_teraflops": (1, 10**6),
    "memory_gigabytes": (1, 10**5),
    "watts": (1, 10**5),
    "other_watts": (0, 10**5),
    "gpus_per_node": (1, 1024),
    "dollars_per_hour": (0, 10**6),
}
RUN_RANGES = {
    "parameters": (1, 10**15),
    "active_parameters": (1, 10**15),
    "tokens": (1, 10**18),
    "gpu_hours": (1, LARGEST),
    "gpus": (1, 10**7),
}
MACHINE_RANGES = {"nodes": (1, 10**7), "gpus_per_node": (1, 1024)}
# Most of them would be divided by; a PUE below 1 does not exist.
LEAST = {"pue": 1}


@cache
def load_planning(folder: Path | None = None) -> PlanningFacts:
    """Return what the planner knows; `ConfigurationMistake` if a file is invalid."""
    folder = folder or home.config_folder()
    file = ConfigurationFile(folder / "planning.toml")
    for key in file.content:
        if key not in ("assumptions", "gpus", "machines"):
            problem = "is unknown here; this file holds [assumptions], [[gpus]] and [[machines]]."
            raise file.mistake((key,), problem)
    gpus = _read_gpus(file)
    witnesses = _read_witnesses(ConfigurationFile(folder / "published_runs.toml"), gpus)
    facts = PlanningFacts(
        gpus=gpus,
        machines=_read_machines(file, gpus, load_factory(folder / "factory.toml")),
        assumptions=_read_assumptions(file),
        witnesses=witnesses,
        calibration=calibrate(witnesses),
    )
    for number, gpu in enumerate(gpus.values()):
        if facts.calibration.find(Kind(generation=gpu.witnesses)) is None:
            problem = f'no run of "{gpu.witnesses}" in published_runs.toml says how fast it is.'
            key = "like" if gpu.like else "generation"
            raise file.mistake(("gpus", number, key), problem)
    return facts


def _read_gpus(file: ConfigurationFile) -> dict[str, Gpu]:
    gpus: dict[str, Gpu] = {}
    for number, row in enumerate(_rows(file, "gpus")):
        at: Location = ("gpus", number)
        gpu = file.build(row, Gpu, at)
        file.check_ranges(gpu, GPU_RANGES, at)
        prices = gpu.dollars_per_hour
        if prices and list(prices) != sorted(prices):
            raise file.mistake((*at, "dollars_per_hour"), "give low, median and high in order.")
        if gpu.id in gpus:
            raise file.mistake((*at, "id"), f'"{gpu.id}" names two GPUs.')
        gpus[gpu.id] = gpu
    return gpus


def _read_machines(
    file: ConfigurationFile, gpus: dict[str, Gpu], factory: Factory
) -> dict[str, Machine]:
    partitions = {each.id: each for each in factory.partitions}
    machines: dict[str, Machine] = {}
    for number, row in enumerate(_rows(file, "machines")):
        at: Location = ("machines", number)
        values = dict(row)
        if partition_id := values.get("partition_id"):
            if partition_id not in partitions:
                problem = f"no partition {partition_id} in factory.toml."
                raise file.mistake((*at, "partition_id"), problem)
            partition = partitions[partition_id]
            for key in ("name", "nodes", "gpus_per_node", "source"):
                if key in values:
                    raise file.mistake((*at, key), "factory.toml says this; take it out here.")
                values[key] = getattr(partition, key)
            peak = partition.peak_teraflops_per_device
            gpu = gpus.get(str(values.get("gpu")))
            if gpu and peak and peak != gpu.peak_teraflops:
                problem = f"factory.toml gives its GPUs {peak:g} TFLOP/s, not as {gpu.id} here."
                raise file.mistake((*at, "gpu"), problem)
        machine = file.build(values, Machine, at)
        _check_gpu(file, machine.gpu, gpus, at)
        file.check_ranges(machine, MACHINE_RANGES, at)
        if machine.id in machines:
            raise file.mistake((*at, "id"), f'"{machine.id}" names two machines.')
        machines[machine.id] = machine
    return machines


def _read_assumptions(file: ConfigurationFile) -> Assumptions:
    rows = file.content.get("assumptions")
    at: Location = ("assumptions",)
    if not isinstance(rows, dict):
        raise file.mistake(at, "the tables [assumptions.…] are missing.")
    known = file.build(rows, Assumptions, at)
    for name in Assumptions.__annotations__:
        each: Assumption = getattr(known, name)
        least = LEAST.get(name, 0)
        if not least <= each.low <= each.expected <= each.high <= LARGEST or not each.expected:
            problem = f"low, expected and high must be in order, and {least} or more."
            raise file.mistake((*at, name, "expected"), problem)
    return known


def _read_witnesses(file: ConfigurationFile, gpus: dict[str, Gpu]) -> tuple[Witness, ...]:
    witnesses: dict[str, Witness] = {}
    for number, row in enumerate(_rows(file, "runs")):
        at: Location = ("runs", number)
        run = file.build(row, PublishedRun, at)
        file.check_ranges(run, RUN_RANGES, at)
        _check_gpu(file, run.gpu, gpus, at)
        if (run.active_parameters or 0) > run.parameters:
            raise file.mistake((*at, "active_parameters"), "more than the model has.")
        if run.name in witnesses:
            raise file.mistake((*at, "name"), f'"{run.name}" names two runs.')
        gpu = gpus[run.gpu]
        witness = Witness(run=run, generation=gpu.generation, peak_teraflops=gpu.peak_teraflops)
        if witness.utilisation > 1 and run.precision == "bf16":
            problem = "the GPUs would have computed faster than they can; check the figures."
            raise file.mistake((*at, "gpu_hours"), problem)
        witnesses[run.name] = witness
    return tuple(witnesses.values())


def _check_gpu(file: ConfigurationFile, name: str, gpus: dict[str, Gpu], at: Location) -> None:
    if name in gpus:
        return
    close = difflib.get_close_matches(name, gpus, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"known: {', '.join(gpus)}."
    raise file.mistake((*at, "gpu"), f'"{name}" is no GPU of planning.toml; {hint}')


def _rows(file: ConfigurationFile, name: str) -> list[dict[str, Any]]:
    rows = file.content.get(name, [])
    if not isinstance(rows, list):
        raise file.mistake((name,), f"write it as [[{name}]].")
    return rows
