"""Energy is whole joules, says how it was found, and loses nothing in the division."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.footprint.energy import (
    CounterShare,
    EnergyMethod,
    EnergyScope,
    apportion,
    bound_energy,
    estimate_energy,
    measure_energy,
)


@dataclass(frozen=True, kw_only=True)
class Power:
    watts_idle_per_node: float
    watts_busy_per_core: float
    pue: float
    gpus_per_node: int = 0
    watts_per_device: float = 0.0


POWER = Power(watts_idle_per_node=4.0, watts_busy_per_core=12.0, pue=1.0)


def test_a_bound_is_what_nodes_draw_at_most_and_nothing_where_nobody_said():
    known = bound_energy(nodes=2, wall_seconds=100, watts_most_per_node=16.0, pue=1.5)
    assert known is not None
    assert (known.energy_joules, known.method) == (4800, EnergyMethod.ESTIMATED)
    assert bound_energy(nodes=2, wall_seconds=100, watts_most_per_node=0.0, pue=1.5) is None


def test_an_estimate_is_idle_time_and_busy_time():
    energy = estimate_energy(nodes=2, wall_seconds=100.0, cpu_seconds=50.0, power=POWER)
    assert energy.energy_joules == 4 * 2 * 100 + 12 * 50
    assert (energy.method, energy.scope) == (EnergyMethod.ESTIMATED, EnergyScope.NODE)
    assert str(energy.formula) == (
        "(4.0 W × 2 nodes × 100.0 s + 12.0 W × 50.0 core seconds) × PUE 1.0"
    )


def test_an_estimate_counts_what_the_building_needs_and_rounds_half_up():
    power = Power(watts_idle_per_node=0.1, watts_busy_per_core=0.0, pue=1.1)
    energy = estimate_energy(nodes=1, wall_seconds=50.0, cpu_seconds=9.0, power=power)
    assert energy.energy_joules == 6  # 0.1 × 50 × 1.1 = 5.5 exactly


def test_accelerators_count_as_under_load_or_are_named_as_left_out():
    power = replace(POWER, gpus_per_node=4, watts_per_device=700.0)
    energy = estimate_energy(nodes=2, wall_seconds=100.0, cpu_seconds=50.0, power=power)
    assert energy.energy_joules == 4 * 2 * 100 + 12 * 50 + 700 * 8 * 100
    assert energy.scope is EnergyScope.NODE
    assert "+ 700.0 W × 8 GPUs under load × 100.0 s) × PUE 1.0" in str(energy.formula)
    power = replace(power, watts_per_device=0.0)
    energy = estimate_energy(nodes=2, wall_seconds=100.0, cpu_seconds=50.0, power=power)
    assert (energy.energy_joules, energy.scope) == (4 * 2 * 100 + 12 * 50, EnergyScope.HOST)
    assert "GPU" not in str(energy.formula)


def test_a_measured_attempt_gets_its_part_of_the_cpu_time():
    share = CounterShare(
        counter_joules=1000, cpu_seconds=3.0, cpu_seconds_of_all=12.0, scope=EnergyScope.CPU
    )
    energy = measure_energy(share)
    assert energy.energy_joules == 250
    assert (energy.method, energy.scope) == (EnergyMethod.MEASURED, EnergyScope.CPU)
    assert str(energy.formula) == "1000 J counted × 3.0 of 12.0 core seconds × PUE 1.0"


def test_nobody_gets_more_than_the_counter_counted():
    share = CounterShare(
        counter_joules=1000, cpu_seconds=3.1, cpu_seconds_of_all=3.0, scope=EnergyScope.CPU
    )
    assert measure_energy(share).energy_joules == 1000


def test_an_attempt_in_an_idle_interval_used_nothing_measurable():
    share = CounterShare(
        counter_joules=1000, cpu_seconds=0.0, cpu_seconds_of_all=0.0, scope=EnergyScope.CPU
    )
    assert measure_energy(share).energy_joules == 0


def test_what_is_left_over_goes_to_the_largest_remainders():
    assert apportion(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}
    assert apportion(10, {"a": 1, "b": 5, "c": 0}) == {"a": 2, "b": 8, "c": 0}


@given(
    whole=st.integers(0, 10**15),
    weights=st.dictionaries(
        st.text(max_size=3), st.integers(0, 10**9), min_size=1, max_size=20
    ).filter(lambda weights: sum(weights.values()) > 0),
)
def test_the_parts_always_sum_to_the_whole_and_are_off_by_less_than_one(whole, weights):
    parts = apportion(whole, weights)
    total = sum(weights.values())
    assert sum(parts.values()) == whole
    assert all(
        abs(parts[name] * total - whole * weight) < total for name, weight in weights.items()
    )
