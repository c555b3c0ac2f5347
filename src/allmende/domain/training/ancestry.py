"""What a model descends from, and how much compute and energy that adds up to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allmende.domain.basics.units import kwh_from_joules
from allmende.domain.training.compute import (
    ComputeThresholds,
    compare_with_marks,
    count_flop,
    judge_modifier,
)

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ancestry:
    """The records of models that came before: each sealed, as it was when they were trained."""

    family: str = ""
    version: int = 1
    parents: tuple[str, ...] = ()  # as the job file names them
    ancestors: Mapping[str, Record] | None = None  # of registered models, by id, parents included
    earlier: tuple[Record, ...] = ()  # of the versions of the family before this one

    def find(self, model_id: str) -> Record | None:
        """Return the record of an ancestor, None where the model was trained elsewhere."""
        return (self.ancestors or {}).get(model_id)


def describe_lineage(ancestry: Ancestry) -> dict[str, Any]:
    """Return the family, the version and the parents, for the record."""
    return {
        "family": ancestry.family,
        "version": ancestry.version,
        "parents": [_describe_parent(name, ancestry.find(name)) for name in ancestry.parents],
    }


def _describe_parent(name: str, record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"name": name, "model": None, "record_sha256": None, "flop": None}
    return {
        "name": record["model"]["name"],
        "model": name,
        "record_sha256": record["sha256"],
        "flop": count_flop(record),
    }


def cumulate(own: Record, ancestry: Ancestry, thresholds: ComputeThresholds) -> dict[str, Any]:
    """Return what the model took with all that it descends from, and what its family took."""
    return {
        "model": total_model(count_flop(own), ancestry, thresholds),
        "family": total_of([*ancestry.earlier, own]),
    }


def total_model(
    own_flop: int | None, ancestry: Ancestry, thresholds: ComputeThresholds
) -> dict[str, Any]:
    """Return what a model takes with all that it descends from, and the marks that this passes."""
    ancestors = ancestry.ancestors or {}
    counts = {name: count_flop(record) for name, record in ancestors.items()}
    before = sum(flop or 0 for flop in counts.values())
    all_known = None not in counts.values() and not _has_strangers(ancestry)
    result: dict[str, Any] = {
        "flop": None if own_flop is None else own_flop + before,
        "is_lower_bound": own_flop is None or not all_known,
        "ancestors": sorted(counts),
    }
    result["marks"] = compare_with_marks(result["flop"], thresholds)
    if ancestry.parents:
        original = before if all_known else None
        result["modifier"] = judge_modifier(own_flop, original, thresholds)
    return result


def _has_strangers(ancestry: Ancestry) -> bool:
    """Say whether a model from elsewhere, of unknown compute, is among those it descends from."""
    named = [*ancestry.parents]
    for record in (ancestry.ancestors or {}).values():
        named += [row["model"] or row["name"] for row in parents_of(record)]
    return any(ancestry.find(name) is None for name in named)


def parents_of(record: Record) -> Sequence[Record]:
    """Return the rows of a record's parents."""
    rows: Sequence[Record] = record.get("lineage", {}).get("parents", ())
    return rows


def total_of(records: Iterable[Record]) -> dict[str, Any]:
    """Return what several trainings took together; what one does not know counts as nothing."""
    rows = list(records)
    joules = [row["energy"].get("joules") for row in rows]
    return {
        "versions": len(rows),
        "flop": sum(count_flop(row) or 0 for row in rows),
        "discarded_flop": sum(row.get("discarded", {}).get("flop") or 0 for row in rows),
        "used_seconds": sum(row["run"]["used_seconds"] for row in rows),
        "joules": sum(each or 0 for each in joules),
        "energy_kwh": float(kwh_from_joules(sum(each or 0 for each in joules))),
        "is_lower_bound": None in joules or any(count_flop(row) is None for row in rows),
        "energy_methods": sorted({row["energy"]["method"] for row in rows}),
    }
