"""An anchor is an audit event that holds the digest of finished records, long before an export.

Whoever changes a record in the database afterwards cannot hide it: the anchor stands in the
chain, and every later event stands on the anchor.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import canonical, records
from allmende.domain.trust.audit import AuditEvent, Finding
from allmende.domain.trust.records import Record, Records

ANCHORED = "evidence.anchored"

# The field that is set once a record changes no more; "" where it never does.
FINISHED: Mapping[str, str] = {
    records.TRANSFERS: "",
    records.JOBS: "ended_at",
    records.ATTEMPTS: "settled_at",
    records.CYCLES: "",
    records.APPLICATIONS: "decided_at",
    records.TRAININGS: "model_id",
}


def is_finished(file: str, record: Record) -> bool:
    """Say whether a record changes no more."""
    return not FINISHED[file] or bool(record[FINISHED[file]])


def make_anchors(written: Records, events: Iterable[AuditEvent]) -> dict[str, dict[str, Any]]:
    """Return the anchors of all finished records that no event holds yet, by file."""
    held = _held_ids(events)
    anchors = {}
    for file, key in records.KEYS.items():
        new = [
            record
            for record in written[file]
            if is_finished(file, record) and record[key] not in held[file]
        ]
        if new:
            anchors[file] = {"ids": [record[key] for record in new], "sha256": _digest(new)}
    return anchors


def check_anchors(written: Records, events: Iterable[AuditEvent]) -> Iterator[Finding]:
    """Yield every record that is not as it was when it was anchored, or was never anchored."""
    events = list(events)
    for file, key in records.KEYS.items():
        held: set[Any] = set()
        for event in _anchor_events(events):
            ids = _ids(event, file)
            yield from _check_anchor(event, file, written, again=held & set(ids))
            held |= set(ids)
        for record in written[file]:
            if is_finished(file, record) and record[key] not in held:
                yield _finding(file, record[key], NEVER)


NEVER = Sentence("{id} is finished, but no event holds its digest")
AGAIN = Sentence("{id} was anchored twice")
GONE = Sentence("{id} is missing; event {number} holds its digest")
CHANGED = Sentence("a record that event {number} holds was changed or moved")


def _check_anchor(
    event: AuditEvent, file: str, written: Records, *, again: set[Any]
) -> Iterator[Finding]:
    anchor = _anchor_of(event, file)
    if not anchor:
        return
    wanted = set(_ids(event, file))
    key = records.KEYS[file]
    found = [record for record in written[file] if record[key] in wanted]
    for record_id in sorted(again, key=str):
        yield _finding(file, record_id, AGAIN)
    for record_id in sorted(wanted - {record[key] for record in found}, key=str):
        yield _finding(file, record_id, GONE, number=event.number)
    if len(found) == len(wanted) and _digest(found) != anchor["sha256"]:
        yield _finding(file, "", CHANGED, number=event.number)


def _anchor_events(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    return [event for event in events if event.action == ANCHORED]


def _held_ids(events: Iterable[AuditEvent]) -> dict[str, set[Any]]:
    held: dict[str, set[Any]] = {file: set() for file in records.KEYS}
    for event in _anchor_events(events):
        for file in held:
            held[file] |= set(_ids(event, file))
    return held


def _anchor_of(event: AuditEvent, file: str) -> dict[str, Any]:
    files = event.facts["files"]
    assert isinstance(files, dict), "an anchor names its files"
    anchor = files.get(file, {})
    assert isinstance(anchor, dict), "each file has ids and a digest"
    return anchor


def _ids(event: AuditEvent, file: str) -> list[Any]:
    ids = _anchor_of(event, file).get("ids", [])
    assert isinstance(ids, list), "an anchor lists what it holds"
    return ids


def _digest(found: list[Record]) -> str:
    return canonical.digest("\n".join(records.render_records(found)))


def _finding(file: str, record_id: Any, kind: Sentence, **facts: Any) -> Finding:
    problem = Sentence(kind.template, {"id": record_id, **facts})
    return Finding(place=f"{file} {record_id}".strip(), problem=problem)
