"""What a private training promises stands in the record and on the card, as it was said."""

from dataclasses import replace

import pytest

from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import parse_training_facts
from allmende.domain.training.records import build_record
from tests.domain.training.recipes import FACTS, THRESHOLDS, a_training, some_outputs

SAID = {
    "epsilon": 2.9999,
    "delta": 0.00001,
    "unit": "one record added or removed",
    "accountant": "an accountant 1.0",
    "noise_multiplier": 6.4321,
    "steps": 1200,
}


def record_with(privacy: object) -> dict:
    outputs = some_outputs(facts=FACTS | {"privacy": privacy})
    return build_record(replace(a_training(), outputs=outputs), THRESHOLDS)


def test_the_record_holds_what_was_said_and_guesses_nothing():
    assert record_with(SAID)["privacy"] == SAID


def test_the_card_tells_the_budget_and_who_counted_it():
    card = render_card(record_with(SAID))
    assert "## Privacy\n\nDifferentially private: ε = 3, δ = 10⁻⁵ for one record added" in card
    for line in ("- Counted by: an accountant 1.0", "- Steps counted: 1,200"):
        assert line in card.splitlines()
    assert "- Noise, in lengths of a cut gradient: 6.43" in card
    assert "Mechanism" not in card


def test_the_card_tells_it_in_its_own_language():
    german = render_card(record_with(SAID), language="de", say=lambda each: str(each).upper())
    assert "## PRIVACY\n\nDIFFERENTIALLY PRIVATE: Ε = 3, Δ = 10⁻⁵ FOR" in german
    assert "- NOISE, IN LENGTHS OF A CUT GRADIENT: 6,43" in german.splitlines()
    assert "- STEPS COUNTED: 1.200" in german.splitlines()


@pytest.mark.parametrize("privacy", [None, {}])
def test_a_training_that_promises_nothing_has_no_privacy(privacy):
    record = record_with(privacy)
    assert record["privacy"] is None
    assert "## Privacy" not in render_card(record)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"epsilon": None}, "privacy.epsilon"),
        ({"epsilon": -1}, "privacy.epsilon"),
        ({"epsilon": "small"}, "privacy.epsilon"),
        ({"delta": 1}, "privacy.delta"),
        ({"delta": None}, "privacy.delta"),
    ],
)
def test_a_promise_without_sound_figures_is_a_finding_and_no_promise(change, key):
    facts = parse_training_facts(FACTS | {"privacy": SAID | change})
    assert facts.privacy is None
    assert [finding.key for finding in facts.findings] == [key]


def test_a_card_of_an_older_record_says_nothing_about_privacy():
    record = {name: value for name, value in record_with(SAID).items() if name != "privacy"}
    assert "## Privacy" not in render_card(record)


def test_a_delta_unit_alone_is_shown_without_a_unit():
    card = render_card(record_with({"epsilon": 1, "delta": 0}))
    assert "Differentially private: ε = 1, δ = 0." in card
