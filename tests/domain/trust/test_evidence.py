"""Whatever is done to an exported folder, `verify` finds it."""

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from allmende.domain.trust import audit, canonical, evidence, records
from allmende.domain.trust.audit import parse_event
from allmende.domain.trust.promises import PROMISES
from allmende.domain.trust.verdicts import Verdict, parse_result
from tests.domain.trust import evidence_world as world
from tests.domain.trust.evidence_world import Folder

TRUE_EXPORT = world.an_export()


def verify(folder: Folder, *, head_hash: str = "") -> evidence.Verification:
    return evidence.verify(folder.files, folder.manifest, head_hash=head_hash)


def a_copy() -> Folder:
    return copy.deepcopy(TRUE_EXPORT)


def mend_manifest(folder: Folder) -> None:
    """Do what a forger does first: let the manifest fit the files."""
    folder.manifest["files"] = evidence.describe_files(folder.files)
    if folder.files[records.EVENTS]:
        last = json.loads(folder.files[records.EVENTS][-1])
        folder.manifest["head"] = {"number": last["number"], "hash": last["hash"]}


def mend_last_event(folder: Folder) -> None:
    """Do what a forger does next: let the last event hold the digests of the forged files."""
    last = parse_event(json.loads(folder.files[records.EVENTS][-1]))
    others = {n: lines for n, lines in folder.files.items() if n != records.EVENTS}
    facts = {**last.facts, "files": evidence.describe_files(others)}
    last = replace(last, facts=facts)
    last = replace(last, hash=audit.hash_of(last))
    folder.files[records.EVENTS][-1] = canonical.render(last)
    mend_manifest(folder)


def test_a_true_export_has_no_findings_and_no_broken_promise():
    verification = verify(TRUE_EXPORT, head_hash=TRUE_EXPORT.manifest["head"]["hash"])
    assert verification.findings == ()
    assert verification.is_clean
    assert verification.head.number == len(TRUE_EXPORT.files[records.EVENTS])
    verdicts = {result.promise_id: result.verdict for result in verification.results}
    no_meter = {"renewable-power", "heat-used"}
    assert {p for p, v in verdicts.items() if v is Verdict.NO_EVIDENCE} == no_meter
    assert {p for p, v in verdicts.items() if v is Verdict.KEPT} == {
        promise.id for promise in PROMISES if promise.id not in no_meter
    }


def test_the_export_tells_no_names_and_no_job_files():
    everything = json.dumps(TRUE_EXPORT.files)
    assert "secret name" not in everything
    assert "The node died." not in everything


def test_a_result_reads_back_from_its_line():
    for line in TRUE_EXPORT.files[records.PROMISES]:
        assert canonical.render(parse_result(json.loads(line))) == line


file_names = st.sampled_from(records.FILES)


