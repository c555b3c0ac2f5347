"""The energy of an attempt: measured where a counter exists, else estimated; always labelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import Joules


class EnergyMethod(StrEnum):
    """How a figure came about."""

    MEASURED = "measured"
    ESTIMATED = "estimated"


class EnergyScope(StrEnum):
    """What a figure includes."""

    CPU = "cpu"  # the processor packages, without memory, disks, fans, power supply
    GPU = "gpu"  # the accelerator boards
    NODE = "node"  # the whole node
    HOST = "host"  # the node without its accelerators


@dataclass(frozen=True, kw_only=True)
class Energy:
    """An amount that says how it was found, what it includes, and by which arithmetic."""

    energy_joules: Joules
    method: EnergyMethod
    scope: EnergyScope
    formula: Sentence


class PowerModel(Protocol):
    """What a partition says of its nodes, for where no counter exists."""

    @property
    def watts_idle_per_node(self) -> float:
        """Return the power of a node that does nothing."""
        ...

    @property
    def watts_busy_per_core(self) -> float:
        """Return what a computing core adds to that."""
        ...

    @property
    def gpus_per_node(self) -> int:
        """Return how many accelerators a node has."""
        ...

    @property
    def watts_per_device(self) -> float:
        """Return the power of an accelerator under load; 0 where nobody said."""
        ...

    @property
    def pue(self) -> float:
        """Return the energy of the whole building per energy of its machines."""
        ...


@dataclass(frozen=True, kw_only=True)
class CounterShare:
    """What a counter counted while an attempt ran, and the attempt's part of the computing."""

    counter_joules: int
    cpu_seconds: float
    cpu_seconds_of_all: float  # of everything that ran on what the counter covers
    scope: EnergyScope
    pue: float = 1.0


def estimate_energy(
    *, nodes: int, wall_seconds: float, cpu_seconds: float, power: PowerModel
) -> Energy:
    """Return (idle watts x nodes x wall time + busy watts x CPU time + GPU watts) x PUE.

    Nobody sees from here what accelerators did: they count as under load all the time. Where their
    watts are not known they are left out, and the scope says so.
    """
    devices = nodes * power.gpus_per_node if power.watts_per_device else 0
    is_whole = devices > 0 or power.gpus_per_node == 0
    idle = _exact(power.watts_idle_per_node) * nodes * _exact(wall_seconds)
    busy = _exact(power.watts_busy_per_core) * _exact(cpu_seconds)
    loaded = _exact(power.watts_per_device) * devices * _exact(wall_seconds)
    facts = {
        "idle": power.watts_idle_per_node,
        "nodes": nodes,
        "wall": round(wall_seconds, 3),
        "busy": power.watts_busy_per_core,
        "cpu": round(cpu_seconds, 3),
        "pue": power.pue,
    }
    formula = Sentence(
        "({idle} W × {nodes} nodes × {wall} s + {busy} W × {cpu} core seconds) × PUE {pue}", facts
    )
    if devices:
        formula = Sentence(
            "({idle} W × {nodes} nodes × {wall} s + {busy} W × {cpu} core seconds"
            " + {device} W × {devices} GPUs under load × {wall} s) × PUE {pue}",
            facts | {"device": power.watts_per_device, "devices": devices},
        )
    return Energy(
        energy_joules=_whole((idle + busy + loaded) * _exact(power.pue)),
        method=EnergyMethod.ESTIMATED,
        scope=EnergyScope.NODE if is_whole else EnergyScope.HOST,
        formula=formula,
    )


def bound_energy(
    *, nodes: int, wall_seconds: int, watts_most_per_node: float, pue: float
) -> Energy | None:
    """Return the most that nodes can draw in a time; None where nobody said how much one draws."""
    if not watts_most_per_node:
        return None
    joules = _exact(watts_most_per_node) * nodes * wall_seconds * _exact(pue)
    formula = Sentence(
        "{nodes} × {most} W at most × {wall} s × PUE {pue}",
        {"most": watts_most_per_node, "nodes": nodes, "wall": wall_seconds, "pue": pue},
    )
    return Energy(
        energy_joules=_whole(joules),
        method=EnergyMethod.ESTIMATED,
        scope=EnergyScope.NODE,
        formula=formula,
    )


def measure_energy(share: CounterShare) -> Energy:
    """Return the attempt's part of what a counter counted, by its part of the CPU time."""
    if share.cpu_seconds_of_all > 0:
        # Clocks are read one after the other, so a part may come out above the whole.
        part = min(Fraction(1), _exact(share.cpu_seconds) / _exact(share.cpu_seconds_of_all))
    else:
        part = Fraction(0)
    formula = Sentence(
        "{counter} J counted × {cpu} of {all} core seconds × PUE {pue}",
        {
            "counter": share.counter_joules,
            "cpu": round(share.cpu_seconds, 3),
            "all": round(share.cpu_seconds_of_all, 3),
            "pue": share.pue,
        },
    )
    return Energy(
        energy_joules=_whole(share.counter_joules * part * _exact(share.pue)),
        method=EnergyMethod.MEASURED,
        scope=share.scope,
        formula=formula,
    )


def apportion(whole: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide an amount by weights so that the whole parts sum to exactly the whole.

    Largest remainder (Hamilton): everybody gets the floor of their part, and what is left goes,
    one by one, to the largest remainders; equal remainders in the order of their names.
    """
    assert whole >= 0, "only an amount can be divided"
    total = sum(weights.values())
    assert total > 0, "somebody has a weight"
    parts = {name: whole * weight // total for name, weight in weights.items()}
    left = whole - sum(parts.values())
    by_remainder = sorted(weights, key=lambda name: (-(whole * weights[name] % total), name))
    for name in by_remainder[:left]:
        parts[name] += 1
    return parts


def _exact(number: float) -> Fraction:
    # The decimal number that a person wrote, not its nearest binary fraction.
    return Fraction(str(number))


def _whole(joules: Fraction) -> Joules:
    return Joules(int(joules + Fraction(1, 2)))
