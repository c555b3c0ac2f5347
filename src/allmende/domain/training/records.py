"""The training record: what a run was, on what, with how much compute and energy.

It follows annex XI of the AI Act (Reg. (EU) 2024/1689) in what it names. It is voluntary for most
models and claims no conformity.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.units import kwh_from_joules
from allmende.domain.training.ancestry import Ancestry, cumulate, describe_lineage
from allmende.domain.training.blueprints import (
    Blueprint,
    DataSource,
    check_params,
    estimate_flop,
)
from allmende.domain.training.code_archives import find_hash
from allmende.domain.training.compute import (
    NOT_MEASURED,
    ComputeThresholds,
    HardwareUse,
    agreement_of,
    compare_with_marks,
)
from allmende.domain.training.data_sets import SCHEME, DataSet
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.models import DataHash, Outputs

LABEL = "AI-Act-style record, voluntary"
BROUGHT = "Files that came along with the job"

SCOPE_WORDS = {
    "cpu": "the processors alone",
    "gpu": "the GPUs alone",
    "node": "whole nodes",
    "host": "nodes without their GPUs",
}


@dataclass(frozen=True, kw_only=True)
class EnergyUse:
    """The energy of all attempts; no joules and an empty method where nobody knows."""

    joules: int | None = None
    method: str = ""
    scope: str = ""


@dataclass(frozen=True, kw_only=True)
class CarbonFactor:
    """How much carbon dioxide a kilowatt-hour is taken to stand for, and who says so."""

    grams_per_kwh: Decimal
    source: str


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt, as the record lists it."""

    number: int
    end: str  # why it ended, in Slurm's words
    is_completed: bool
    used_seconds: int
    energy: EnergyUse


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
    tries: tuple[Try, ...] = ()
    hardware: HardwareUse | None = None  # None where no peak is known


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that is known about one finished training."""

    spec: JobSpec
    blueprint: Blueprint | None
    run: RunFacts
    outputs: Outputs
    data_sets: tuple[DataSet, ...] = ()  # the catalogue
    ancestry: Ancestry = field(default_factory=Ancestry)
    carbon: CarbonFactor | None = None


def build_record(training: Training, thresholds: ComputeThresholds) -> dict[str, Any]:
    """Return the record as JSON can hold it, sealed with the hash of its own content."""
    record: dict[str, Any] = {
        "format": 2,
        "label": LABEL,
        "model": _model(training),
        "run": _run(training),
        "compute": _compute(training, thresholds),
        "energy": _energy(training.run.energy, training.carbon),
        "attempts": _tries(training.run),
        "discarded": _discarded(training),
        "lineage": describe_lineage(training.ancestry),
        "data": _data(training),
        "privacy": privacy.to_json() if (privacy := training.outputs.facts.privacy) else None,
        "evaluation": dict(training.outputs.metrics),
        "files": [
            {"name": file.name, "bytes": file.size_bytes, "sha256": file.sha256}
            for file in training.outputs.files
        ],
        "notes": [finding.sentence.english() for finding in training.outputs.facts.findings],
    }
    record["cumulative"] = cumulate(record, training.ancestry, thresholds)
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
        "data_class": training.spec.data_class,
        "tags": list(blueprint.tags) if blueprint else [],
        **_translate(training),
    }


def _translate(training: Training) -> dict[str, dict[str, Any]]:
    """Return what blueprint and catalogue say in German; the owner's own words stay."""
    blueprint, german = training.blueprint, {}
    named = {mount.uri for mount in training.spec.data}
    phrases = {each.title.en: each.title.de for each in training.data_sets if each.uri in named}
    if blueprint:
        own = {} if training.spec.purpose else {"purpose": blueprint.purpose.de}
        german = {
            **own,
            "acceptable_use": blueprint.intended_use.de,
            "out_of_scope": blueprint.out_of_scope.de,
        }
        phrases |= blueprint.german
    de = {**german, **({"phrases": phrases} if phrases else {})}
    return {"in_other_languages": {"de": de}} if de else {}