def leaves(value, path=()):
    """Yield the path of every single value in a record."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def change_value(record, path):
    """Return the record with one value changed to another of its kind."""
    record = copy.deepcopy(record)
    place = record
    for step in path[:-1]:
        place = place[step]
    old = place[path[-1]]
    place[path[-1]] = {
        bool: lambda: not old,
        int: lambda: old + 1,
        float: lambda: old + 0.5,
        str: lambda: old + "x",
    }.get(type(old), lambda: 1)()
    return record


@st.composite
def forged_folders(draw: st.DrawFn) -> Folder:
    """Return a folder in which one line was changed, removed, moved, doubled or invented."""
    folder = a_copy()
    lines = folder.files[draw(file_names)]
    index = draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(["change", "remove", "move", "double", "invent"]))
    note(f"{kind} line {index + 1}: {lines[index][:200]}")
    if kind == "change":
        record = json.loads(lines[index])
        path = draw(st.sampled_from(list(leaves(record))))
        lines[index] = canonical.render(change_value(record, path))
    elif kind == "remove":
        del lines[index]
    elif kind == "move":
        lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(index))
    elif kind == "double":
        lines.insert(draw(st.integers(0, len(lines))), lines[index])
    else:
        record = json.loads(lines[index])
        path = draw(st.sampled_from(list(leaves(record))))
        lines.insert(index, canonical.render(change_value(record, path)))
    return folder


@pytest.mark.slow
@given(folder=forged_folders(), is_mended=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_forged_line_is_found_even_when_the_manifest_fits(folder, is_mended):
    if is_mended:
        mend_manifest(folder)
    is_untouched = folder.files == TRUE_EXPORT.files  # a line may be moved to where it was
    assert verify(folder).is_clean == is_untouched


# With a new last event, only what was anchored before the export is safe, without a noted head.
ANCHORED_FILES = (
    records.TRANSFERS,
    records.ATTEMPTS,
    records.CYCLES,
    records.APPLICATIONS,
    records.TRAININGS,
)


@pytest.mark.parametrize("file", ANCHORED_FILES)
@pytest.mark.parametrize("kind", ["change", "remove", "double", "invent", "reverse"])
def test_a_record_that_was_anchored_is_safe_even_from_a_forged_export(file, kind):
    folder = a_copy()
    lines = folder.files[file]
    first = json.loads(lines[0])
    path = (records.KEYS[file],)
    if kind == "change":
        other = next(p for p in leaves(first) if p != path and p[0] not in ("at", "snapshot"))
        lines[0] = canonical.render(change_value(first, other))
    elif kind == "remove":
        del lines[0]
    elif kind == "double":
        lines.append(lines[0])
    elif kind == "invent":
        lines.append(canonical.render(change_value(first, path)))
    elif len(lines) > 1:
        lines.reverse()
    else:
        return
    mend_last_event(folder)
    assert not verify(folder).is_clean


@pytest.mark.slow
@given(folder=forged_folders())
@settings(max_examples=60, deadline=None)
def test_a_folder_forged_as_a_whole_is_found_by_the_head_that_somebody_noted(folder):
    try:
        mend_last_event(folder)
    except evidence.UNREADABLE:
        mend_manifest(folder)
    noted = TRUE_EXPORT.manifest["head"]["hash"]
    # A forged digest in the last event is mended to what it was.
    is_as_it_was = folder.files == TRUE_EXPORT.files
    assert verify(folder, head_hash=noted).is_clean == is_as_it_was


@pytest.mark.parametrize("name", records.FILES)
def test_a_missing_file_is_found(name):
    folder = a_copy()
    del folder.files[name]
    assert f"{name}: the file is missing" in findings(folder)


def findings(folder: Folder) -> list[str]:
    return [f"{f.place}: {f.problem}" for f in verify(folder).findings]


def test_a_foreign_file_is_found():
    folder = a_copy()
    folder.files["more.jsonl"] = []
    assert findings(folder)[0] == "more.jsonl: the file does not belong to the evidence"


def test_a_line_that_is_no_record_is_found_with_its_number():
    for nonsense in ("{", "[]", '{"a": 1}', '{"b":1,"a":1}', "[" * 5000):
        folder = a_copy()
        folder.files[records.JOBS][1] = nonsense
        assert "jobs.jsonl:2: the line is no record in canonical form" in findings(folder)


def test_an_event_without_its_fields_is_found():
    folder = a_copy()
    folder.files[records.EVENTS][1] = "{}"
    assert "events.jsonl:2: the line is no record in canonical form" in findings(folder)


def test_an_unknown_format_is_found():
    folder = a_copy()
    folder.manifest["format"] = 2
    assert findings(folder) == ["manifest.json: the manifest has the format 2, not 1"]


def test_a_manifest_without_anything_is_found():
    folder = a_copy()
    folder.manifest = {"files": []}
    assert len(findings(folder)) == len(records.FILES) + 2


def test_an_empty_folder_is_no_evidence():
    verification = evidence.verify(dict.fromkeys(records.FILES, ()), {})
    assert not verification.is_clean
    assert verification.head.number == 0
    assert verification.results == ()


def test_a_record_that_cannot_be_read_is_named_and_does_not_stop_the_rest():
    folder = a_copy()
    record = json.loads(folder.files[records.ATTEMPTS][0])
    del record["settled_at"]
    folder.files[records.ATTEMPTS][0] = canonical.render(record)
    mend_last_event(folder)
    said = findings(folder)
    assert "events: a record cannot be read (KeyError), so not all could be recomputed" in said
    assert "attempts.jsonl: a record that event 12 holds was changed or moved" in said
    assert "promises: a record cannot be read (KeyError), so not all could be recomputed" in said


def rewrite(folder: Folder, file: str, index: int, **changes) -> Folder:
    record = json.loads(folder.files[file][index])
    folder.files[file][index] = canonical.render({**record, **changes})
    mend_last_event(folder)
    return folder


def test_each_kind_of_contradiction_is_said_in_words():
    said = findings(rewrite(a_copy(), records.ATTEMPTS, 0, used_seconds=29))
    assert "attempts.jsonl: a record that event 12 holds was changed or moved" in said
    assert (
        "attempts.jsonl j-1.1: j-1.1: event 10 says 30 for used_seconds, the record says 29" in said
    )
    said = findings(rewrite(a_copy(), records.TRANSFERS, 0, amount_seconds=5001))
    assert (
        "ledger_transfers.jsonl event 1: the transfers of event 1 are not those that it recorded"
        in said
    )
    said = findings(rewrite(a_copy(), records.PROMISES, 0, broken=1))
    assert said == ["promises.jsonl: the evidence gives another result for sme-guarantee"]
    said = findings(rewrite(a_copy(), records.JOBS, 1, project_id="pr-2"))
    assert said == ["jobs.jsonl j-2: j-2: event 9 says pr-1 for project, the record says pr-2"]


def test_an_event_told_once_more_is_found():
    written = world.records_of_the_story()
    chain = world.events_of_the_story(written)
    told = next(each for each in chain.events if each.action == "job.submitted")
    chain.record(told.action, told.subject, **told.facts)
    written[records.EVENTS] = [world.plain(each) for each in chain.events]
    assert f"jobs.jsonl j-1: event {len(chain.events)} tells of j-1 once more" in findings(
        world.seal(written, chain)
    )


def test_another_head_than_the_one_that_somebody_noted_is_found():
    (found, *_) = verify(TRUE_EXPORT, head_hash="0" * 64).findings
    assert (found.place, found.problem.facts["expected"]) == (records.EVENTS, "0" * 64)


def test_a_balance_that_the_transfers_do_not_make_is_found():
    said = findings(rewrite(a_copy(), records.ACCOUNTS, 1, balance_seconds=1))
    assert any("The transfers make 4000 s, the balance says 1 s." in line for line in said)


def test_a_plan_that_the_kernel_does_not_make_breaks_its_promise():
    folder = a_copy()
    cycle = json.loads(folder.files[records.CYCLES][0])
    cycle["plan"]["starts"].reverse()
    said = findings(rewrite(folder, records.CYCLES, 0, plan=cycle["plan"]))
    assert "promises.jsonl: the evidence gives another result for plans-replay" in said


def test_a_promise_left_out_is_found():
    folder = a_copy()
    del folder.files[records.PROMISES][-1]
    mend_last_event(folder)
    assert findings(folder) == [
        "promises.jsonl: 14 promise results stand here, the evidence gives 15"
    ]


def test_a_chain_that_does_not_end_with_the_export_is_found():
    folder = a_copy()
    del folder.files[records.EVENTS][-1]
    mend_manifest(folder)
    assert "events.jsonl: the chain does not end with the event of the export" in findings(folder)
