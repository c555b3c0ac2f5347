"""The calculator, against figures that others published."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.units import JOULES_PER_KWH, TooManyHours
from allmende.domain.training.sizes import (
    TrainingSize,
    count_hours,
    count_training_flop,
    round_hours,
)

H100, A100 = Decimal("989.4"), Decimal(312)


def size(**changes):
    known = {
        "flop": None,
        "runs": 1,
        "devices": 1,
        "hours_each": Decimal(1),
        "is_upper_bound": False,
        "watts_per_device": None,
        "pue": Decimal(1),
    }
    return TrainingSize(**{**known, **changes})


@pytest.mark.parametrize(
    ("parameters", "tokens", "published"),
    [
        (175e9, 300e9, 3.14e23),  # GPT-3: Brown et al. 2020, appendix D
        (405e9, 15.6e12, 3.8e25),  # Llama 3.1: Grattafiori et al. 2024, section 3.2
        (70e9, 1.4e12, 5.76e23),  # Chinchilla: Hoffmann et al. 2022, same budget as Gopher
    ],
)
def test_operations_are_those_that_were_published(parameters, tokens, published):
    flop = count_training_flop(int(parameters), int(tokens))
    assert flop == pytest.approx(published, rel=0.03)


def test_hours_of_llama_2_come_out_at_the_utilisation_that_they_imply():
    flop = count_training_flop(70 * 10**9, 2 * 10**12)
    hours = count_hours(
        flop, devices=2000, peak_teraflops=A100, utilisation_percent=Decimal("43.5")
    )
    # Model card of Llama 2 70B: 1,720,320 hours of A100.
    assert float(hours * 2000) == pytest.approx(1_720_320, rel=0.005)


def test_the_mark_of_systemic_risk_is_about_seven_million_hours():
    hours = count_hours(
        10**25, devices=1000, peak_teraflops=Decimal(400), utilisation_percent=Decimal(100)
    )
    assert float(hours * 1000) == pytest.approx(6.94e6, rel=0.001)


def test_llama_3_ran_longer_than_its_best_utilisation_says():
    flop = count_training_flop(405 * 10**9, 15_600 * 10**9)
    best = count_hours(flop, devices=16_384, peak_teraflops=H100, utilisation_percent=Decimal(43))
    assert best * 16_384 < 30_840_000  # model card of Llama 3.1 405B


def test_energy_of_bloom_is_that_of_its_life_cycle_study():
    # Luccioni et al. 2023, section 4.2: 1,082,990 h of A100 at 400 W are 433,196 kWh.
    bloom = size(devices=384, hours_each=Decimal("2820.29"), watts_per_device=Decimal(400))
    assert bloom.energy_joules / JOULES_PER_KWH == pytest.approx(433_196, rel=0.0001)
    assert bloom.energy_method.english() == "estimated: 1082991.36 h × 400 W × PUE 1"
    assert bloom.seconds_each / 86_400 == pytest.approx(117.5, rel=0.001)


def test_where_nobody_says_the_power_there_is_no_energy():
    assert size().energy_joules is None
    assert "0 W" in size().energy_method.english()


def test_a_commenced_hundredth_of_an_hour_counts():
    assert round_hours(Decimal("0.0001")) == Decimal("0.01")
    assert count_hours(
        1, devices=8, peak_teraflops=A100, utilisation_percent=Decimal(40)
    ) == Decimal("0.01")


def test_more_than_can_be_counted_is_refused():
    with pytest.raises(TooManyHours):
        count_hours(10**30, devices=1, peak_teraflops=Decimal(1), utilisation_percent=Decimal(1))


@given(
    hours=st.decimals(Decimal("0.01"), Decimal(10_000), places=2),
    devices=st.integers(1, 5_000),
    runs=st.integers(1, 500),
)
def test_hours_and_seconds_of_a_plan_never_differ(hours, devices, runs):
    planned = size(hours_each=hours, devices=devices, runs=runs)
    assert planned.device_seconds == planned.device_hours * 3600
    assert planned.device_hours == hours * devices * runs


@given(flop=st.integers(10**15, 10**22), devices=st.integers(1, 1000))
def test_the_hours_are_enough_and_hardly_more(flop, devices):
    speed = {"peak_teraflops": A100, "utilisation_percent": Decimal(40)}
    hours = count_hours(flop, devices=devices, **speed)
    done = hours * 3600 * devices * Decimal("124.8e12")
    assert done >= flop * (1 - Decimal("1e-20"))
    assert done - flop <= Decimal("36") * devices * Decimal("124.8e12")
