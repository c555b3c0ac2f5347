"""RAPL is read from files; these are files as the kernel shows them."""

from pathlib import Path

from allmende.domain.footprint.energy import EnergyScope
from allmende.domain.footprint.meters import Meter
from allmende.meters.nvml import NvmlMeter
from allmende.meters.rapl import RaplMeter, find_rapl

RANGE = 262_143_328_850  # max_energy_range_uj of a Xeon


def a_domain(powercap: Path, name: str, *, label: str, energy: int) -> Path:
    folder = powercap / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{label}\n")
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
    return folder


def test_packages_are_summed_and_their_parts_and_the_platform_are_not_counted_twice(tmp_path):
    first = a_domain(tmp_path, "intel-rapl:0", label="package-0", energy=100)
    second = a_domain(tmp_path, "intel-rapl:1", label="package-1", energy=5_000)
    part = a_domain(tmp_path, "intel-rapl:0:0", label="core", energy=7)
    platform = a_domain(tmp_path, "intel-rapl:2", label="psys", energy=9)
    meter = find_rapl(tmp_path)
    for folder, energy in ((first, 1_100), (second, 7_000), (part, 700), (platform, 9_999)):
        (folder / "energy_uj").write_text(f"{energy}\n")
    assert meter.read_microjoules() == 1_000 + 2_000


def test_a_counter_that_wraps_goes_on(tmp_path):
    package = a_domain(tmp_path, "intel-rapl:0", label="package-0", energy=RANGE - 10)
    meter = find_rapl(tmp_path)
    (package / "energy_uj").write_text("89\n")
    assert meter.read_microjoules() == 100
    (package / "energy_uj").write_text("189\n")
    assert meter.read_microjoules() == 200


def test_a_counter_that_vanishes_reads_as_none(tmp_path):
    package = a_domain(tmp_path, "intel-rapl:0", label="package-0", energy=1)
    meter = find_rapl(tmp_path)
    (package / "energy_uj").unlink()
    assert meter.read_microjoules() is None


def test_a_machine_without_readable_counters_has_no_meter(tmp_path):
    assert find_rapl(tmp_path) is None
    package = a_domain(tmp_path, "intel-rapl:0", label="package-0", energy=1)
    (package / "energy_uj").unlink()
    assert find_rapl(tmp_path) is None
    (tmp_path / "intel-rapl:0" / "name").unlink()
    assert find_rapl(tmp_path) is None


def test_both_meters_say_what_they_are_and_what_they_cover():
    meters: list[type[Meter]] = [RaplMeter, NvmlMeter]
    assert [(meter.name, meter.scope) for meter in meters] == [
        ("RAPL", EnergyScope.CPU),
        ("NVML", EnergyScope.GPU),
    ]
