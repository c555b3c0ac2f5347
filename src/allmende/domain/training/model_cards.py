"""The model card: README.md with the front matter that model hubs read, from facts alone."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from allmende.domain.training.compute import NOT_MEASURED
from allmende.domain.training.privacy import describe_privacy

Record = Mapping[str, Any]
# What own code wants to show is kept to what people read.
MOST_TABLES, MOST_ROWS = 10, 50

HEARTBEATS = "NSVFQ"  # the classes of ANSI/AAMI EC57
MEASURES = {
    "auroc": "AUROC",
    "balanced_accuracy": "Balanced accuracy",
    "brier": "Brier score (lower is better)",
    "expected_calibration_error": "Expected calibration error (lower is better)",
    "sensitivity_at_95_specificity": "Sensitivity at 95 % specificity",
    "bits_per_byte": "Bits per byte (lower is better)",
    "identification_accuracy": "Accuracy of identification",
    "rmse_cycles": "Root mean squared error in flights (lower is better)",
    "nasa_score": "NASA score (lower is better)",
    "nab_standard": "NAB score, standard profile",
    "nab_reward_low_fp": "NAB score, false alarms cost twice",
    "nab_reward_low_fn": "NAB score, missed anomalies cost twice",
    "episode_return": "Return of an episode",
    "metres_per_second": "Speed in m/s",
    "lap_seconds": "Lap time in s (lower is better)",
    "lap_seconds_ideal": "Ideal lap time in s (lower is better)",
    "seconds_off_track": "Time off the track in s (lower is better)",
    "mean_error_cycles": "Mean error in flights (above zero: too hopeful)",
    **{f"sensitivity_{each.lower()}": f"Sensitivity, heartbeats {each}" for each in HEARTBEATS},
    **{
        f"ppv_{each.lower()}": f"Positive predictive value, heartbeats {each}"
        for each in HEARTBEATS
    },
}


def render_card(record: Record, *, licence: str | None = None) -> str:
    """Return the card of the model that a training record describes.

    Another licence is one that the owner chose after the training.
    """
    granted = record["model"]["licence"] if licence is None else licence
    parts = [
        render_front_matter(record, licence=granted),
        f"# {record['model']['name']}",
        _about(record, granted),
        _uses(record),
        _data(record),
        _evaluation(record),
        _subgroups(record),
        *_tables(record),
        _privacy(record),
        _training(record),
        _energy(record),
        _lineage(record),
        _loading(record),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_front_matter(record: Record, *, licence: str | None) -> str:
    """Return the YAML head. What is unknown is left out, never guessed."""
    # JSON strings are YAML strings, so that no name can break the head.
    head = {
        "license": json.dumps((licence or "other").lower(), ensure_ascii=False),
        "tags": json.dumps([*record["model"].get("tags", ()), "allmende"]),
        "datasets": json.dumps([row["name"] for row in record["data"]], ensure_ascii=False),
    }
    parents = [row["name"] for row in record.get("lineage", {}).get("parents", ())]
    if parents:
        head["base_model"] = json.dumps(parents, ensure_ascii=False)
    if "co2_grams" in record["energy"]:
        head["co2_eq_emissions"] = json.dumps(_emissions(record, parents), ensure_ascii=False)
    values = list_estimates(record, "model")
    if values:
        head["metrics"] = json.dumps(list(values))
        head["model-index"] = json.dumps([_model_index(record, values)], ensure_ascii=False)
    lines = [f"{key}: {value}" for key, value in head.items()]
    return "\n".join(["---", *lines, "---"])


def _emissions(record: Record, parents: list[str]) -> dict[str, Any]:
    energy = record["energy"]
    return {
        "emissions": energy["co2_grams"],  # grams, as model hubs count
        "source": f"{energy['kwh']} kWh {energy['method']} (scope: {energy['scope']}) at "
        f"{energy['co2_grams_per_kwh']:g} g/kWh: {energy['co2_source']}",
        "training_type": "fine-tuning" if parents else "pre-training",
        "hardware_used": record["run"]["partition"],
    }


def _model_index(record: Record, values: Mapping[str, Any]) -> dict[str, Any]:
    data = record["data"][0]["name"] if record["data"] else record["model"]["name"]
    return {
        "name": record["model"]["name"],
        "results": [
            {
                "task": {"type": record["model"]["task"] or "other"},
                "dataset": {"name": data, "type": "held-out test"},
                "metrics": [{"type": name, "value": row["value"]} for name, row in values.items()],
            }
        ],
    }


def list_estimates(record: Record, who: str) -> dict[str, Any]:
    """Return the measures that come with a value and an interval."""
    rows = record["evaluation"].get(who)
    if not isinstance(rows, Mapping):
        return {}
    return {name: row for name, row in rows.items() if _is_estimate(row)}


def _is_estimate(row: object) -> bool:
    return isinstance(row, Mapping) and all(
        isinstance(row.get(key), int | float) for key in ("value", "low", "high")
    )


def _about(record: Record, licence: str | None) -> str:
    model, lines = record["model"], ["## What it is", ""]
    if model["purpose"]:
        lines += [model["purpose"], ""]
    rows = {
        "Architecture": model["architecture"],
        "Parameters": _count(model["parameters"]),
        "Licence": licence or "none chosen: all rights stay with the owner",
        "Trained by": record["run"]["blueprint"] or "own code",
    }
    return "\n".join(lines + [f"- {name}: {value}" for name, value in rows.items() if value])


def _uses(record: Record) -> str:
    model = record["model"]
    if not model["acceptable_use"]:
        return ""
    intended, outside = model["acceptable_use"], model["out_of_scope"]
    return f"## Intended use\n\n{intended}\n\n## Out of scope\n\n{outside}"


def _data(record: Record) -> str:
    if not record["data"]:
        return ""
    lines = ["## Data", ""]
    for row in record["data"]:
        lines.append(f"- **{row['name']}**")
        facts = {
            "data set": row.get("uri"),
            "origin": row.get("origin"),
            "licence": row.get("licence"),
            "records": _count(row.get("records")),
            "curation": row.get("curation"),
            "known bias": row.get("bias"),
            "SHA-256": row.get("sha256"),
        }
        lines += [f"  - {name}: {value}" for name, value in facts.items() if value]
        if "personal_data" in row:
            lines.append(f"  - personal data: {'yes' if row['personal_data'] else 'no'}")
    return "\n".join(lines)


def _evaluation(record: Record) -> str:
    values, baseline = list_estimates(record, "model"), list_estimates(record, "baseline")
    if not values:
        return ""
    count = record["evaluation"].get("test_records")
    name = (record["evaluation"].get("baseline") or {}).get("name", "none")
    lines = [
        "## Evaluation",
        "",
        f"On {_count(count) or 'an unstated number of'} held-out records, with 95 % intervals.",
        f"Baseline: {name}.",
        "",
        "| measure | model | baseline |",
        "|---|---|---|",
    ]
    for key, row in values.items():
        beside = _interval(baseline[key]) if key in baseline else ""
        lines.append(f"| {MEASURES.get(key, key)} | {_interval(row)} | {beside} |")
    return "\n".join(lines)


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _subgroups(record: Record) -> str:
    table = record["evaluation"].get("subgroups")
    if not isinstance(table, Mapping):
        return ""
    about = "Figures that would speak of fewer than five people are not given."
    return _table(f"Subgroups by {table.get('by')}", about, table.get("rows"))


def _tables(record: Record) -> list[str]:
    """Return what the training code wants to be read besides, each table under its own heading."""
    tables = record["evaluation"].get("tables")
    named = tables[:MOST_TABLES] if isinstance(tables, list) else []
    return [
        _table(str(each.get("title")), str(each.get("note") or ""), each.get("rows"))
        for each in named
        if isinstance(each, Mapping)
    ]


def _table(title: str, about: str, rows: object) -> str:
    sound = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    if not sound:
        return ""
    columns = list(sound[0])
    lines = [f"## {_cell(title)}", ""] + ([_cell(about), ""] if about else [])
    lines += [_line(columns), "|---" * len(columns) + "|"]
    lines += [_line([row.get(column) for column in columns]) for row in sound[:MOST_ROWS]]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    # Measures by their names; no cell may break the table.
    return " ".join(MEASURES.get(str(value), str(value)).replace("|", "/").split())


def _privacy(record: Record) -> str:
    said = describe_privacy(record.get("privacy"))
    return f"## Privacy\n\n{said}" if said else ""


def _training(record: Record) -> str:
    run, compute = record["run"], record["compute"]
    rows = {
        "Parameters of the run": ", ".join(f"{k}={v}" for k, v in sorted(run["params"].items())),
        "Samples": _count(run["samples"]),
        "Wall time": f"{run['wall_seconds']:.1f} s on {run['nodes']} node(s) of {run['partition']}",
        "Attempts": _attempts(run),
        "Compute": _flop(compute),
        "Code, SHA-256": run["code_sha256"],
        "Versions": ", ".join(f"{k} {v}" for k, v in sorted(run["versions"].items())),
    }
    lines = [f"- {name}: {value}" for name, value in rows.items() if value]
    lines += [f"- {_mark(mark)}" for mark in compute["marks"][:1]]
    return "\n".join(["## How it was trained", "", *lines])


def _attempts(run: Mapping[str, Any]) -> str:
    text = f"{run['attempts']}, of which {run['preemptions']} stopped for others"
    text += f" and {run['node_failures']} lost with their node"
    return text + (f"; {run['steps_redone']:,} steps done twice" if run["steps_redone"] else "")


def _flop(compute: Mapping[str, Any]) -> str:
    if compute["flop_executed"] is None:
        return NOT_MEASURED
    return (
        f"{compute['flop_executed']:.3g} FLOP executed, {compute['flop_useful'] or 0:.3g} useful "
        f"({compute['method']}); by hardware: {_measured(compute['hardware_flop'])}"
    )


def _measured(value: object) -> str:
    return f"{value:.3g} FLOP" if isinstance(value, int) else NOT_MEASURED


def _mark(mark: Mapping[str, Any]) -> str:
    if mark["reached"]:
        return f"The run passed the mark of {mark['flop']:.3g} FLOP: {mark['mark']}."
    parts = round(1 / mark["part"]) if mark["part"] else 0
    return f"One part in {parts:,} of the mark of {mark['flop']:.3g} FLOP: {mark['mark']}."


def _energy(record: Record) -> str:
    energy = record["energy"]
    if energy["kwh"] is None:
        return f"## Energy\n\n{NOT_MEASURED.capitalize()}."
    text = f"{energy['kwh']:.6f} kWh, {energy['method']}, scope: {energy['scope']}."
    carbon = "Carbon is not given: the grid's figure is unknown."
    if "co2_grams" in energy:
        carbon = (
            f"That stands for {energy['co2_grams']:.3g} g of CO2 at {energy['co2_grams_per_kwh']:g}"
            f" g/kWh ({energy['co2_source']})."
        )
    return f"## Energy\n\n{text}\n\n{carbon}"


def _lineage(record: Record) -> str:
    lineage = record.get("lineage")
    if not lineage:
        return ""
    lines = [f"- Version {lineage['version']} of {lineage['family']}"]
    for row in lineage["parents"]:
        flop = "of unknown compute" if row["flop"] is None else f"{row['flop']:.3g} FLOP"
        here = f" (`{row['model']}`)" if row["model"] else ""
        lines.append(f"- Trained further from {row['name']}{here}, {flop}")
    total = record["cumulative"]["model"]
    if total["flop"] is not None:
        least = "at least " if total["is_lower_bound"] else ""
        lines.append(f"- With all that it descends from: {least}{total['flop']:.3g} FLOP")
    return "\n".join(["## Where it comes from", "", *lines])


def _loading(record: Record) -> str:
    weights = [f["name"] for f in record["files"] if f["name"].endswith(".safetensors")]
    if not weights:
        return ""
    code = "from safetensors.numpy import load_file\n\n" + f"weights = load_file({weights[0]!r})"
    hashes = "\n".join(f"- `{f['name']}`: {f['sha256']}" for f in record["files"])
    return f"## How to load it\n\n```python\n{code}\n```\n\nSHA-256 of the files:\n\n{hashes}"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""
