"""What all recipes share and none of their own tests reaches without a GPU."""

import pytest

from allmende.domain.training.models import parse_training_facts
from tests.blueprints.labs import load_module

recipe = load_module("medicine", "recipe")


def test_the_peak_of_one_device_is_read_as_the_record_expects_it():
    facts = parse_training_facts(recipe.hardware_facts(4 * 989e12, 4))
    assert facts.findings == ()
    assert facts.hardware.peak_teraflops == 989
    assert facts.hardware.utilisation_percent is None


def test_where_no_peak_is_known_nothing_is_said():
    assert recipe.hardware_facts(None, 2) == {}


@pytest.mark.parametrize(
    ("device", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("NVIDIA GH200 120GB", 989),
        ("AMD Instinct MI250X", 191.5),
        ("AMD Instinct MI300A", 980.6),
        ("NVIDIA RTX A4000", None),
    ],
)
def test_a_device_is_known_by_the_name_that_its_driver_gives_it(device, teraflops):
    peak = recipe.find_peak_flop_per_second(device)
    assert peak == (teraflops and teraflops * 1e12)
