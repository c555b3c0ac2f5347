"""Where a model comes from, as a graph: data and code, job, attempts, energy, model, successors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.models import Model

# More attempts than this are drawn as one.
ATTEMPTS_SHOWN = 6


class NodeKind(StrEnum):
    """What a node of the graph stands for."""

    DATA = "data"
    CODE = "code"
    PARENT = "parent"
    JOB = "job"
    ATTEMPT = "attempt"
    ENERGY = "energy"
    MODEL = "model"
    CHILD = "child"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One thing in the history of a model."""

    id: str
    kind: NodeKind
    label: str | Sentence
    detail: str | Sentence = ""  # a hash, a figure, how it ended
    model_id: str = ""  # of a parent or child that is registered here


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What one thing went into."""

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class LineageGraph:
    """The whole history; every edge leads from the earlier to the later."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def draw_graph(model: Model, *, children: Sequence[Model] = ()) -> LineageGraph:
    """Return the graph of a model, from its record and the models trained further from it."""
    record = model.record
    sources = [*_data(record), *_code(record), *_parents(record)]
    job = Node(id="job", kind=NodeKind.JOB, label=Sentence("Job"), detail=model.job_id)
    attempts = _attempts(record)
    energy = Node(
        id="energy", kind=NodeKind.ENERGY, label=Sentence("Energy"), detail=_energy(record)
    )
    itself = Node(id="model", kind=NodeKind.MODEL, label=model.label, detail=model.id)
    later = [
        Node(
            id=f"child:{child.id}",
            kind=NodeKind.CHILD,
            label=child.label,
            detail=child.id,
            model_id=child.id,
        )
        for child in children
    ]
    edges = [Edge(source=node.id, target=job.id) for node in sources]
    edges += [Edge(source=job.id, target=node.id) for node in attempts]
    edges += [Edge(source=node.id, target=energy.id) for node in attempts or [job]]
    edges += [Edge(source=energy.id, target=itself.id)]
    edges += [Edge(source=itself.id, target=node.id) for node in later]
    return LineageGraph(
        nodes=(*sources, job, *attempts, energy, itself, *later), edges=tuple(edges)
    )


def _data(record: Mapping[str, Any]) -> list[Node]:
    return [
        Node(
            id=f"data:{number}",
            kind=NodeKind.DATA,
            label=str(row["name"]),
            detail=str(row.get("sha256") or row.get("licence") or ""),
        )
        for number, row in enumerate(record.get("data", ()), start=1)
    ]


def _code(record: Mapping[str, Any]) -> list[Node]:
    run = record.get("run", {})
    blueprint = run.get("blueprint")
    label = blueprint if blueprint else Sentence("Own code")
    detail = str(run.get("code_sha256") or "")
    return [Node(id="code", kind=NodeKind.CODE, label=label, detail=detail)]


def _parents(record: Mapping[str, Any]) -> list[Node]:
    rows = record.get("lineage", {}).get("parents", ())
    return [
        Node(
            id=f"parent:{row['model'] or row['name']}",
            kind=NodeKind.PARENT,
            label=row["name"],
            detail=row["model"] or "",
            model_id=row["model"] or "",
        )
        for row in rows
    ]


def _attempts(record: Mapping[str, Any]) -> list[Node]:
    rows = record.get("attempts", ())
    if len(rows) > ATTEMPTS_SHOWN:
        label = Sentence("{count} attempts", {"count": len(rows)})
        return [Node(id="attempts", kind=NodeKind.ATTEMPT, label=label)]
    return [
        Node(
            id=f"attempt:{row['number']}",
            kind=NodeKind.ATTEMPT,
            label=Sentence("Attempt {number}", {"number": row["number"]}),
            detail=row["end"],
        )
        for row in rows
    ]


def _energy(record: Mapping[str, Any]) -> str | Sentence:
    energy = record.get("energy", {})
    method, kwh = Sentence(energy.get("method", "")), energy.get("kwh")
    if kwh is None:
        return method if method.template else ""
    return Sentence("{kwh} kWh, {method}", {"kwh": Decimal(f"{kwh:.6f}"), "method": method})
