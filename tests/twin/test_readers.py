"""Every oddity of a trace becomes a finding with its line; nothing is guessed, nothing lost."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.refusals import InvalidInput
from allmende.services import twin
from allmende.twin import swf, tables
from allmende.twin.findings import Findings
from allmende.twin.replay import compiled_clock
from allmende.twin.traces import MachineUnknown, NoJobs, TraceUnreadable
from tests.twin.workshop import HEADER, swf_line, write_swf


def read(path, **rest):
    findings = Findings()
    return twin.read_trace(twin.Question(trace=path, **rest), findings), findings.counts


def test_a_trace_is_read_with_its_machine(tmp_path):
    trace, counts = read(write_swf(tmp_path, [swf_line(1), swf_line(2, submit=5, nodes=8)]))
    assert (trace.machine_nodes, trace.nodes.tolist(), counts) == (8, [1, 8], {})
    packed, _ = read(write_swf(tmp_path, [swf_line(1)], name="trace.swf.gz"))
    assert packed.numbers.tolist() == [1]


ODDITIES = [
    ("too_few_fields", swf_line(2).rsplit(" ", 1)[0]),
    ("too_many_fields", swf_line(2) + " 7"),
    ("not_a_number", swf_line(2).replace("20", "twenty")),
    ("not_a_number", swf_line(2).replace("20", "1e3")),
    ("not_a_number", swf_line(2, run=10**19)),
    ("no_run_time", swf_line(2, run=0)),
    ("no_run_time", " ".join(["2", *["-1"] * 17])),
    ("no_nodes", swf_line(2, nodes=-1)),
    ("no_submission", swf_line(2, submit=-5)),
    ("wider_than_machine", swf_line(2, nodes=9)),
    ("limit_too_long", swf_line(2, limit=2**31)),
]


@pytest.mark.parametrize(("kind", "line"), ODDITIES)
def test_a_line_that_is_no_job_is_left_out_and_named(tmp_path, kind, line):
    path = write_swf(tmp_path, [swf_line(1), line, swf_line(3, submit=9)])
    findings = Findings()
    trace = twin.read_trace(twin.Question(trace=path), findings)
    assert trace.numbers.tolist() == [1, 3]
    assert findings.counts == {kind: 1}
    expected = 2 if kind in ("wider_than_machine", "limit_too_long") else 5
    assert findings.to_json()[0]["lines"] == [expected]


def test_a_run_beyond_its_limit_is_cut_and_a_missing_limit_is_the_run_time(tmp_path):
    lines = [swf_line(1, run=30, limit=20), swf_line(2, run=7, limit=-1)]
    trace, counts = read(write_swf(tmp_path, lines))
    assert (trace.seconds.tolist(), trace.limits.tolist()) == ([20, 7], [20, 7])
    assert counts == {"run_above_limit": 1}


def test_submissions_that_run_backwards_are_sorted_and_ties_keep_their_order(tmp_path):
    lines = [swf_line(1, submit=9), swf_line(2, submit=3), swf_line(3, submit=3)]
    trace, counts = read(write_swf(tmp_path, lines))
    assert trace.numbers.tolist() == [2, 3, 1]
    assert counts == {"submitted_backwards": 1}


def test_a_file_that_ends_in_the_middle_is_used_as_far_as_it_goes(tmp_path):
    lines = [swf_line(number, submit=number, run=number * 7 % 97 + 1) for number in range(4000)]
    whole = gzip.compress((HEADER + "\n".join(lines)).encode())
    path = tmp_path / "cut.swf.gz"
    path.write_bytes(whole[: len(whole) // 2])
    trace, counts = read(path)
    assert 100 < trace.numbers.size < 4000
    assert counts["truncated"] == 1


def test_a_damaged_file_is_refused(tmp_path):
    whole = gzip.compress((HEADER + swf_line(1)).encode())
    (tmp_path / "bad.swf.gz").write_bytes(whole[:20] + b"\xff" * 20)
    with pytest.raises(NoJobs, match="truncated"):
        read(tmp_path / "bad.swf.gz", nodes=8)


def test_packed_parts_one_after_the_other_are_one_trace(tmp_path):
    path = tmp_path / "parts.swf.gz"
    parts = (HEADER, swf_line(1) + "\n", swf_line(2, submit=3) + "\n")
    path.write_bytes(b"".join(gzip.compress(part.encode()) for part in parts))
    trace, counts = read(path)
    assert (trace.numbers.tolist(), counts) == ([1, 2], {})


def test_processors_can_be_packed_into_nodes(tmp_path):
    lines = [swf_line(1, nodes=3), swf_line(2, nodes=8)]
    trace, _ = read(write_swf(tmp_path, lines), processors_per_node=4)
    assert (trace.machine_nodes, trace.nodes.tolist()) == (2, [1, 2])


def test_windows_line_ends_fractions_and_missing_last_newline_are_read(tmp_path):
    path = tmp_path / "odd.swf"
    first = swf_line(1).replace(" 10 ", " 10.9 ")
    path.write_bytes(f"{HEADER}\t {first}\r\n\r\n{swf_line(2, submit=1)}".encode())
    trace, counts = read(path)
    assert (trace.numbers.tolist(), trace.seconds.tolist(), counts) == ([1, 2], [10, 10], {})


@given(text=st.binary(max_size=300))
def test_any_bytes_are_read_alike_plain_and_compiled(text):
    buffer = np.frombuffer(text + b"\n", dtype=np.uint8)
    answers = []
    for parse in (swf.parse_lines, compiled_clock().functions["parse_lines"]):
        rows = np.zeros((text.count(b"\n") + 1, swf.FIELDS), dtype=np.int64)
        kinds, numbers = np.zeros((2, len(rows)), dtype=np.int64)
        count = parse(buffer, rows, kinds, numbers)
        answers.append((count, kinds.tolist(), numbers.tolist()))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("header", "lines", "refusal", "words"),
    [
        ("", [swf_line(1)], MachineUnknown, "--nodes"),
        (HEADER, [], NoJobs, "nothing"),
        (HEADER, [swf_line(1, run=0)], NoJobs, "no_run_time"),
        (HEADER, [swf_line(1, nodes=9)], NoJobs, "wider_than_machine"),
    ],
)
def test_a_trace_without_use_is_refused_with_the_reason(tmp_path, header, lines, refusal, words):
    with pytest.raises(refusal, match=words):
        read(write_swf(tmp_path, lines, header=header))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TraceUnreadable, match="no such file"):
        read(tmp_path / "nowhere.swf")


TABLE = "when,took,gpus,team\n2026-01-01 00:00:10,60.5,2,red\n5,30,1,blue\n,30,1,blue\n7,0,1,red\n"
MAPPING = "submit=when,run=took,nodes=gpus,queue=team"


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text(TABLE)
    trace, counts = read(path, columns=MAPPING, nodes=4)
    assert (trace.numbers.tolist(), trace.seconds.tolist()) == ([3, 2], [30, 60])
    assert trace.arrivals.tolist() == [5, 1_767_225_610]
    assert [trace.labels[queue] for queue in trace.queues] == ["blue", "red"]
    assert counts == {"missing_value": 1, "no_run_time": 1, "submitted_backwards": 1}


def test_a_table_from_a_spreadsheet_is_read_and_its_lines_are_those_of_the_file(tmp_path):
    path = tmp_path / "jobs.csv"
    rows = '-1,10,1,"a\nb"\n3,1e30,1,c\n4,10,1,d\n'
    path.write_bytes(b"\xef\xbb\xbf" + f"s,r,n,q\n{rows}".encode())
    findings = Findings()
    question = twin.Question(trace=path, columns="submit=s,run=r,nodes=n,queue=q", nodes=4)
    trace = twin.read_trace(question, findings)
    assert trace.arrivals.tolist() == [4]
    assert findings.examples == {"no_submission": [3], "missing_value": [4]}


@pytest.mark.parametrize(
    ("columns", "nodes", "refusal", "words"),
    [
        (MAPPING, None, MachineUnknown, "--nodes"),
        (MAPPING.replace("gpus", "cards"), 4, TraceUnreadable, "no column cards; it has when"),
        ("submit=when", 4, InvalidInput, "run, nodes must be mapped"),
        ("submit", 4, InvalidInput, "NAME=COLUMN"),
        ("", 4, InvalidInput, "NAME=COLUMN"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused(tmp_path, columns, nodes, refusal, words):
    path = tmp_path / "jobs.csv"
    path.write_text(TABLE)
    with pytest.raises(refusal, match=words):
        read(path, columns=columns, nodes=nodes)


def test_this_factory_replays_its_own_evidence(tmp_path):
    at = "2026-01-01T00:00:{:02}Z"
    jobs = [
        {
            "id": name,
            "group_id": group,
            "project_id": "p",
            "submitted_at": at.format(second),
            "request": {"nodes": 2, "time_limit_seconds": 9},
        }
        for name, group, second in (("j-1", "sme", 1), ("j-2", "science", 2), ("j-3", "sme", 3))
    ]
    attempts = [
        {"job_id": "j-1", "started_at": at.format(1), "ended_at": at.format(3)},
        {"job_id": "j-1", "started_at": at.format(5), "ended_at": at.format(9)},
        {"job_id": "j-2", "started_at": at.format(5), "ended_at": at.format(9)},
        {"job_id": "j-3", "started_at": None, "ended_at": at.format(9)},
    ]
    for name, rows in (("jobs", jobs), ("attempts", attempts)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    trace, counts = read(tmp_path, nodes=4)
    assert trace.seconds.tolist() == [6, 4]
    assert [trace.labels[queue] for queue in trace.queues] == ["sme", "science"]
    assert counts == {"no_run_time": 1}
    with pytest.raises(MachineUnknown):
        read(tmp_path)
    (tmp_path / "jobs.jsonl").write_text("{")
    with pytest.raises(TraceUnreadable):
        read(tmp_path, nodes=4)


def test_a_cut_off_table_is_refused(tmp_path):
    path = tmp_path / "jobs.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode() * 50)[:40])
    with pytest.raises(TraceUnreadable):
        read(path, columns=MAPPING, nodes=4)
    assert tables.NEEDED == ("submit", "run", "nodes")
