"""The training record says what is known, and marks what is not."""

import hashlib
import json
from dataclasses import replace

import pytest

from allmende.domain.training.job_specs import DataMount
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import DataHash, parse_training_facts
from allmende.domain.training.records import EnergyUse, add_energy, build_record, is_record_whole
from tests.domain.training.recipes import FACTS, THRESHOLDS, a_training, own_training, some_outputs
from tests.domain.training.test_data_sets import ROADS


def test_a_record_carries_the_model_and_what_it_is_for():
    assert build_record(a_training(), THRESHOLDS)["model"] == {
        "id": "m-1",
        "name": "toy run",
        "licence": "CC-BY-4.0",
        "purpose": "Shows how.",
        "task": "tabular-classification",
        "acceptable_use": "Tests.",
        "out_of_scope": "All else.",
        "architecture": "two neurons",
        "parameters": 1234,
        "data_class": "internal",
        "tags": ["toy"],
        "in_other_languages": {
            "de": {
                "purpose": "Zeigt, wie.",
                "acceptable_use": "Tests.",
                "out_of_scope": "Alles andere.",
            }
        },
    }


def test_a_record_carries_the_run_with_its_failures():
    run = build_record(a_training(), THRESHOLDS)["run"]
    assert run["params"] == {"steps": 5, "rate": 0.1}
    assert (run["attempts"], run["preemptions"], run["node_failures"]) == (3, 1, 1)
    assert (run["wall_seconds"], run["used_seconds"]) == (12.5, 13)
    assert (run["code_sha256"], run["blueprint"], run["steps_redone"]) == ("c0de", "toy@2", 3)
    assert (run["workdir_sha256"], run["image"], run["setup_sha256"]) == (None, None, None)


def test_a_record_names_what_the_code_ran_with():
    brought, setup = "ab" * 32, "pip install numpy==2.4.6"
    own = own_training()
    given = {"workdir": f"sha256:{brought}", "image": "python:3.12", "setup": setup}
    run = build_record(replace(own, spec=replace(own.spec, **given)), THRESHOLDS)["run"]
    assert (run["code_sha256"], run["workdir_sha256"], run["image"]) == (
        brought,
        brought,
        "python:3.12",
    )
    assert run["setup_sha256"] == hashlib.sha256(setup.encode()).hexdigest()
    recipe = a_training()  # what comes along with a blueprint is data, and no code
    spec = replace(recipe.spec, workdir=f"sha256:{brought}")
    run = build_record(replace(recipe, spec=spec), THRESHOLDS)["run"]
    assert (run["code_sha256"], run["workdir_sha256"]) == ("c0de", brought)


def test_a_record_carries_compute_planned_useful_and_executed():
    compute = build_record(a_training(), THRESHOLDS)["compute"]
    assert (compute["flop_planned"], compute["flop_useful"], compute["flop_executed"]) == (
        59,
        4_000_000,
        5_000_000,
    )
    assert (compute["hardware_flop"], compute["agreement"]) == ("not measured", "not measured")


def test_a_record_joins_what_is_known_about_data_with_what_was_read():
    assert build_record(a_training(), THRESHOLDS)["data"] == [
        {
            "name": "Toys",
            "kind": "public",
            "origin": "made here",
            "licence": "CC0-1.0",
            "records": 1200,
            "bytes": 99,
            "sha256": "da7a",
            "personal_data": False,
            "data_class": "public",
            "curation": "none",
            "bias": "round ones only",
        }
    ]


def test_data_that_the_code_said_nothing_about_have_no_hash():
    training = replace(a_training(), outputs=some_outputs(facts={}))
    row = build_record(training, THRESHOLDS)["data"][0]
    assert (row["sha256"], row["bytes"]) == (None, None)


def test_a_record_of_own_code_says_what_is_unknown():
    training = own_training()
    spec = replace(training.spec, data=(DataMount(uri="allmende:x@1"),), data_class="health")
    record = build_record(replace(training, spec=spec), THRESHOLDS)
    assert record["compute"]["method"] == "not measured"
    assert record["compute"]["marks"] == []
    assert record["energy"] == {"kwh": None, "method": "not measured", "scope": None}
    assert record["data"] == [{"name": "allmende:x@1", "data_class": "health"}]
    assert record["model"]["purpose"] is None


