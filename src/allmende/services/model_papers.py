"""What a model hands to others: bill of materials, summary, lineage, and all of it in one file."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import BackendOf
from allmende.domain.training.lineage_graphs import LineageGraph, draw_graph
from allmende.domain.training.model_boms import build_bom
from allmende.domain.training.models import Model
from allmende.domain.training.summaries import Part, render_summary, summarise
from allmende.services import models
from allmende.storage import organisations as organisation_store
from allmende.storage import trained_models as store

CHILDREN_SHOWN = 20
# The oldest moment that a zip can hold: the same model gives the same bytes.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class RecordTooOld(NotFound):
    """The record of model {id} is of an older form, which has no {kind}. Train a new version."""


def build_bill(reader: Person, model_id: str) -> dict[str, Any]:
    """Return the bill of materials of a model, as CycloneDX 1.6."""
    return build_bom(_complete(models.get_model(reader, model_id), "bill of materials"))


def summarise_data(reader: Person, model_id: str) -> tuple[Part, ...]:
    """Return the public summary of what a model was trained on, in three parts."""
    model = _complete(models.get_model(reader, model_id), "public summary")
    return summarise(model, provider=_provider(model))


@dataclass(frozen=True, kw_only=True)
class RecordPapers:
    """What the record as a document is made of."""

    model: Model
    summary: tuple[Part, ...]
    provider: str


def gather_record(reader: Person, model_id: str) -> RecordPapers:
    """Return a model with its summary and the name of the organisation that trained it."""
    model = _complete(models.get_model(reader, model_id), "document")
    provider = _provider(model)
    return RecordPapers(model=model, summary=summarise(model, provider=provider), provider=provider)


def _provider(model: Model) -> str:
    return organisation_store.get_organisation(model.organisation_id).name


def _complete(model: Model, kind: str) -> Model:
    if model.record.get("format", 0) < 2:
        raise RecordTooOld(kind=kind, id=model.id)
    return model


def find_lineage(reader: Person, model_id: str) -> LineageGraph:
    """Return where a model comes from, and what was trained further from it as far as it is seen.

    Of parents that are not open to the reader the name stays, which the owner has given.
    """
    model = models.get_model(reader, model_id)
    children = [
        each
        for each in store.list_children(model.id, limit=CHILDREN_SHOWN)
        if models.may_see(reader, each)
    ]
    return draw_graph(model, children=children)


def pack_model(reader: Person, model_id: str, *, into: IO[bytes], backend_of: BackendOf) -> Model:
    """Write a zip with card, record, bill, summary, the files, and the checksums of all.

    Files pass in pieces, so memory does not grow with the model. A file that was changed is
    refused, and what was written until then is to be thrown away.
    """
    model = models.get_model(reader, model_id)
    if not models.may_use(reader, model):
        raise NotFound(kind="model", id=model_id)
    folder, sums = f"{model.id}-v{model.version}", []
    with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _papers(model):
            archive.writestr(_entry(f"{folder}/{name}"), content)
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        for file in model.files:
            name = f"files/{file.name}"
            with archive.open(_entry(f"{folder}/{name}", file.size_bytes), "w") as packed:
                models.copy_model_file(
                    reader, model.id, file.name, into=packed, backend_of=backend_of
                )
            sums.append(f"{file.sha256}  {name}\n")
        archive.writestr(_entry(f"{folder}/SHA256SUMS"), "".join(sums))
    return model


def _entry(name: str, size_bytes: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=ZIP_TIME)
    entry.external_attr = 0o644 << 16
    entry.file_size = size_bytes  # whether it takes the form for large files
    return entry


def _papers(model: Model) -> Iterator[tuple[str, bytes]]:
    papers: dict[str, Any] = {"training-record.json": model.record}
    if model.record.get("format", 0) >= 2:
        papers["bill-of-materials.cdx.json"] = build_bom(model)
        summary = summarise(model, provider=_provider(model))
        papers["public-summary.json"] = render_summary(summary)
    yield "README.md", model.card.encode()
    for name, paper in papers.items():
        yield name, json.dumps(paper, indent=2, ensure_ascii=False).encode()