def _run(training: Training) -> dict[str, Any]:
    run, facts, blueprint = training.run, training.outputs.facts, training.blueprint
    return {
        "job": run.job_id,
        "blueprint": blueprint.reference if blueprint else None,
        "code_sha256": _hash_code(training),
        "workdir_sha256": find_hash(training.spec.workdir) or None,
        "image": training.spec.image or None,
        "setup_sha256": _hash_text(training.spec.setup),  # its words may name what is not for all
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


def _hash_code(training: Training) -> str | None:
    """Return what ran: of own code what was brought along, for it cannot say something else."""
    own = "" if training.spec.blueprint else find_hash(training.spec.workdir)
    return own or training.outputs.facts.code_sha256 or None


def _hash_text(text: str) -> str | None:
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _params(training: Training) -> dict[str, Any]:
    """Return what the code was really given: defaults included."""
    given = training.spec.params
    return dict(check_params(training.blueprint, given) if training.blueprint else given)


def _compute(training: Training, thresholds: ComputeThresholds) -> dict[str, Any]:
    facts, hardware = training.outputs.facts, training.run.hardware
    executed, by_hardware = facts.flop_executed, hardware.flop if hardware else None
    planned = (
        estimate_flop(training.blueprint, training.spec.params) if training.blueprint else None
    )
    return {
        "flop_planned": planned,
        "flop_useful": facts.flop_useful,
        "flop_executed": executed,
        "method": facts.flop_method or NOT_MEASURED,
        "formula": training.blueprint.flop if training.blueprint else None,
        "hardware_flop": NOT_MEASURED if by_hardware is None else by_hardware,
        "hardware": hardware and hardware.to_json(),
        "agreement": agreement_of(executed, by_hardware, tolerance=thresholds.agreement),
        "marks": compare_with_marks(executed or planned, thresholds),
        "marks_source": thresholds.source,
    }


def _energy(energy: EnergyUse, carbon: CarbonFactor | None) -> dict[str, Any]:
    if energy.joules is None or not energy.method:
        return {"kwh": None, "method": NOT_MEASURED, "scope": None}
    kwh = kwh_from_joules(energy.joules)
    result = {
        "joules": energy.joules,
        "kwh": float(kwh),
        "method": energy.method,
        "scope": energy.scope,
    }
    if carbon is None:
        return result
    return result | {
        "co2_grams": float(kwh * carbon.grams_per_kwh),
        "co2_grams_per_kwh": float(carbon.grams_per_kwh),
        "co2_source": carbon.source,
    }


def _discarded(training: Training) -> dict[str, Any]:
    """Return what was computed and did not become part of the model: work done twice."""
    facts, run = training.outputs.facts, training.run
    useful, executed = facts.flop_useful, facts.flop_executed
    lost = max(0, executed - useful) if executed and useful is not None else None
    joules = run.energy.joules
    return {
        "attempts": sum(not each.is_completed for each in run.tries),
        "steps": facts.steps_redone,
        "flop": lost,
        "joules": (
            None if lost is None or not executed or joules is None else joules * lost // executed
        ),
        "method": "energy by the share of the operations",
    }


def _tries(run: RunFacts) -> list[dict[str, Any]]:
    return [
        {
            "number": each.number,
            "end": each.end,
            "used_seconds": each.used_seconds,
            "joules": each.energy.joules,
            "energy_method": each.energy.method or NOT_MEASURED,
            "energy_scope": each.energy.scope or None,
        }
        for each in run.tries
    ]


def _data(training: Training) -> list[dict[str, Any]]:
    facts, blueprint, named = training.outputs.facts, training.blueprint, _named_data(training)
    if blueprint is None:
        # Own code: the platform knows the places and the class; the content, as the code says.
        return named + [_own_data(item, training.spec.data_class) for item in facts.data]
    hashes = {item.name: item for item in facts.data}
    rows = []
    for source in blueprint.data:
        row = _blueprint_data(source, hashes.get(source.name))
        if source.catalogue:
            # What does not come with it is read from the first data set that the job names.
            read = named.pop(0) if named else {"name": BROUGHT, **_class_of(training)}
            row = _join(row, read, source)
        rows.append(row)
    return [*rows, *named]


def _blueprint_data(source: DataSource, seen: DataHash | None) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
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


def _join(row: dict[str, Any], named: dict[str, Any], source: DataSource) -> dict[str, Any]:
    """Return what was read: as the catalogue says it, and the blueprint where it is its own."""
    if named.get("uri", "").startswith(f"{SCHEME}{source.catalogue}@"):
        return row | named | {"name": source.name}
    unknown = dict.fromkeys(("kind", "origin", "licence", "records", "curation", "bias"))
    return row | unknown | {"personal_data": None} | named


def _named_data(training: Training) -> list[dict[str, Any]]:
    """Return what the catalogue says of each data set that the job named."""
    known = {each.uri: each for each in training.data_sets}
    return [
        _catalogued(known[mount.uri])
        if mount.uri in known
        else {"name": mount.uri, **_class_of(training)}
        for mount in training.spec.data
    ]


def _class_of(training: Training) -> dict[str, str]:
    return {"data_class": training.spec.data_class}


def _catalogued(data_set: DataSet) -> dict[str, Any]:
    return {
        "name": data_set.title.en,
        "uri": data_set.uri,
        "origin": data_set.origin,
        "licence": data_set.licence,
        "personal_data": data_set.personal_data,
        "data_class": data_set.data_class.value,
    }


def _own_data(item: DataHash, data_class: str) -> dict[str, Any]:
    return {
        "name": item.name,
        "kind": item.kind or None,
        "origin": item.origin or None,
        "licence": item.licence or None,
        "records": item.records,
        "bytes": item.size_bytes or None,
        "sha256": item.sha256 or None,
        "personal_data": item.personal_data,
        "data_class": data_class,
        "curation": item.curation or None,
        "bias": item.bias or None,
    }


def data_class_of(record: Mapping[str, Any]) -> str:
    """Return the most harmful class among the data of a training."""
    named = [record.get("model", {}).get("data_class")]
    named += [row.get("data_class") for row in record.get("data", ())]
    order = [each.value for each in DataClass]
    return max((each for each in named if each in order), key=order.index, default="internal")


def add_energy(one: EnergyUse, other: EnergyUse) -> EnergyUse:
    """Return the sum of two attempts, with the weaker of both methods."""
    if one.joules is None or other.joules is None:
        return other if one.joules is None else one
    return replace(
        one,
        joules=one.joules + other.joules,
        method=one.method if one.method == other.method else "estimated",
        scope=", ".join(sorted({*one.scope.split(", "), *other.scope.split(", ")})),
    )
