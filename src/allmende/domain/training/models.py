"""A model is what a training leaves behind: files with hashes, a card, a record; its owner's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from allmende.domain.training.fields import Fields, Finding


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file of the model, as it was when the training ended."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """A registered model. All rights stay with the organisation that trained it."""

    id: str
    job_id: str
    project_id: str
    organisation_id: str
    name: str
    licence: str  # what the owner chose; empty: nothing was granted to anybody
    created_at: datetime
    files: tuple[ModelFile, ...]
    card: str  # README.md with front matter, as model hubs read it
    record: Mapping[str, Any]  # training-record.json


@dataclass(frozen=True, kw_only=True)
class DataHash:
    """What the training code says about data that it read."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """What only the training code knows; None or empty where it did not say."""

    architecture: str = ""
    parameters: int | None = None
    samples: int | None = None
    seed: int | None = None
    steps: int | None = None
    steps_redone: int | None = None
    flop_useful: int | None = None
    flop_executed: int | None = None
    flop_method: str = ""
    code_sha256: str = ""
    data: tuple[DataHash, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files that a job left, and what two of them say: facts.json and metrics.json."""

    files: tuple[ModelFile, ...]
    facts: TrainingFacts
    metrics: Mapping[str, Any]


COUNTS = ("parameters", "samples", "seed", "steps", "steps_redone", "flop_useful", "flop_executed")
TEXTS = ("architecture", "flop_method", "code_sha256")


def parse_training_facts(value: object) -> TrainingFacts:
    """Read facts.json. It comes from the user's code: what does not fit is a finding, no error."""
    findings: list[Finding] = []
    top = Fields(value if isinstance(value, Mapping) else {}, findings=findings)
    if not isinstance(value, Mapping):
        top.find("facts.json", "{key} takes keys and values.")
    facts: dict[str, Any] = {name: top.text(name) for name in TEXTS}
    facts |= {name: _count(top, name) for name in COUNTS}
    return TrainingFacts(
        **facts,
        data=tuple(_data_hash(item) for item in top.sections("data")),
        versions={name: str(text) for name, text in top.mapping("versions").items()},
        findings=tuple(findings),
    )


def _count(top: Fields, name: str) -> int | None:
    wrong = -1
    count = top.whole(name, wrong, least=0)
    return None if count == wrong else count


def _data_hash(item: Fields) -> DataHash:
    return DataHash(
        name=item.text("name"),
        sha256=item.text("sha256"),
        size_bytes=item.whole("bytes", 0, least=0),
    )
