"""Two readings of a meter, before and after, and what an attempt used in between."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from allmende.domain.footprint.energy import CounterShare, Energy, EnergyScope, measure_energy

MICROJOULES_PER_JOULE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class MeterReading:
    """What a counter and the clock of the processors said at one instant.

    `opened` names the opening of the meter: counters start anew with it, so only readings of
    one opening have a difference.
    """

    opened: str
    microjoules: int
    cpu_seconds_of_all: float
    scope: EnergyScope

    def to_json(self) -> dict[str, Any]:
        """Return a value that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "MeterReading":
        """Read back what `to_json` wrote."""
        return cls(**{**value, "scope": EnergyScope(value["scope"])})


def measure_between(
    before: MeterReading | None, after: MeterReading | None, *, cpu_seconds: float, pue: float
) -> Energy | None:
    """Return the measured energy of an attempt, or None where the readings have no difference."""
    if before is None or after is None or before.opened != after.opened:
        return None
    return measure_energy(
        CounterShare(
            counter_joules=(after.microjoules - before.microjoules) // MICROJOULES_PER_JOULE,
            cpu_seconds=cpu_seconds,
            cpu_seconds_of_all=after.cpu_seconds_of_all - before.cpu_seconds_of_all,
            scope=after.scope,
            pue=pue,
        )
    )
