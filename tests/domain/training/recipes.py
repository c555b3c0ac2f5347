"""A small blueprint and a finished training, for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from allmende.domain.training.ancestry import Ancestry
from allmende.domain.training.blueprints import Blueprint, parse_blueprint
from allmende.domain.training.compute import ComputeThresholds
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.models import ModelFile, Outputs, parse_training_facts
from allmende.domain.training.records import EnergyUse, RunFacts, Training, Try

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

RECIPE: dict[str, Any] = {
    "id": "toy",
    "version": 2,
    "name": {"en": "Toy", "de": "Spielzeug"},
    "purpose": {"en": "Shows how.", "de": "Zeigt, wie."},
    "intended_use": {"en": "Tests.", "de": "Tests."},
    "out_of_scope": {"en": "All else.", "de": "Alles andere."},
    "task": "tabular-classification",
    "architecture": "one neuron",
    "tags": ["toy"],
    "entry": ["train.py", "--quick"],
    "requirements": "requirements.lock",
    "flop": "6 * steps * (4 - 2) - 3 // 2 + 1 / 1 - 1",
    "samples": "steps * 8",
    "resources": {"nodes_max": 1, "memory": "256M"},
    "params": {
        "steps": {
            "type": "integer",
            "default": 10,
            "min": 1,
            "max": 100,
            "unit": "steps",
            "description": {"en": "Steps", "de": "Schritte"},
        },
        "rate": {
            "type": "number",
            "default": 0.1,
            "min": 0,
            "max": 1,
            "unit": "per step",
            "description": {"en": "Rate", "de": "Rate"},
        },
    },
    "data": [
        {
            "name": "Toys",
            "origin": "made here",
            "licence": "CC0-1.0",
            "records": 1200,
            "personal_data": False,
            "data_class": "public",
            "curation": "none",
            "bias": "round ones only",
        }
    ],
}

FACTS: dict[str, Any] = {
    "architecture": "two neurons",
    "parameters": 1234,
    "samples": 80,
    "seed": 1,
    "steps": 10,
    "steps_redone": 3,
    "flop_useful": 4_000_000,
    "flop_executed": 5_000_000,
    "flop_method": "counted",
    "code_sha256": "c0de",
    "data": [{"name": "Toys", "sha256": "da7a", "bytes": 99}],
    "versions": {"python": "3.11", "numpy": "2.4"},
}

METRICS: dict[str, Any] = {
    "test_records": 300,
    "model": {
        "auroc": {"value": 0.9, "low": 0.8, "high": 0.95},
        "made_up": {"value": 0.5, "low": 0.4, "high": 0.6},
        "no_interval": 1,
    },
    "baseline": {"name": "coin", "auroc": {"value": 0.5, "low": 0.4, "high": 0.6}},
    "subgroups": {
        "by": "size",
        "rows": [
            {"group": "small", "cases": 12, "auroc": None},
            {"group": "large", "cases": 20, "auroc": 0.875},
        ],
    },
}

THRESHOLDS = ComputeThresholds(
    general_purpose_flop=10**23,
    systemic_risk_flop=10**25,
    notice_days=14,
    modifier_share=Fraction(1, 3),
    agreement=Fraction(3, 10),
    source="guidelines",
)

RUN = RunFacts(
    model_id="m-1",
    job_id="j-1",
    partition="werkbank",
    attempts=3,
    preemptions=1,
    node_failures=1,
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=12.5),
    used_seconds=13,
    energy=EnergyUse(joules=3600, method="estimated", scope="node"),
    tries=(
        Try(
            number=1,
            end="preempted",
            is_completed=False,
            used_seconds=6,
            energy=EnergyUse(joules=1600, method="estimated", scope="node"),
        ),
        Try(number=2, end="completed", is_completed=True, used_seconds=7, energy=EnergyUse()),
    ),
)


def a_blueprint() -> Blueprint:
    return parse_blueprint(RECIPE)


def some_outputs(facts: object = FACTS, metrics: dict[str, Any] = METRICS) -> Outputs:
    return Outputs(
        files=(ModelFile(name="model.safetensors", size_bytes=8, sha256="ab12"),),
        facts=parse_training_facts(facts),
        metrics=metrics,
    )


def a_training(**run: Any) -> Training:
    return Training(
        spec=JobSpec(name="toy run", blueprint="toy@2", params={"steps": 5}, licence="CC-BY-4.0"),
        blueprint=a_blueprint(),
        run=replace(RUN, **run),
        outputs=some_outputs(),
        ancestry=Ancestry(family="toys", version=1),
    )


def own_training() -> Training:
    return Training(
        spec=JobSpec(name="mine", run="python x.py"),
        blueprint=None,
        run=replace(RUN, energy=EnergyUse()),
        outputs=Outputs(files=(), facts=parse_training_facts({}), metrics={}),
    )
