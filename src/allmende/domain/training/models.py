"""A model is what a training leaves behind: files with hashes, a card, a record; its owner's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.fields import Fields, Finding
from allmende.domain.training.privacy import PrivacyFacts, parse_privacy

LONGEST_LICENCE = 100


class Visibility(StrEnum):
    """Who may read a model's card and record and take its files; the owner alone decides."""

    PROJECT = "project"  # the organisation that trained it, and the members of the project
    FACTORY = "factory"  # whoever is signed in
    PUBLIC = "public"  # everybody


class SharedWithoutLicence(Refusal):
    """The model has no licence, so nobody could use what you share. Name a licence with it."""

    status = 422


class ModelRemembersPeople(Refusal):
    """The model was trained on {data_class} data and may remember people in them. It stays within
    its project."""

    status = 422


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
    family: str  # versions of one model share it, within a project
    version: int  # from 1, in the order of registration
    parents: tuple[str, ...] = ()  # models that it was trained further from
    visibility: Visibility = Visibility.PROJECT
    keep_until: date | None = None  # after this day its files are deleted; None: they stay
    deletion_asked_at: datetime | None = None  # it may take until a site far away confirms it
    deleted_at: datetime | None = None  # when its files were; card and record stay
    licence: str  # what the owner chose; empty: nothing was granted to anybody
    created_at: datetime
    files: tuple[ModelFile, ...]
    card: str  # README.md with front matter, as model hubs read it
    record: Mapping[str, Any]  # training-record.json

    @property
    def is_kept(self) -> bool:
        """Say whether its files are there, and nobody asked to delete them."""
        return self.deletion_asked_at is None and self.deleted_at is None

    @property
    def label(self) -> str:
        """Return its family and version, as people call it."""
        return f"{self.family} v{self.version}"

    @property
    def size_bytes(self) -> int:
        """Return the size of all its files."""
        return sum(file.size_bytes for file in self.files)


def check_sharing(visibility: Visibility, *, licence: str, data_class: str) -> None:
    """Refuse to share what nobody may use, or what remembers people."""
    if visibility is Visibility.PROJECT:
        return
    if not licence:
        raise SharedWithoutLicence()
    if data_class in (DataClass.PERSONAL, DataClass.HEALTH):
        raise ModelRemembersPeople(data_class=data_class)


@dataclass(frozen=True, kw_only=True)
class DataHash:
    """What the training code says about data that it read."""

    name: str
    sha256: str
    size_bytes: int
    origin: str = ""
    licence: str = ""
    kind: str = ""  # one of DATA_KINDS; empty: not said
    records: int | None = None
    personal_data: bool | None = None
    curation: str = ""
    bias: str = ""


@dataclass(frozen=True, kw_only=True)
class HardwareFacts:
    """What the training code measured of the hardware; None where it did not."""

    peak_teraflops: Decimal | None = None  # of one device
    utilisation_percent: Decimal | None = None  # mean, without recomputed activations


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
    hardware: HardwareFacts = HardwareFacts()
    privacy: PrivacyFacts | None = None  # None: the training was not differentially private
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
# The groups of the European template for the public summary of training content.
DATA_KINDS = ("public", "licensed", "crawled", "user", "synthetic", "other")


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
        hardware=_hardware(top.section("hardware")),
        privacy=parse_privacy(top.section("privacy")),
        versions={name: str(text) for name, text in top.mapping("versions").items()},
        findings=tuple(findings),
    )


def _count(top: Fields, name: str) -> int | None:
    wrong = -1
    count = top.whole(name, wrong, least=0)
    return None if count == wrong else count


def _hardware(section: Fields) -> HardwareFacts:
    return HardwareFacts(
        peak_teraflops=_amount(section, "peak_teraflops", most=10**6),
        utilisation_percent=_amount(section, "utilisation_percent", most=100),
    )


def _amount(section: Fields, name: str, *, most: int) -> Decimal | None:
    value = section.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        section.find(name, "{key} takes a number above 0, up to {most}.", most=most)
        return None
    return Decimal(str(value))


def _data_hash(item: Fields) -> DataHash:
    personal = item.get("personal_data")
    return DataHash(
        origin=item.text("origin"),
        licence=item.text("licence"),
        kind=item.choice("kind", DATA_KINDS, "") if item.has("kind") else "",
        records=_count(item, "records"),
        personal_data=personal if isinstance(personal, bool) else None,
        curation=item.text("curation"),
        bias=item.text("bias"),
        name=item.text("name"),
        sha256=item.text("sha256"),
        size_bytes=item.whole("bytes", 0, least=0),
    )
