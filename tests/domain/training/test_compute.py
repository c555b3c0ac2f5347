"""Compute is counted by architecture and by hardware, and set beside the marks."""

from decimal import Decimal
from fractions import Fraction

import pytest

from allmende.domain.training.compute import (
    HardwareUse,
    agreement_of,
    compare_with_marks,
    judge_modifier,
)
from allmende.domain.training.records import build_record
from tests.domain.training.recipes import THRESHOLDS, a_training


@pytest.mark.parametrize(
    ("architecture", "hardware", "expected"),
    [
        (70, 100, "agree"),
        (100, 70, "agree"),
        (69, 100, "differ"),
        (None, 100, "not measured"),
        (100, None, "not measured"),
        (0, 0, "not measured"),
    ],
)
def test_two_ways_to_count_agree_within_the_tolerance(architecture, hardware, expected):
    assert agreement_of(architecture, hardware, tolerance=Fraction(3, 10)) == expected


def test_compute_by_hardware_is_compared():
    hardware = HardwareUse(
        devices=2,
        seconds=Fraction(11, 2),
        peak_teraflops=Decimal("0.000001"),
        utilisation_percent=Decimal(50),
        is_assumed=False,
    )
    compute = build_record(a_training(hardware=hardware), THRESHOLDS)["compute"]
    assert (compute["hardware_flop"], compute["agreement"]) == (5_500_000, "agree")
    assert compute["hardware"] == {
        "formula": "devices * seconds * peak * utilisation",
        "devices": 2,
        "seconds": 5.5,
        "peak_teraflops": 0.000001,
        "utilisation_percent": 50.0,
        "utilisation": "reported by the training code",
    }


@pytest.mark.parametrize(("flop", "reached"), [(10**23, False), (10**23 + 1, True)])
def test_a_mark_is_reached_only_above_it(flop, reached):
    assert compare_with_marks(flop, THRESHOLDS)[0]["reached"] is reached


def test_the_third_mark_is_a_third_of_the_first():
    mark = compare_with_marks(4 * 10**22, THRESHOLDS)[2]
    assert (mark["flop"], mark["reached"]) == (33_333_333_333_333_333_333_333, True)


def test_a_third_of_the_original_makes_a_provider():
    assert not judge_modifier(10**20, 3 * 10**20, THRESHOLDS)["reached"]
    assert judge_modifier(10**20 + 1, 3 * 10**20, THRESHOLDS) == {
        "basis": "compute of the original",
        "original_flop": 3 * 10**20,
        "limit_flop": 10**20,
        "reached": True,
    }


def test_an_original_of_unknown_compute_counts_as_one_at_the_mark():
    judged = judge_modifier(10**20, None, THRESHOLDS)
    assert (judged["limit_flop"], judged["reached"]) == (10**23 // 3, False)
    assert judge_modifier(None, None, THRESHOLDS)["reached"] is None
