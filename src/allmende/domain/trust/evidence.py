"""Exported evidence: plain files that anybody recomputes without a database.

Each line is one record in canonical JSON. The last event of the chain holds the digest of every
other file, and the manifest holds the head of the chain: whoever noted that head earlier, or
elsewhere, can trust everything that hangs from it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import anchors, canonical, records
from allmende.domain.trust.audit import AuditEvent, Finding, Head, parse_event, verify_chain
from allmende.domain.trust.gathering import find_in_ledger, gather_evidence
from allmende.domain.trust.promises import evaluate_promises
from allmende.domain.trust.records import Record, Records
from allmende.domain.trust.testimonies import check_testimonies
from allmende.domain.trust.verdicts import PromiseResult

FORMAT = 1
MANIFEST = "manifest.json"
EXPORTED = "evidence.exported"

Files: TypeAlias = Mapping[str, Sequence[str]]

# What reading a record raises when somebody wrote something else in its place.
UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was recomputed, and everything that does not fit; no findings: all is as it was."""

    findings: tuple[Finding, ...]
    lines: Mapping[str, int]
    head: Head
    results: tuple[PromiseResult, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.findings


def digest_file(lines: Iterable[str]) -> str:
    """Return the SHA-256 of a file of these lines, as `sha256sum` prints it."""
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode() + b"\n")
    return total.hexdigest()


def describe_files(files: Files) -> dict[str, dict[str, Any]]:
    """Return the number of lines and the digest of each file."""
    return {
        name: {"lines": len(lines), "sha256": digest_file(lines)} for name, lines in files.items()
    }


def write_manifest(files: Files, *, head: Head, exported_at: str) -> Record:
    """Return what the manifest says."""
    return {
        "format": FORMAT,
        "exported_at": exported_at,
        "files": describe_files(files),
        "head": {"number": head.number, "hash": head.hash},
    }


def verify(files: Files, manifest: Record, *, head_hash: str = "") -> Verification:
    """Recompute everything: digests, chain, anchors, ledger, plans, promises.

    `head_hash` is the head that the reader noted from another source; without it a folder that
    somebody forged as a whole, chain included, cannot be told from a true one.
    """
    lines = {name: len(content) for name, content in files.items()}
    findings = list(_check_files(files, manifest))
    written: dict[str, list[Record]] = {}
    for name in records.FILES:
        written[name] = []
        findings += _read_file(name, files.get(name, ()), into=written[name])
    events, unread = _read_events(written[records.EVENTS])
    findings += unread
    head = Head(number=events[-1].number, hash=events[-1].hash) if events else Head()
    findings += verify_chain(events)
    findings += _check_head(head, manifest, head_hash)
    findings += _check_export(files, events)
    findings += _guarded("anchors", lambda: anchors.check_anchors(written, events))
    findings += _guarded("events", lambda: check_testimonies(written, events))
    findings += _guarded("ledger", lambda: find_in_ledger(written))
    results: list[PromiseResult] = []
    findings += _guarded("promises", lambda: _check_promises(written, events, into=results))
    return Verification(findings=tuple(findings), lines=lines, head=head, results=tuple(results))


MISSING_FILE = Sentence("the file is missing")
UNKNOWN_FILE = Sentence("the file does not belong to the evidence")
WRONG_DIGEST = Sentence("the file is not the one of the manifest")
WRONG_FORMAT = Sentence("the manifest has the format {format}, not {known}")
NOT_CANONICAL = Sentence("the line is no record in canonical form")
NO_EXPORT = Sentence("the chain does not end with the event of the export")
NOT_EXPORTED = Sentence("the file is not the one that was exported: its digest differs")
WRONG_HEAD = Sentence("the chain ends with {found}, not with {expected}")
UNREADABLE_RECORD = Sentence("a record cannot be read ({error}), so not all could be recomputed")
OTHER_RESULT = Sentence("the evidence gives another result for {promise}")
OTHER_PROMISES = Sentence("{found} promise results stand here, the evidence gives {expected}")


def _check_files(files: Files, manifest: Record) -> Iterator[Finding]:
    if manifest.get("format") != FORMAT:
        yield _finding(MANIFEST, WRONG_FORMAT, format=str(manifest.get("format")), known=FORMAT)
    listed = manifest.get("files")
    listed = listed if isinstance(listed, dict) else {}
    described = describe_files(files)
    for name in sorted(set(records.FILES) | files.keys() | listed.keys()):
        if name not in records.FILES:
            yield _finding(name, UNKNOWN_FILE)
        elif name not in files:
            yield _finding(name, MISSING_FILE)
        elif described[name] != listed.get(name):
            yield _finding(name, WRONG_DIGEST)


def _read_file(name: str, lines: Sequence[str], *, into: list[Record]) -> Iterator[Finding]:
    for number, line in enumerate(lines, start=1):
        record = _parse(line)
        if record is None:
            yield _finding(f"{name}:{number}", NOT_CANONICAL)
        else:
            into.append(record)


def _parse(line: str) -> Record | None:
    try:
        record = json.loads(line)
        is_canonical = canonical.render(record) == line
    except (ValueError, RecursionError):
        return None
    return record if is_canonical and isinstance(record, dict) else None


def _read_events(written: Iterable[Record]) -> tuple[list[AuditEvent], list[Finding]]:
    events, findings = [], []
    for number, record in enumerate(written, start=1):
        try:
            events.append(parse_event(record))
        except UNREADABLE:
            findings.append(_finding(f"{records.EVENTS}:{number}", NOT_CANONICAL))
    return events, findings


def _check_head(head: Head, manifest: Record, head_hash: str) -> Iterator[Finding]:
    if manifest.get("head") != {"number": head.number, "hash": head.hash}:
        yield _finding(MANIFEST, WRONG_HEAD, found=head.hash, expected=str(manifest.get("head")))
    if head_hash and head.hash != head_hash:
        yield _finding(records.EVENTS, WRONG_HEAD, found=head.hash, expected=head_hash)


def _check_export(files: Files, events: Sequence[AuditEvent]) -> Iterator[Finding]:
    if not events or events[-1].action != EXPORTED:
        yield _finding(records.EVENTS, NO_EXPORT)
        return
    exported = events[-1].facts.get("files")
    exported = exported if isinstance(exported, dict) else {}
    others = {name: lines for name, lines in files.items() if name != records.EVENTS}
    described = describe_files(others)
    for name in sorted(described.keys() | exported.keys()):
        if described.get(name) != exported.get(name):
            yield _finding(name, NOT_EXPORTED)


def _guarded(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a check finds; a record that is none must not keep the others from being read."""
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except UNREADABLE as error:
        findings.append(_finding(name, UNREADABLE_RECORD, error=type(error).__name__))
    return findings


def _check_promises(
    written: Records, events: Sequence[AuditEvent], *, into: list[PromiseResult]
) -> Iterator[Finding]:
    """Judge the promises anew, by the evidence as it stood when it was exported."""
    if not events:
        return
    before = {**written, records.EVENTS: written[records.EVENTS][:-1]}
    into += evaluate_promises(gather_evidence(before, at=events[-1].at))
    recorded = written[records.PROMISES]
    if len(recorded) != len(into):
        counts = {"found": len(recorded), "expected": len(into)}
        yield _finding(records.PROMISES, OTHER_PROMISES, **counts)
    for result, record in zip(into, recorded, strict=False):
        if canonical.to_json(result) != record:
            yield _finding(records.PROMISES, OTHER_RESULT, promise=result.promise_id)


def _finding(place: str, kind: Sentence, **facts: Any) -> Finding:
    return Finding(place=place, problem=Sentence(kind.template, facts))
