"""NVML is called as its header says; the library here answers from a written list."""

from allmende.meters.nvml import find_nvml, open_nvml

NOT_SUPPORTED = 3


class WrittenLibrary:
    """Answers like libnvidia-ml: one list of counter values (mJ) per device, None for none."""

    def __init__(self, *devices: list[int | None], init: int = 0, count: int = 0) -> None:
        self.devices = [list(values) for values in devices]
        self.init, self.count = init, count

    def nvmlInit_v2(self):  # noqa: N802 - the name in the C header
        return self.init

    def nvmlDeviceGetCount_v2(self, count):  # noqa: N802 - the name in the C header
        count._obj.value = len(self.devices)
        return self.count

    def nvmlDeviceGetHandleByIndex_v2(self, index, device):  # noqa: N802 - the name in the C header
        device._obj.value = index + 1
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device, energy):  # noqa: N802 - the name in the C header
        value = self.devices[device.value - 1].pop(0)
        if value is None:
            return NOT_SUPPORTED
        energy._obj.value = value
        return 0


def test_the_counters_of_all_devices_are_summed_from_the_opening_on():
    # Each device is asked once to see whether it counts, once at the opening, then at each reading.
    meter = open_nvml(WrittenLibrary([10, 10, 30], [500, 500, 504], [None]))
    assert meter.read_microjoules() == 24_000


def test_a_driver_loaded_anew_reads_as_none():
    meter = open_nvml(WrittenLibrary([10, 10, 3]))
    assert meter.read_microjoules() is None


def test_a_lost_device_reads_as_none():
    meter = open_nvml(WrittenLibrary([10, 10, None]))
    assert meter.read_microjoules() is None


def test_a_machine_without_driver_device_or_counter_has_no_meter():
    assert find_nvml("libnvidia-ml.so.none") is None
    assert open_nvml(WrittenLibrary(init=9)) is None
    assert open_nvml(WrittenLibrary(count=9)) is None
    assert open_nvml(WrittenLibrary([None])) is None
