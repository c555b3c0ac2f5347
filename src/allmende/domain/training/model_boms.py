"""The bill of materials of a model: CycloneDX 1.6, as tools for software supply chains read it."""

import uuid
from collections.abc import Mapping
from typing import Any

from allmende.domain.training.card_heads import list_estimates
from allmende.domain.training.models import Model

Record = Mapping[str, Any]

MODEL = "model"
# Licences of models and data that have an SPDX identifier; others go by their name.
SPDX = (
    "Apache-2.0",
    "BSD-3-Clause",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-ND-4.0",
    "CC0-1.0",
    "EUPL-1.2",
    "GPL-3.0-only",
    "MIT",
    "MPL-2.0",
    "ODbL-1.0",
    "OFL-1.1",
    "PDDL-1.0",
)


def build_bom(model: Model) -> dict[str, Any]:
    """Return the bill of materials; the same model gives the same bytes."""
    record = model.record
    data, parents = _data(record), _parents(record)
    bom: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, record['sha256'])}",
        "version": 1,
        "metadata": {
            "timestamp": model.created_at.isoformat(),
            "component": _model(model),
            "properties": [{"name": "allmende:record-sha256", "value": record["sha256"]}],
        },
        "components": [*data, *parents, *_code(record), *_files(model)],
        "dependencies": [
            {"ref": MODEL, "dependsOn": [each["bom-ref"] for each in (*data, *parents)]}
        ],
    }
    return bom


def _licences(licence: str | None) -> dict[str, Any]:
    if not licence:
        return {}
    known = {name.lower(): name for name in SPDX}.get(licence.lower())
    return {"licenses": [{"license": {"id": known} if known else {"name": licence}}]}


def _model(model: Model) -> dict[str, Any]:
    described = model.record["model"]
    return {
        "bom-ref": MODEL,
        "type": "machine-learning-model",
        "group": model.project_id,
        "name": model.family,
        "version": str(model.version),
        **({"description": described["purpose"]} if described["purpose"] else {}),
        **_licences(model.licence),
        "modelCard": _card(model.record),
    }


def _card(record: Record) -> dict[str, Any]:
    described, parameters = record["model"], {}
    if described["task"]:
        parameters["task"] = described["task"]
    if described["architecture"]:
        parameters["modelArchitecture"] = described["architecture"]
    parameters["datasets"] = [{"ref": each["bom-ref"]} for each in _data(record)]
    considerations: dict[str, Any] = {}
    if described["acceptable_use"]:
        considerations["useCases"] = [described["acceptable_use"]]
    if described["out_of_scope"]:
        considerations["technicalLimitations"] = [described["out_of_scope"]]
    if record["energy"]["kwh"] is not None:
        considerations["environmentalConsiderations"] = _energy(record["energy"])
    return {
        "modelParameters": parameters,
        "quantitativeAnalysis": {"performanceMetrics": _metrics(record)},
        **({"considerations": considerations} if considerations else {}),
    }


def _metrics(record: Record) -> list[dict[str, Any]]:
    return [
        {
            "type": name,
            "value": str(row["value"]),
            "confidenceInterval": {"lowerBound": str(row["low"]), "upperBound": str(row["high"])},
        }
        for name, row in list_estimates(record, "model").items()
    ]


def _energy(energy: Mapping[str, Any]) -> dict[str, Any]:
    amount = {"value": energy["kwh"], "unit": "kWh"}
    use: dict[str, Any] = {
        "activity": "training",
        "activityEnergyCost": amount,
        "energyProviders": [
            {
                "organization": {"name": "unknown"},
                "energySource": "unknown",
                "energyProvided": amount,
            }
        ],
        "properties": [
            {"name": "allmende:method", "value": energy["method"]},
            {"name": "allmende:scope", "value": energy["scope"]},
        ],
    }
    if "co2_grams" in energy:
        use["co2CostEquivalent"] = {"value": energy["co2_grams"] / 10**6, "unit": "tCO2eq"}
    return {"energyConsumptions": [use]}


def _data(record: Record) -> list[dict[str, Any]]:
    return [
        {
            "bom-ref": f"data-{number}",
            "type": "data",
            "name": row["name"],
            **_hashes(row.get("sha256")),
            **_licences(row.get("licence")),
            "data": [{"type": "dataset", "name": row["name"], **_governed(row)}],
        }
        for number, row in enumerate(record["data"], start=1)
    ]


def _governed(row: Record) -> dict[str, Any]:
    told = {"classification": row.get("data_class"), "description": row.get("origin")}
    return {key: value for key, value in told.items() if value}


def _parents(record: Record) -> list[dict[str, Any]]:
    return [
        {
            "bom-ref": f"parent-{number}",
            "type": "machine-learning-model",
            "name": row["name"],
            **({"version": row["model"]} if row["model"] else {}),
        }
        for number, row in enumerate(record["lineage"]["parents"], start=1)
    ]


def _code(record: Record) -> list[dict[str, Any]]:
    run = record["run"]
    code = {"bom-ref": "code", "type": "application", "name": run["blueprint"] or "own code"}
    libraries = [
        {"bom-ref": f"library-{name}", "type": "library", "name": name, "version": version}
        for name, version in sorted(run["versions"].items())
    ]
    return [{**code, **_hashes(run["code_sha256"])}, *_surroundings(run), *libraries]


def _surroundings(run: Record) -> list[dict[str, Any]]:
    """Return what else the code ran with; records from before these were noted have none."""
    parts = []
    if run["blueprint"] and (sha256 := run.get("workdir_sha256")):  # else it is the code
        parts.append({"bom-ref": "workdir", "type": "data", "name": "workdir", **_hashes(sha256)})
    if image := run.get("image"):
        parts.append({"bom-ref": "image", "type": "container", "name": image})
    if sha256 := run.get("setup_sha256"):
        parts.append({"bom-ref": "setup", "type": "file", "name": "setup", **_hashes(sha256)})
    return parts


def _files(model: Model) -> list[dict[str, Any]]:
    return [
        {
            "bom-ref": f"file-{number}",
            "type": "file",
            "name": file.name,
            **_hashes(file.sha256),
        }
        for number, file in enumerate(model.files, start=1)
    ]


def _hashes(sha256: str | None) -> dict[str, Any]:
    """Return the hash, where it is one: training code may say anything."""
    digits = set("0123456789abcdef")
    if not sha256 or len(sha256) != 64 or not set(sha256) <= digits:
        return {}
    return {"hashes": [{"alg": "SHA-256", "content": sha256}]}
