"""A promise is kept, broken, or without evidence: never kept because nobody looked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.canonical import parse_instant

# How many records a result names: what breaks a promise first, then what keeps it.
ROWS_MAX = 50


class Verdict(StrEnum):
    """What the evidence says of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    NO_EVIDENCE = "no_evidence"


@dataclass(frozen=True, kw_only=True)
class EvidenceRow:
    """One record, what it says, and whether it keeps the promise."""

    record: str  # "attempt j-7k2m9x4q.1"
    says: Sentence
    is_kept: bool


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What an evaluation found. Without rows there is no evidence."""

    value: Sentence
    rows: tuple[EvidenceRow, ...] = ()
    figures: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PromiseResult:
    """Target, value, verdict, and the records that prove it."""

    promise_id: str
    title: Sentence
    promised_to: Sentence
    source: Sentence
    target: Sentence
    value: Sentence
    verdict: Verdict
    checked: int  # how many records were looked at
    broken: int  # how many of them break the promise
    rows: tuple[EvidenceRow, ...] = ()
    figures: Mapping[str, int | str] = field(default_factory=dict)
    evaluated_at: datetime


def judge(rows: Iterable[EvidenceRow]) -> Verdict:
    """Return the verdict that the rows call for: one that breaks the promise breaks it."""
    verdict = Verdict.NO_EVIDENCE
    for row in rows:
        if not row.is_kept:
            return Verdict.BROKEN
        verdict = Verdict.KEPT
    return verdict


def choose_rows(rows: Iterable[EvidenceRow]) -> tuple[EvidenceRow, ...]:
    """Return the rows to show: those that break the promise first, in a fixed order."""
    return tuple(sorted(rows, key=lambda row: (row.is_kept, row.record)))[:ROWS_MAX]


def parse_result(value: Mapping[str, Any]) -> PromiseResult:
    """Read a result back from the object that its canonical JSON holds."""
    sentences = ("title", "promised_to", "source", "target", "value")
    rows = (
        EvidenceRow(**{**row, "says": Sentence.from_json(row["says"])}) for row in value["rows"]
    )
    return PromiseResult(
        **{
            **value,
            **{name: Sentence.from_json(value[name]) for name in sentences},
            "verdict": Verdict(value["verdict"]),
            "rows": tuple(rows),
            "evaluated_at": parse_instant(value["evaluated_at"]),
        }
    )
