"""The pure parsers of Slurm's answers, on recorded and composed ones of 22.05 to 25.11."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.backends.slurm import answers
from allmende.backends.slurm.accounting import (
    SACCT_FIELDS,
    is_final,
    parse_sacct,
    parse_sacct_json,
    sacct_options,
)
from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.node_lists import expand_nodes
from allmende.backends.slurm.queue import parse_jobs_json, parse_squeue, squeue_options
from allmende.backends.slurm.tres import count_gpus, parse_tres

RECORDINGS = Path(__file__).parent / "recordings"
SACCT = {
    path.name: parse_sacct if path.suffix == ".txt" else parse_sacct_json
    for path in sorted(RECORDINGS.glob("sacct-*.*"))
}
SQUEUE = {
    path.name: parse_squeue if path.suffix == ".txt" else parse_jobs_json
    for path in sorted(RECORDINGS.glob("squeue-*.*"))
}
HOSTILE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60)


def read(name: str) -> str:
    return (RECORDINGS / name).read_text()


@pytest.fixture(params=SACCT)
def runs(request):
    """The runs of jobs 1, 4 and 5 in each recording of sacct."""
    parsed = SACCT[request.param](read(request.param))
    return {run.key.removeprefix("allmende:"): run for run in parsed if run.job_id in {1, 4, 5}}


def test_every_version_tells_of_the_same_runs_under_the_same_keys(runs):
    assert set(runs) == {"1:1795667940:0", "4:1795668173:0", "5:1795668173:0", "5:1795668177:1"}


def test_what_was_allocated_is_read_and_each_gpu_is_counted_once(runs):
    run = runs["1:1795667940:0"]
    assert (run.state, run.exit_code) == ("COMPLETED", 0)
    assert (run.user_name, run.account, run.partition, run.qos) == (
        "games",
        "sme_alpha",
        "booster",
        "open",
    )
    assert run.started_at == datetime(2026, 11, 26, 4, 39, tzinfo=UTC)
    assert run.nodes == ("jp0001", "jp0002")
    assert (run.allocated_nodes, run.allocated_cores, run.allocated_gpus) == (2, 2, 4)
    assert run.allocated_seconds(counts_gpus=True) == 3 * 4


def test_every_run_of_a_requeued_job_is_an_attempt_of_its_own(runs):
    first, second = runs["5:1795668173:0"], runs["5:1795668177:1"]
    assert (first.state, first.attempt_key) == ("REQUEUED", "j-r.1")
    assert (second.state, second.attempt_key) == ("CANCELLED", "j-r.2")
    assert first.allocated_seconds(counts_gpus=True) == 2 * 12
    assert (second.started_at, second.nodes, second.elapsed_seconds) == (None, (), 0)
    assert (second.allocated_nodes, second.allocated_cores) == (0, 0)


def test_a_run_is_final_once_all_its_nodes_are_named_and_its_start_where_it_ran(runs):
    run, cancelled = runs["1:1795667940:0"], runs["5:1795668177:1"]
    now = run.ended_at + timedelta(seconds=5)
    for each in (run, runs["5:1795668173:0"]):
        assert is_final(each, has_run=True, now=now)
    much_later = now + timedelta(days=2)
    assert not is_final(replace(run, ended_at=None), has_run=True, now=much_later)
    assert is_final(cancelled, has_run=False, now=now)
    # As slurmdbd has it when it heard of the batch step, or of the end, before the start.
    of_a_step = replace(run, nodes=("jp0001",))
    of_the_end = replace(run, state="PREEMPTED", started_at=None, nodes=(), allocated_nodes=0)
    for each in (of_a_step, of_the_end):
        assert not is_final(each, has_run=True, now=now)
        assert is_final(each, has_run=True, now=much_later)  # nothing is waited for for ever


def test_what_users_write_into_names_and_comments_changes_nothing_else(runs):
    run = runs["4:1795668173:0"]
    assert (run.job_name, run.comment) == ("x|y\nz", "a|b\n77|c")
    assert (run.allocated_nodes, run.allocated_gpus, run.elapsed_seconds) == (1, 0, 2)


@pytest.mark.parametrize("name", SQUEUE)
def test_every_version_tells_of_the_same_queue(name):
    jobs = {job.job_id: job for job in SQUEUE[name](read(name))}
    assert set(jobs) == {9, 10, 11}
    waiting, running, held = jobs[9], jobs[10], jobs[11]
    assert (waiting.state, waiting.reason, waiting.attempt_key) == (
        "PENDING",
        "Resources",
        "j-live.1",
    )
    assert (running.state, running.nodes) == ("RUNNING", ("jp0001", "jp0002"))
    assert running.comment == "x\n9|y"
    assert (held.reason, held.started_at, held.comment) == ("JobHeldUser", None, "")
    assert {job.submitted_at for job in jobs.values()} == {
        datetime(2026, 11, 26, 4, 47, 32, tzinfo=UTC)
    }


def table(rows: list[list[str]], separator: str) -> str:
    return "".join(f"{separator.join(row)}\n" for row in rows)


@given(name=HOSTILE, comment=HOSTILE)
def test_no_text_of_a_user_can_forge_a_row_of_accounting(name, comment):
    separator = sacct_options()[4].partition("=")[2]
    rows = [list(SACCT_FIELDS)]
    for job_id in ("17", "18"):
        row = dict.fromkeys(SACCT_FIELDS, "1") | {"NodeList": "n1", "AllocTRES": "node=1"}
        row |= {"JobIDRaw": job_id, "State": "COMPLETED", "JobName": name, "Comment": comment}
        rows.append([row[field] for field in SACCT_FIELDS])
    parsed = parse_sacct(table(rows, separator))
    assert [run.job_id for run in parsed] == [17, 18]
    assert {run.comment for run in parsed} == {comment.strip()}


def test_no_two_answers_are_asked_for_with_the_same_separator():
    assert sacct_options() != sacct_options()
    assert squeue_options() != squeue_options()


def test_steps_are_left_out_and_an_empty_answer_is_no_run():
    lines = read("sacct-22.05.txt").splitlines()
    step = lines[1].replace("1<", "1.batch<", 1)
    assert len(parse_sacct(f"{lines[0]}\n{lines[1]}\n{step}\n")) == 1
    assert parse_sacct("") == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "what is this?",
        lambda text: text.replace("<5f0c1b7a9e2d4c68>0:0", "", 1),
        lambda text: text.replace("1795668177", "yesterday"),
        lambda text: text.replace("node=2", "node"),
        lambda text: text.replace("jp[0001-0002]", "jp[0001-0002"),
        lambda text: text.replace("1795667940", "Unknown", 1),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused_as_a_whole(spoil):
    with pytest.raises(UnreadableAnswer):
        parse_sacct(spoil(read("sacct-22.05.txt")))


@pytest.mark.parametrize("parse", [parse_sacct_json, parse_jobs_json])
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"jobs": [{}]}', '{"jobs": [1]}'])
def test_json_that_makes_no_sense_is_refused_as_a_whole(parse, text):
    with pytest.raises(UnreadableAnswer):
        parse(text)


def test_a_job_in_json_that_was_never_submitted_is_refused():
    job = json.loads(read("sacct-22.05.json"))["jobs"][0]
    job["time"]["submission"] = 0
    with pytest.raises(UnreadableAnswer, match="never submitted"):
        parse_sacct_json(json.dumps({"jobs": [job]}))


def test_a_queue_that_makes_no_sense_is_refused():
    with pytest.raises(UnreadableAnswer):
        parse_squeue(read("squeue-22.05.txt").replace("jp[", "jp[["))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("None assigned", ()),
        ("jp1", ("jp1",)),
        ("jp[01-03,7],login1", ("jp01", "jp02", "jp03", "jp7", "login1")),
        ("jp[098-101]", ("jp098", "jp099", "jp100", "jp101")),
        ("r[1-2]n[1,3]", ("r1n1", "r1n3", "r2n1", "r2n3")),
        ("jp[1-2]-ib", ("jp1-ib", "jp2-ib")),
    ],
)
def test_node_lists_are_taken_apart(text, names):
    assert expand_nodes(text) == names


@pytest.mark.parametrize("text", ["jp[1-2", "jp1]", "jp[a-b]", "jp1,,jp2", "jp[[1]]", "jp[1-]"])
def test_what_is_no_node_list_is_refused(text):
    with pytest.raises(ValueError, match=r"no node list|no range|empty name"):
        expand_nodes(text)


@given(
    st.lists(
        st.tuples(st.sampled_from(["jp", "gpu-a", "r1n"]), st.integers(0, 999), st.integers(0, 9)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 5),
)
def test_a_node_list_gives_every_name_once_in_order(ranges, width):
    text = ",".join(
        f"{prefix}[{str(first).zfill(width)}-{str(first + more).zfill(width)}]"
        for prefix, first, more in ranges
    )
    names = [
        f"{prefix}{str(first + step).zfill(width)}"
        for prefix, first, more in ranges
        for step in range(more + 1)
    ]
    assert expand_nodes(text) == tuple(names)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.permutations(range(4)))
def test_gpus_of_types_are_never_counted_besides_those_in_general(general, typed, order):
    parts = [f"gres/gpu={general + typed}", f"gres/gpu:a={general}", f"gres/gpu:b={typed}", "cpu=8"]
    shuffled = [parts[at] for at in order]
    assert count_gpus(parse_tres(",".join(shuffled))) == general + typed
    only_typed = [part for part in shuffled if not part.startswith("gres/gpu=")]
    assert count_gpus(parse_tres(",".join(only_typed))) == general + typed


@given(st.dictionaries(st.sampled_from(["cpu", "node", "billing", "gres/gpu"]), st.integers(0)))
def test_tres_are_read_back_as_they_were_written(amounts):
    amounts = {name: amount % 2**40 for name, amount in amounts.items()}
    text = ",".join(f"{name}={amount}" for name, amount in amounts.items())
    assert parse_tres(text) == amounts


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("mem=200M", 200 * 2**20),
        ("mem=1.5G", 3 * 2**29),
        ("mem=4000Mn", 4000 * 2**20),
        ("mem=200", 200 * 2**20),
        ("mem=2Gc", 2**31),
    ],
)
def test_memory_is_read_in_bytes(text, size):
    assert parse_tres(text) == {"mem": size}


@pytest.mark.parametrize("text", ["cpu", "=4", "cpu=four", "cpu=4,,node=1"])
def test_what_is_no_list_of_resources_is_refused(text):
    with pytest.raises(ValueError, match=r"no trackable resource|could not convert"):
        parse_tres(text)


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("CANCELLED by 0", "CANCELLED"),
        (["RUNNING", "CONFIGURING"], "RUNNING"),
        ({"current": ["NODE_FAIL"], "reason": "None"}, "NODE_FAIL"),
        ([], ""),
    ],
)
def test_states_are_read_however_a_version_writes_them(value, state):
    assert answers.read_state(value) == state


@pytest.mark.parametrize(("text", "code"), [("0:0", 0), ("3:0", 3), ("0:9", 137), ("", None)])
def test_exit_codes_of_signals_are_those_of_a_shell(text, code):
    assert answers.parse_exit_code(text) == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, None),
        (768, 3),
        (9, 137),
        ({"status": "ERROR", "return_code": 3}, 3),
        ({"status": "SIGNALED", "return_code": 0, "signal": {"signal_id": 9}}, 137),
        ({"return_code": {"set": True, "number": 4}, "signal": {"id": {"set": False}}}, 4),
        ({"return_code": {"set": False}, "signal": {"id": {"set": True, "number": 15}}}, 143),
    ],
)
def test_exit_codes_in_json_are_read_however_a_version_writes_them(value, code):
    assert answers.read_exit_code(value) == code


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("1795667940", datetime(2026, 11, 26, 4, 39, tzinfo=UTC)),
        ("2026-11-26T04:39:00", datetime(2026, 11, 26, 4, 39, tzinfo=UTC)),
        (1795667940, datetime(2026, 11, 26, 4, 39, tzinfo=UTC)),
        ({"set": True, "infinite": True, "number": 0}, None),
        ("Unknown", None),
        (None, None),
        (0, None),
    ],
)
def test_instants_are_in_utc(value, instant):
    assert answers.parse_instant(value) == instant
