"""The public summary of training content, in the three parts of the European template of 2025.

It is AI-Act-style and voluntary: it says what the record knows and what nobody said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.models import DATA_KINDS, Model
from allmende.domain.training.phrases import find_phrases

KIND_WORDS: Mapping[str, Sentence] = {
    "public": Sentence("Publicly available data sets"),
    "licensed": Sentence("Data licensed from others"),
    "crawled": Sentence("Data crawled from the web"),
    "user": Sentence("Data of users"),
    "synthetic": Sentence("Synthetic data"),
    "other": Sentence("Other data"),
}
UNSAID = Sentence("not said")

Say = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry; the value is a fact, or a sentence."""

    key: str  # for programs
    label: Sentence
    value: str | int | Sentence


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the three parts."""

    key: str
    title: Sentence
    lines: tuple[Line, ...]


def summarise(model: Model, *, provider: str) -> tuple[Part, ...]:
    """Return the three parts: general, list of sources, processing."""
    return (
        Part(
            key="general",
            title=Sentence("1 General information"),
            lines=_general(model, provider),
        ),
        Part(key="sources", title=Sentence("2 List of data sources"), lines=_sources(model.record)),
        Part(
            key="processing", title=Sentence("3 Data processing"), lines=_processing(model.record)
        ),
    )


def _general(model: Model, provider: str) -> tuple[Line, ...]:
    record = model.record
    sizes = [row.get("bytes") for row in record["data"]]
    counts = [row.get("records") for row in record["data"]]
    parents = ", ".join(row["name"] for row in record["lineage"]["parents"])
    rows: tuple[tuple[str, Sentence, Any], ...] = (
        ("provider", Sentence("Provider"), provider),
        ("model", Sentence("Model and version"), model.label),
        ("trained_on", Sentence("Trained on"), model.created_at.date().isoformat()),
        ("depends_on", Sentence("Trained further from"), parents or Sentence("nothing")),
        ("task", Sentence("Task"), record["model"]["task"]),
        ("records", Sentence("Records of training data"), _sum(counts)),
        ("bytes", Sentence("Bytes of training data"), _sum(sizes)),
        ("licence", Sentence("Licence of the model"), model.licence),
    )
    return tuple(Line(key=key, label=label, value=value or UNSAID) for key, label, value in rows)


def _sum(values: list[Any]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _sources(record: Mapping[str, Any]) -> tuple[Line, ...]:
    lines = []
    for kind in DATA_KINDS:
        rows = [row for row in record["data"] if _kind_of(row) == kind]
        told = _tell(record, rows, _name)
        lines.append(Line(key=kind, label=KIND_WORDS[kind], value=told or Sentence("none")))
    unsaid = [row for row in record["data"] if _kind_of(row) not in DATA_KINDS]
    if unsaid or not record["data"]:
        told = _tell(record, unsaid, _name)
        lines.append(
            Line(key="unsaid", label=Sentence("Of a kind that nobody said"), value=told or UNSAID)
        )
    return tuple(lines)


def _kind_of(row: Mapping[str, Any]) -> str:
    return str(row.get("kind") or "")


def _tell(
    record: Mapping[str, Any], rows: list[Any], tell_row: Callable[[Any, Say], str]
) -> str | Sentence:
    """Return rows as one text, in both languages where they differ."""
    english, german = (
        "; ".join(tell_row(row, find_phrases(record, language)) for row in rows)
        for language in ("en", "de")
    )
    if english == german:
        return english
    return Sentence("{told}", {"told": {"en": english, "de": german}})


def _name(row: Mapping[str, Any], say: Say) -> str:
    facts = [row["name"], row.get("origin"), row.get("licence")]
    return ", ".join(say(str(each)) for each in facts if each)


def _processing(record: Mapping[str, Any]) -> tuple[Line, ...]:
    data = record["data"]
    personal = [row.get("personal_data") for row in data]
    if any(personal):
        told = Sentence("yes")
    else:
        told = Sentence("no") if data and None not in personal else UNSAID
    return (
        Line(
            key="rights",
            label=Sentence("Rights of others, and what they reserved"),
            value=_join(record, "licence"),
        ),
        Line(key="curation", label=Sentence("What was left out"), value=_join(record, "curation")),
        Line(key="bias", label=Sentence("Known bias"), value=_join(record, "bias")),
        Line(key="personal_data", label=Sentence("Personal data"), value=told),
    )


def _join(record: Mapping[str, Any], key: str) -> str | Sentence:
    def tell_row(row: Mapping[str, Any], say: Say) -> str:
        return f"{say(row['name'])}: {say(row[key])}"

    return _tell(record, [row for row in record["data"] if row.get(key)], tell_row) or UNSAID


def render_summary(parts: tuple[Part, ...]) -> dict[str, Any]:
    """Return the summary for programs, in English."""
    return {
        part.key: {
            line.key: line.value.english() if isinstance(line.value, Sentence) else line.value
            for line in part.lines
        }
        for part in parts
    }
