"""RAPL: the energy counters of Intel and AMD processors, as files of the Linux kernel."""

import re
from pathlib import Path

from allmende.domain.footprint.energy import EnergyScope

POWERCAP = Path("/sys/class/powercap")

# A package is a whole socket ("intel-rapl:0"); its parts ("intel-rapl:0:1") are already in it.
_PACKAGE = re.compile(r"intel-rapl:\d+")


class RaplMeter:
    """The sum over all processor packages. Read it at least once a minute: the counters wrap."""

    name = "RAPL"
    scope = EnergyScope.CPU

    def __init__(self, packages: dict[Path, int]) -> None:
        # Each package's folder, and the value at which its counter starts again from zero.
        self._ranges = packages
        self._last = {package: _read(package / "energy_uj") or 0 for package in packages}
        self._counted = 0

    def read_microjoules(self) -> int | None:
        """Return what all packages counted since the meter was opened."""
        for package, wraps_at in self._ranges.items():
            value = _read(package / "energy_uj")
            if value is None:
                return None
            self._counted += (value - self._last[package]) % wraps_at
            self._last[package] = value
        return self._counted


def find_rapl(powercap: Path = POWERCAP) -> RaplMeter | None:
    """Return a meter of this machine's processors; None where they cannot be read.

    Since 2020 the counters are readable by root alone (CVE-2020-8694): then there is no meter.
    """
    packages = {}
    for folder in sorted(powercap.glob("intel-rapl:*")):
        if not _PACKAGE.fullmatch(folder.name) or not _is_package(folder):
            continue
        highest = _read(folder / "max_energy_range_uj")
        if highest is None or _read(folder / "energy_uj") is None:
            return None
        packages[folder] = highest + 1
    return RaplMeter(packages) if packages else None


def _is_package(folder: Path) -> bool:
    # Newer laptops also list "psys", the whole platform, which contains the packages.
    try:
        return (folder / "name").read_text().startswith("package")
    except OSError:
        return False


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
