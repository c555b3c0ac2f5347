"""Energy between two readings of a meter."""

from dataclasses import replace

from allmende.domain.footprint.energy import EnergyMethod, EnergyScope
from allmende.domain.footprint.readings import MeterReading, measure_between

BEFORE = MeterReading(
    opened="a", microjoules=1_000_000, cpu_seconds_of_all=10.0, scope=EnergyScope.CPU
)
AFTER = replace(BEFORE, microjoules=101_000_000, cpu_seconds_of_all=20.0)


def test_an_attempt_gets_its_part_of_what_was_counted_while_it_ran():
    energy = measure_between(BEFORE, AFTER, cpu_seconds=2.5, pue=1.2)
    assert energy is not None
    assert energy.energy_joules == 30
    assert energy.method is EnergyMethod.MEASURED
    assert energy.scope is EnergyScope.CPU


def test_without_two_readings_of_one_opening_nothing_is_measured():
    reopened = replace(AFTER, opened="b")
    for before, after in ((None, AFTER), (BEFORE, None), (BEFORE, reopened)):
        assert measure_between(before, after, cpu_seconds=1.0, pue=1.0) is None


def test_a_reading_survives_json():
    assert MeterReading.from_json(AFTER.to_json()) == AFTER
