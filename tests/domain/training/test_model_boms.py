"""The bill of materials is CycloneDX 1.6 by the official schema, whatever a record holds."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from allmende.domain.training.ancestry import Ancestry
from allmende.domain.training.model_boms import build_bom
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import Model, ModelFile
from allmende.domain.training.records import CarbonFactor, Training, build_record
from tests.domain.training.recipes import THRESHOLDS, a_training, own_training

SCHEMAS = Path(__file__).parents[2] / "vendor/cyclonedx-1.6"
WEIGHTS = ModelFile(name="model.safetensors", size_bytes=8, sha256="ab" * 32)


@cache
def schema() -> Any:
    return jsonschema_rs.validator_for(
        _read("bom-1.6.schema.json"),
        validate_formats=True,
        # The library names its copies so; each refers to the others by that name.
        retriever=lambda address: _read(address.rsplit("/", 1)[-1].replace(".SNAPSHOT", "")),
    )


def _read(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def model_of(training: Training, *, licence: str = "CC-BY-4.0") -> Model:
    record = build_record(training, THRESHOLDS)
    return Model(
        id="m-1",
        job_id="j-1",
        project_id="pr-1",
        organisation_id="o-1",
        name="toy run",
        family="toys",
        version=training.ancestry.version,
        parents=training.ancestry.parents,
        licence=licence,
        created_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        files=(WEIGHTS,),
        card=render_card(record),
        record=record,
    )


PARENT = model_of(a_training())
CARBON = CarbonFactor(grams_per_kwh=363, source="the office")
CASES = {
    "blueprint": a_training(),
    "own code": own_training(),
    "surroundings": replace(
        a_training(),
        spec=replace(
            a_training().spec, workdir=f"sha256:{'ab' * 32}", image="python:3.12", setup="true"
        ),
    ),
    "parents": replace(
        a_training(),
        ancestry=Ancestry(
            family="toys",
            version=2,
            parents=("m-1", "elsewhere"),
            ancestors={"m-1": PARENT.record},
            earlier=(PARENT.record,),
        ),
        carbon=CARBON,
    ),
}


@pytest.mark.parametrize("training", CASES.values(), ids=CASES)
@pytest.mark.parametrize("licence", ["CC-BY-4.0", "", "house rules"])
def test_the_bill_fits_the_official_schema(training: Training, licence: str):
    bill = json.loads(json.dumps(build_bom(model_of(training, licence=licence))))
    assert list(schema().iter_errors(bill)) == []


def test_the_schema_finds_mistakes():
    assert not schema().is_valid({"bomFormat": "CycloneDX"})
    assert not schema().is_valid(build_bom(PARENT) | {"components": [{"type": "toy"}]})


def test_the_bill_names_parts_hashes_and_energy():
    bill = build_bom(model_of(CASES["parents"]))
    model = bill["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == (
        "machine-learning-model",
        "toys",
        "2",
    )
    assert model["licenses"] == [{"license": {"id": "CC-BY-4.0"}}]
    kinds = [(each["type"], each["name"]) for each in bill["components"]]
    assert kinds == [
        ("data", "Toys"),
        ("machine-learning-model", "toy run"),
        ("machine-learning-model", "elsewhere"),
        ("application", "toy@2"),
        ("library", "numpy"),
        ("library", "python"),
        ("file", "model.safetensors"),
    ]
    assert bill["components"][-1]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    (use,) = model["modelCard"]["considerations"]["environmentalConsiderations"][
        "energyConsumptions"
    ]
    assert use["activityEnergyCost"] == {"value": 0.001, "unit": "kWh"}
    assert use["co2CostEquivalent"] == {"value": 0.363 / 10**6, "unit": "tCO2eq"}


def test_the_bill_names_what_the_code_ran_with():
    record = model_of(CASES["surroundings"])
    kinds = [
        (each["bom-ref"], each["type"], each["name"]) for each in build_bom(record)["components"]
    ]
    assert kinds[2:5] == [
        ("workdir", "data", "workdir"),
        ("image", "container", "python:3.12"),
        ("setup", "file", "setup"),
    ]


def test_the_same_model_gives_the_same_bill():
    assert build_bom(PARENT) == build_bom(PARENT)
