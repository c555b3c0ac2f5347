"""A meter counts energy; what it covers is part of what it says."""

from typing import Protocol

from allmende.domain.footprint.energy import EnergyScope


class Meter(Protocol):
    """A counter that only rises. Read it at the start and the end, and take the difference."""

    @property
    def name(self) -> str:
        """Return what people call the counter: "RAPL", "NVML"."""
        ...

    @property
    def scope(self) -> EnergyScope:
        """Return what the counter covers."""
        ...

    def read_microjoules(self) -> int | None:
        """Return what was counted since the meter was opened; None when it cannot be read."""
        ...
