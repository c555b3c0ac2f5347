"""What all recipes share and none of their own tests reaches without a GPU."""

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
