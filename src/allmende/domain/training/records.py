"""The training record: what a run was, on what, with how much compute and energy.

It follows annex XI of the AI Act (Reg. (EU) 2024/1689) in what it names. It is voluntary for most
models and claims no conformity.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from allmende.domain.basics.units import kwh_from_joules
from allmende.domain.training.blueprints import Blueprint, check_params, estimate_flop
from allmende.domain.training.data_sets import DataSet
from allmende.domain.training.job_files import JobSpec
from allmende.domain.training.models import Outputs

LABEL = "AI-Act-style record, voluntary"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class ComputeThresholds:
    """Marks of training compute in force on the day of the record, and where they stand."""

    general_purpose_flop: int
    systemic_risk_flop: int
    modifier_share: Fraction
    agreement: Fraction  # two ways to count should not differ by more than this
    source: str


@dataclass(frozen=True, kw_only=True)
class EnergyUse:
    """The energy of all attempts; no joules and an empty method where nobody knows."""

    joules: int | None = None
    method: str = ""
    scope: str = ""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What the platform knows about the run."""

    model_id: str
    job_id: str
    partition: str
    attempts: int
    preemptions: int
    node_failures: int
    started_at: datetime
    ended_at: datetime
    used_seconds: int
    energy: EnergyUse
    hardware_flop: int | None = None  # units × seconds × peak × utilisation, where measured


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that is known about one finished training."""

    spec: JobSpec
    blueprint: Blueprint | None
    run: RunFacts
    outputs: Outputs
    data_sets: tuple[DataSet, ...] = ()  # the catalogue


def build_record(training: Training, thresholds: ComputeThresholds) -> dict[str, Any]:
    """Return the record as JSON can hold it, sealed with the hash of its own content."""
    record = {
        "format": 1,
        "label": LABEL,
        "model": _model(training),
        "run": _run(training),
        "compute": _compute(training, thresholds),
        "energy": _energy(training.run.energy),
        "data": _data(training),
        "evaluation": dict(training.outputs.metrics),
        "files": [
            {"name": file.name, "bytes": file.size_bytes, "sha256": file.sha256}
            for file in training.outputs.files
        ],
        "notes": [finding.sentence.english() for finding in training.outputs.facts.findings],
    }
    return record | {"sha256": record_sha256(record)}


def record_sha256(record: Mapping[str, Any]) -> str:
    """Return the hash over everything in the record but the hash itself."""
    content = {key: value for key, value in record.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def is_record_whole(record: Mapping[str, Any]) -> bool:
    """Say whether the record is as it was sealed."""
    return record.get("sha256") == record_sha256(record)


def _model(training: Training) -> dict[str, Any]:
    blueprint, facts = training.blueprint, training.outputs.facts
    return {
        "id": training.run.model_id,
        "name": training.spec.name,
        "licence": training.spec.licence or None,
        "purpose": training.spec.purpose or (blueprint.purpose.en if blueprint else None),
        "task": blueprint.task if blueprint else None,
        "acceptable_use": blueprint.intended_use.en if blueprint else None,
        "out_of_scope": blueprint.out_of_scope.en if blueprint else None,
        "architecture": facts.architecture or (blueprint.architecture if blueprint else None),
        "parameters": facts.parameters,
    }


def _run(training: Training) -> dict[str, Any]:
    run, facts, blueprint = training.run, training.outputs.facts, training.blueprint
    return {
        "job": run.job_id,
        "blueprint": blueprint.reference if blueprint else None,
        "code_sha256": facts.code_sha256 or None,
        "params": _params(training),
        "seed": facts.seed,
        "versions": dict(facts.versions),
        "partition": run.partition,
        "nodes": training.spec.num_nodes,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat(),
        "wall_seconds": round((run.ended_at - run.started_at).total_seconds(), 3),
        "used_seconds": run.used_seconds,
        "attempts": run.attempts,
        "preemptions": run.preemptions,
        "node_failures": run.node_failures,
        "steps": facts.steps,
        "steps_redone": facts.steps_redone,
        "samples": facts.samples,
    }


def _params(training: Training) -> dict[str, Any]:
    """Return what the code was really given: defaults included."""
    given = training.spec.params
    return dict(check_params(training.blueprint, given) if training.blueprint else given)


def _compute(training: Training, thresholds: ComputeThresholds) -> dict[str, Any]:
    facts, hardware = training.outputs.facts, training.run.hardware_flop
    executed = facts.flop_executed
    planned = (
        estimate_flop(training.blueprint, training.spec.params) if training.blueprint else None
    )
    return {
        "flop_planned": planned,
        "flop_useful": facts.flop_useful,
        "flop_executed": executed,
        "method": facts.flop_method or NOT_MEASURED,
        "formula": training.blueprint.flop if training.blueprint else None,
        "hardware_flop": NOT_MEASURED if hardware is None else hardware,
        "agreement": agreement_of(executed, hardware, tolerance=thresholds.agreement),
        "marks": compare_with_marks(executed or planned, thresholds),
        "marks_source": thresholds.source,
    }


def agreement_of(architecture: int | None, hardware: int | None, *, tolerance: Fraction) -> str:
    """Return whether compute counted by architecture and by hardware agree, if both are known."""
    if not architecture or not hardware:
        return NOT_MEASURED
    gap = Fraction(abs(architecture - hardware), max(architecture, hardware))
    return "agree" if gap <= tolerance else "differ"


def compare_with_marks(flop: int | None, thresholds: ComputeThresholds) -> list[dict[str, Any]]:
    """Return for each mark whether the run reached it, and what part of it the run was."""
    if flop is None:
        return []
    marks = {
        "general-purpose model (indicative)": Fraction(thresholds.general_purpose_flop),
        "systemic risk (presumed)": Fraction(thresholds.systemic_risk_flop),
        "modifier of a model of unknown compute": (
            thresholds.general_purpose_flop * thresholds.modifier_share
        ),
    }
    return [
        {
            "mark": name,
            "flop": int(mark),
            "reached": flop > mark,  # the Act says "greater than"
            "part": float(Fraction(flop) / mark),
        }
        for name, mark in marks.items()
    ]


def _energy(energy: EnergyUse) -> dict[str, Any]:
    if energy.joules is None or not energy.method:
        return {"kwh": None, "method": NOT_MEASURED, "scope": None}
    return {
        "joules": energy.joules,
        "kwh": float(kwh_from_joules(energy.joules)),
        "method": energy.method,
        "scope": energy.scope,
    }


def _data(training: Training) -> list[dict[str, Any]]:
    named = _named_data(training)
    if training.blueprint is None:
        return named  # own code: the platform knows the places and the class, not the content
    hashes = {item.name: item for item in training.outputs.facts.data}
    rows = []
    for source in training.blueprint.data:
        seen = hashes.get(source.name)
        rows.append(
            {
                "name": source.name,
                "origin": source.origin,
                "licence": source.licence,
                "records": source.records,
                "bytes": seen.size_bytes if seen else None,
                "sha256": seen.sha256 if seen else None,
                "personal_data": source.personal_data,
                "data_class": source.data_class,
                "curation": source.curation,
                "bias": source.bias,
            }
        )
    return [*rows, *named]


def _named_data(training: Training) -> list[dict[str, Any]]:
    """Return what the catalogue says of each data set that the job named."""
    known = {each.uri: each for each in training.data_sets}
    return [
        _catalogued(known[mount.uri])
        if mount.uri in known
        else {"name": mount.uri, "data_class": training.spec.data_class}
        for mount in training.spec.data
    ]


def _catalogued(data_set: DataSet) -> dict[str, Any]:
    return {
        "name": data_set.title.en,
        "uri": data_set.uri,
        "origin": data_set.origin,
        "licence": data_set.licence,
        "personal_data": data_set.personal_data,
        "data_class": data_set.data_class.value,
    }


def add_energy(one: EnergyUse, other: EnergyUse) -> EnergyUse:
    """Return the sum of two attempts, with the weaker of both methods."""
    if one.joules is None or other.joules is None:
        return other if one.joules is None else one
    return replace(
        one,
        joules=one.joules + other.joules,
        method=one.method if one.method == other.method else "estimated",
        scope=one.scope if one.scope == other.scope else f"{one.scope}, {other.scope}",
    )
