"""The card tells a reader what the record knows, in the form that model hubs read."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
import yaml

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.training.ancestry import Ancestry
from allmende.domain.training.blueprints import Text, parse_blueprint
from allmende.domain.training.compute import HardwareUse
from allmende.domain.training.data_sets import DataSet
from allmende.domain.training.job_specs import DataMount, JobSpec
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.records import EnergyUse, build_record
from tests.domain.training.recipes import (
    FACTS,
    METRICS,
    RECIPE,
    THRESHOLDS,
    a_training,
    own_training,
    some_outputs,
)


def card_of(training) -> str:
    return render_card(build_record(training, THRESHOLDS))


def head_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_head_is_what_model_hubs_read():
    assert head_of(card_of(a_training())) == {
        "license": "cc-by-4.0",
        "tags": ["toy", "allmende"],
        "datasets": ["Toys"],
        "pipeline_tag": "tabular-classification",
        "metrics": ["auroc", "made_up"],
        "model-index": [
            {
                "name": "toy run",
                "results": [
                    {
                        "task": {"type": "tabular-classification"},
                        "dataset": {"name": "Toys", "type": "held-out test"},
                        "metrics": [
                            {"type": "auroc", "value": 0.9},
                            {"type": "made_up", "value": 0.5},
                        ],
                    }
                ],
            }
        ],
    }


def test_carbon_is_left_out_where_it_is_unknown():
    assert "co2_eq_emissions" not in card_of(a_training())


def test_no_name_can_break_the_head():
    spec = JobSpec(name='a: "b"\'#', run="x", licence='"---')
    card = card_of(replace(own_training(), spec=spec))
    head = head_of(card)
    assert (head["license"], head["license_name"]) == ("other", '"---')


@pytest.mark.parametrize(
    ("said", "known", "name"),
    [
        ("Apache-2.0", "apache-2.0", None),
        ("LGPL-3.0-only", "lgpl-3.0", None),
        ("ODbL-1.0", "odbl", None),
        ("Unser Hausrecht", "other", "Unser Hausrecht"),
    ],
)
def test_a_licence_goes_by_the_name_that_model_hubs_know(said, known, name):
    head = head_of(render_card(build_record(a_training(), THRESHOLDS), licence=said))
    assert (head["license"], head.get("license_name")) == (known, name)


def test_only_a_parent_with_an_owner_is_a_model_of_the_hub():
    parents = ("utter-project/EuroLLM-9B", "EuroLLM-9B")
    training = replace(a_training(), ancestry=Ancestry(parents=parents))
    assert head_of(card_of(training))["base_model"] == ["utter-project/EuroLLM-9B"]
    assert "- Trained further from EuroLLM-9B, of unknown compute" in card_of(training)


def test_the_evaluation_stands_beside_the_baseline_with_intervals():
    card = card_of(a_training())
    assert "| AUROC | 0.900 (0.800 to 0.950) | 0.500 (0.400 to 0.600) |" in card
    assert "| made_up | 0.500 (0.400 to 0.600) |  |" in card
    assert "On 300 held-out records, with 95 % intervals." in card


def test_subgroups_show_what_is_not_given_as_a_dash():
    card = card_of(a_training())
    assert "| small | 12 | – |" in card
    assert "| large | 20 | 0.875 |" in card


def test_tables_of_the_training_code_stand_under_their_own_headings():
    rows = [{"threshold": 0.5, "model": "a|b\nc"}, {"threshold": 1}, "no row"]
    tables = [{"title": "Curve", "note": "Higher is better.", "rows": rows}, {"title": "Empty"}, 3]
    metrics = METRICS | {"tables": tables, "subgroups": "none"}
    card = card_of(replace(a_training(), outputs=some_outputs(metrics=metrics)))
    assert "## Curve\n\nHigher is better.\n\n| threshold | model |\n|---|---|\n" in card
    assert "| 0.500 | a/b c |\n| 1 | – |\n\n" in card
    assert "Empty" not in card
    assert "Subgroups" not in card


def test_training_tells_of_attempts_and_of_work_done_twice():
    card = card_of(a_training())
    assert "3, of which 1 stopped for others and 1 lost with their node; 3 steps done twice" in card
    assert "5 × 10⁶ FLOP executed, 4 × 10⁶ useful (counted); by hardware: not measured" in card
    assert "The run took 5 × 10⁻¹⁷ of the mark of 10²³ FLOP: general-purpose model" in card


def test_training_tells_of_attempts_that_reached_the_time_limit():
    training = a_training()
    tries = [replace(each, end="timeout") for each in training.run.tries]
    card = card_of(replace(training, run=replace(training.run, tries=tuple(tries))))
    assert f"lost with their node; {len(tries)} ended at the time limit; 3 steps" in card


def test_compute_by_hardware_is_shown_where_it_was_measured():
    hardware = HardwareUse(
        devices=1,
        seconds=Fraction(6),
        peak_teraflops=Decimal("0.000002"),
        utilisation_percent=Decimal(50),
        is_assumed=False,
    )
    assert "by hardware: 6 × 10⁶ FLOP" in card_of(a_training(hardware=hardware))


def test_a_run_above_a_mark_says_so():
    huge = FACTS | {"flop_executed": 2 * 10**23, "flop_useful": 2 * 10**23}
    card = card_of(replace(a_training(), outputs=some_outputs(facts=huge)))
    assert "The run passed the mark of 10²³ FLOP: general-purpose model (indicative)." in card


def test_a_run_of_no_compute_is_no_part_of_a_mark():
    training = replace(a_training(), outputs=some_outputs(facts=FACTS | {"flop_executed": 0}))
    record = json.loads(json.dumps(build_record(training, THRESHOLDS)))
    record["compute"]["marks"][0]["part"] = 0.0
    assert "The run took 0 of the mark of 10²³ FLOP" in render_card(record)


def test_energy_is_given_with_its_method():
    assert "0.001000 kWh, estimated, scope: whole nodes." in card_of(a_training())
    assert "## Energy\n\nNot measured." in card_of(a_training(energy=EnergyUse()))


def test_data_are_named_with_licence_and_hash():
    card = card_of(a_training())
    for line in ("- **Toys**", "  - licence: CC0-1.0", "  - SHA-256: da7a", "  - records: 1,200"):
        assert line in card.splitlines()
    assert "  - personal data: no" in card


def test_use_and_misuse_are_named():
    card = card_of(a_training())
    assert "## Intended use\n\nTests." in card
    assert "## Out of scope\n\nAll else." in card


def test_the_card_says_how_to_load_the_weights():
    card = card_of(a_training())
    assert "weights = load_file('model.safetensors')" in card
    assert "- `model.safetensors`: ab12" in card


def test_a_card_of_own_code_has_only_what_is_known():
    headings = [line for line in card_of(own_training()).splitlines() if line.startswith("#")]
    assert headings == [
        "# mine",
        "## What it is",
        "## How it was trained",
        "## Energy",
        "## Where the model comes from",
    ]
    assert "none chosen: all rights stay with the owner" in card_of(own_training())
    assert head_of(card_of(own_training()))["license"] == "other"


def test_data_of_own_code_are_named_without_guesses():
    spec = replace(own_training().spec, data=(DataMount(uri="allmende:x@1"),))
    card = card_of(replace(own_training(), spec=spec))
    assert "## Data\n\n- **allmende:x@1**\n\n## How it was trained" in card


@pytest.mark.parametrize(
    ("said", "words"), [({}, 0), ({"personal_data": False}, 1), ({"personal_data": True}, 1)]
)
def test_what_nobody_said_of_personal_data_is_not_denied(said, words):
    outputs = some_outputs(facts={"data": [{"name": "x"} | said]})
    card = card_of(replace(own_training(), outputs=outputs))
    assert card.count("- personal data: ") == words


def test_measures_of_a_strange_form_are_left_out():
    outputs = some_outputs(metrics={"model": [1, 2], "subgroups": {"rows": []}})
    assert "## Evaluation" not in card_of(replace(a_training(), outputs=outputs))


def test_an_evaluation_without_a_baseline_or_a_count_says_so():
    outputs = some_outputs(metrics={"model": {"auroc": {"value": 1.0, "low": 1.0, "high": 1.0}}})
    card = card_of(replace(a_training(), outputs=outputs))
    assert "On an unstated number of held-out records" in card
    assert "There is no baseline to compare with." in card


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ("a coin", "Baseline: a coin."),
        ({"auroc": {"value": 0.5, "low": 0.4, "high": 0.6}}, "The baseline has no name."),
        ([1], "There is no baseline to compare with."),
    ],
)
def test_a_baseline_may_be_no_more_than_a_name_or_no_less_than_figures(baseline, said):
    rows = {"auroc": {"value": 1.0, "low": 1.0, "high": 1.0}}
    outputs = some_outputs(metrics={"model": rows, "baseline": baseline})
    assert said in card_of(replace(a_training(), outputs=outputs))


def test_a_model_without_named_data_is_its_own_data_set():
    metrics = {"model": {"auroc": {"value": 1.0, "low": 1.0, "high": 1.0}}}
    outputs = some_outputs(facts={}, metrics=metrics)
    head = head_of(card_of(replace(own_training(), outputs=outputs)))
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == "mine"


def test_people_read_the_card_in_their_language():
    record = build_record(a_training(), THRESHOLDS)
    card = render_card(record, language="de", say=lambda sentence: f"«{sentence.english()}»")
    german = record["model"]["in_other_languages"]["de"]
    assert f"## «Intended use»\n\n{german['acceptable_use']}" in card
    assert german["out_of_scope"] in card
    assert "«0,900 (0,800 to 0,950)»" in card
    assert "- «records»: 1.200" in card
    assert head_of(card) == head_of(render_card(record))  # programs read one language


def test_what_blueprint_and_code_say_in_english_is_there_in_german():
    german = {"two neurons": "zwei Neuronen", "round ones only": "nur runde", "coin": "Münze"}
    german |= {"Curve": "Kurve", "Higher is better.": "Höher ist besser.", "model": "Modell"}
    rows = [{"model": {"value": 0.5, "low": 0.4, "high": 0.6}, "bin": "0.1–0.2"}]
    table = {"title": "Curve", "note": "Higher is better.", "rows": rows}
    training = replace(
        a_training(),
        blueprint=parse_blueprint(RECIPE | {"german": german}),
        outputs=some_outputs(metrics=METRICS | {"tables": [table]}),
    )
    record = json.loads(json.dumps(build_record(training, THRESHOLDS)))
    card = render_card(record, language="de")
    for text in ("Architecture: zwei Neuronen", "known bias: nur runde", "Baseline: Münze."):
        assert text in card
    assert "## Kurve\n\nHöher ist besser.\n\n| Modell | bin |" in card
    assert "| 0,500 (0,400 to 0,600) | 0,1–0,2 |" in card
    english = render_card(record)
    assert "Architecture: two neurons" in english
    assert "| 0.500 (0.400 to 0.600) | 0.1–0.2 |" in english


def test_a_data_set_of_the_catalogue_has_its_german_title():
    title = Text(en="Beats", de="Schläge")
    known = DataSet(
        id="beats",
        version="1",
        title=title,
        licence="CC0-1.0",
        origin="here",
        data_class=DataClass.PUBLIC,
        personal_data=False,
    )
    spec = replace(own_training().spec, data=(DataMount(uri=known.uri),))
    record = build_record(replace(own_training(), spec=spec, data_sets=(known,)), THRESHOLDS)
    assert "- **Schläge**" in render_card(record, language="de")
    assert "- **Beats**" in render_card(record)


def test_the_owners_own_words_stay_as_they_are():
    training = a_training()
    spec = replace(training.spec, purpose="Für unsere Klinik.")
    record = build_record(replace(training, spec=spec), THRESHOLDS)
    assert "Für unsere Klinik." in render_card(record, language="de")


def test_a_data_set_that_is_named_twice_is_listed_once():
    record = json.loads(json.dumps(build_record(a_training(), THRESHOLDS)))
    record["data"] *= 2
    assert head_of(render_card(record))["datasets"] == ["Toys"]
