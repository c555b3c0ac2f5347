"""NVML: the energy counters of NVIDIA accelerators, through the driver's own library."""

import ctypes
from typing import Any

from allmende.domain.footprint.energy import EnergyScope

LIBRARY = "libnvidia-ml.so.1"
_SUCCESS = 0


class NvmlMeter:
    """The sum over all accelerators whose counter can be read (Volta and later)."""

    name = "NVML"
    scope = EnergyScope.GPU

    def __init__(self, library: Any, devices: list[ctypes.c_void_p]) -> None:
        self._library = library
        self._devices = devices
        self._first = [_read_millijoules(library, device) or 0 for device in devices]

    def read_microjoules(self) -> int | None:
        """Return what all accelerators counted since the meter was opened."""
        counted = 0
        for device, first in zip(self._devices, self._first, strict=True):
            value = _read_millijoules(self._library, device)
            if value is None or value < first:  # the driver was loaded anew
                return None
            counted += value - first
        return counted * 1000


def find_nvml(library_name: str = LIBRARY) -> NvmlMeter | None:
    """Return a meter of this machine's accelerators; None without driver, device or counter."""
    try:
        library = ctypes.CDLL(library_name)
    except OSError:
        return None
    return open_nvml(library)


def open_nvml(library: Any) -> NvmlMeter | None:
    """Return a meter of the devices that the loaded library knows."""
    if library.nvmlInit_v2() != _SUCCESS:
        return None
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != _SUCCESS:
        return None
    devices = []
    for index in range(count.value):
        device = ctypes.c_void_p()
        found = library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)) == _SUCCESS
        if found and _read_millijoules(library, device) is not None:
            devices.append(device)
    return NvmlMeter(library, devices) if devices else None


def _read_millijoules(library: Any, device: ctypes.c_void_p) -> int | None:
    energy = ctypes.c_ulonglong()
    answer = library.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(energy))
    return energy.value if answer == _SUCCESS else None