def test_a_record_tells_what_the_catalogue_says_of_a_data_set():
    training = own_training()
    spec = replace(training.spec, data=(DataMount(uri=ROADS.uri), DataMount(uri="allmende:x@1")))
    record = build_record(replace(training, spec=spec, data_sets=(ROADS,)), THRESHOLDS)
    known, unknown = record["data"]
    assert known == {
        "name": "Roads",
        "uri": "allmende:roads@2",
        "origin": "a survey",
        "licence": "CC-BY-4.0",
        "personal_data": False,
        "data_class": "public",
    }
    assert unknown["name"] == "allmende:x@1"
    assert "  - data set: allmende:roads@2" in render_card(record)
    with_recipe = replace(a_training(), spec=spec, data_sets=(ROADS,))
    named = [row["name"] for row in build_record(with_recipe, THRESHOLDS)["data"]]
    assert named[-2:] == ["Roads", "allmende:x@1"]
    assert record["model"]["in_other_languages"] == {"de": {"phrases": {"Roads": ROADS.title.de}}}


def test_a_record_says_nothing_of_data_that_the_job_did_not_read():
    record = build_record(replace(own_training(), data_sets=(ROADS,)), THRESHOLDS)
    assert ROADS.title.de not in str(record)


@pytest.mark.parametrize(("needed", "is_usual"), [("roads", True), ("toys", False)])
def test_data_that_a_recipe_reads_from_the_catalogue_are_listed_once(needed, is_usual):
    training = a_training()
    recipe = replace(
        training.blueprint, data=(replace(training.blueprint.data[0], catalogue=needed),)
    )
    spec = replace(training.spec, data=(DataMount(uri=ROADS.uri),))
    training = replace(training, spec=spec, blueprint=recipe, data_sets=(ROADS,))
    (row,) = build_record(training, THRESHOLDS)["data"]
    assert (row["uri"], row["sha256"]) == ("allmende:roads@2", "da7a")
    assert (row["licence"], row["origin"]) == ("CC-BY-4.0", "a survey")
    # Of another data set nobody knows what the recipe says of its usual one.
    assert row["name"] == ("Toys" if is_usual else "Roads")
    assert (row["records"], row["bias"]) == (
        (1200, "round ones only") if is_usual else (None, None)
    )


def test_data_that_the_job_brought_to_a_recipe_are_not_taken_for_its_usual_ones():
    training = a_training()
    usual = replace(training.blueprint.data[0], catalogue="toys")
    recipe = replace(training.blueprint, data=(usual,))
    (row,) = build_record(replace(training, blueprint=recipe), THRESHOLDS)["data"]
    assert (row["name"], row["sha256"]) == ("Files that came along with the job", "da7a")
    assert (row["licence"], row["records"], row["personal_data"]) == (None, None, None)


def test_energy_carries_its_method_and_scope():
    assert build_record(a_training(), THRESHOLDS)["energy"] == {
        "joules": 3600,
        "kwh": 0.001,
        "method": "estimated",
        "scope": "node",
    }


def test_a_record_never_claims_to_comply():
    text = json.dumps(build_record(a_training(), THRESHOLDS)).lower()
    assert "voluntary" in text
    assert "complian" not in text


def test_a_record_is_sealed():
    record = json.loads(json.dumps(build_record(a_training(), THRESHOLDS)))
    assert is_record_whole(record)
    record["run"]["attempts"] = 1
    assert not is_record_whole(record)


def test_facts_that_do_not_fit_are_findings_and_stop_nothing():
    facts = parse_training_facts(FACTS | {"parameters": "many", "extra": 1})
    assert facts.parameters is None
    assert [finding.key for finding in facts.findings] == ["parameters"]
    notes = build_record(
        replace(a_training(), outputs=some_outputs(facts=FACTS | {"steps": -1})), THRESHOLDS
    )["notes"]
    assert notes == ["steps is -1; the least is 0."]


def test_facts_that_are_no_mapping_are_a_finding():
    assert [f.sentence.english() for f in parse_training_facts([1]).findings] == [
        "facts.json takes keys and values."
    ]


def test_facts_are_read():
    facts = parse_training_facts(FACTS)
    assert facts.data == (DataHash(name="Toys", sha256="da7a", size_bytes=99),)
    assert facts.versions == {"python": "3.11", "numpy": "2.4"}
    assert facts.findings == ()


METERED = EnergyUse(joules=10, method="measured", scope="cpu")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (EnergyUse(), METERED, METERED),
        (METERED, EnergyUse(), METERED),
        (METERED, METERED, EnergyUse(joules=20, method="measured", scope="cpu")),
        (
            METERED,
            EnergyUse(joules=5, method="estimated", scope="node"),
            EnergyUse(joules=15, method="estimated", scope="cpu, node"),
        ),
        (
            EnergyUse(joules=15, method="estimated", scope="cpu, node"),
            METERED,
            EnergyUse(joules=25, method="estimated", scope="cpu, node"),
        ),
    ],
)
def test_energy_adds_up_with_the_weaker_method(one, other, expected):
    assert add_energy(one, other) == expected
