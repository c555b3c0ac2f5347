"""The head of a model card: the YAML front matter that model hubs read, from facts alone."""

import json
import re
from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]

# What the hub knows by name, of its documentation; it refuses cards that say anything else.
HUB_LICENCES = frozenset(
    """
    apache-2.0 mit openrail creativeml-openrail-m bigscience-openrail-m bigcode-openrail-m
    artistic-2.0 bsl-1.0 bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc0-1.0
    cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 ecl-2.0 epl-1.0
    epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gpl-2.0 gpl-3.0 lgpl-2.1 lgpl-3.0 isc mpl-2.0
    ms-pl ncsa odbl odc-by ofl-1.1 osl-3.0 pddl postgresql unlicense wtfpl zlib
    llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 gemma
    """.split()
)
HUB_NAMES = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl"}
HUB_TASKS = frozenset(
    """
    text-classification token-classification question-answering translation summarization
    text-generation fill-mask sentence-similarity feature-extraction image-classification
    object-detection image-segmentation text-to-image image-to-text automatic-speech-recognition
    audio-classification text-to-speech tabular-classification tabular-regression
    time-series-forecasting reinforcement-learning robotics graph-ml
    """.split()
)
# Models there are named by their owner, too. What has no owner is told in the text alone.
HUB_MODEL = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def render_front_matter(record: Record, *, licence: str | None) -> str:
    """Return the YAML head. What is unknown is left out, never guessed."""
    # JSON strings are YAML strings, so that no name can break the head.
    head = _licence(licence) | {
        "tags": json.dumps([*record["model"].get("tags", ()), "allmende"]),
        "datasets": json.dumps(
            list(dict.fromkeys(row["name"] for row in record["data"])), ensure_ascii=False
        ),
    }
    if record["model"]["task"] in HUB_TASKS:
        head["pipeline_tag"] = json.dumps(record["model"]["task"])
    parents = [row["name"] for row in record.get("lineage", {}).get("parents", ())]
    if on_hub := [name for name in parents if HUB_MODEL.fullmatch(name)]:
        head["base_model"] = json.dumps(on_hub)
    if "co2_grams" in record["energy"]:
        head["co2_eq_emissions"] = json.dumps(_emissions(record, parents), ensure_ascii=False)
    values = list_estimates(record, "model")
    if values:
        head["metrics"] = json.dumps(list(values))
        head["model-index"] = json.dumps([_model_index(record, values)], ensure_ascii=False)
    lines = [f"{key}: {value}" for key, value in head.items()]
    return "\n".join(["---", *lines, "---"])


def _licence(licence: str | None) -> dict[str, str]:
    """Return the licence by the hub's name for it; one without goes by its own name beside it."""
    if not licence:
        return {"license": json.dumps("other")}
    name = licence.lower().removesuffix("-only").removesuffix("-or-later")
    name = HUB_NAMES.get(name, name)
    if name in HUB_LICENCES:
        return {"license": json.dumps(name)}
    return {
        "license": json.dumps("other"),
        "license_name": json.dumps(licence, ensure_ascii=False),
    }


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
    return {name: row for name, row in rows.items() if is_estimate(row)}


def is_estimate(row: object) -> bool:
    """Say whether this is a value with its interval."""
    return isinstance(row, Mapping) and all(
        isinstance(row.get(key), int | float) for key in ("value", "low", "high")
    )
