"""The local backend keeps the contract, refuses in time, and gives no secrets away."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from allmende.backends.jobs.outputs import OutputTooLarge
from allmende.backends.local.backend import (
    SOURCE,
    DiskFull,
    LocalBackend,
    NodeNotStarted,
)
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import AttemptState, EarlierAttemptRuns, EndReason
from tests.backends.attempts import folder_of, list_drafts, log_of
from tests.backends.contract import (
    BackendContract,
    a_launch,
    observe,
    run,
    wait_for_end,
    wait_until,
)

PROJECT = Path(__file__).resolve().parents[2]


class TestContract(BackendContract):
    """The local backend keeps the contract of all backends."""


def test_command_gets_the_contract_and_no_secret_of_the_platform(backend, monkeypatch):
    monkeypatch.setenv("ALLMENDE_DATABASE_URL", "postgresql://secret")
    launch = a_launch(
        command=("/usr/bin/env", "-0"),
        environment={"SEED": "1", "ALLMENDE_OUT": "/somewhere/else"},
        job_id="j-env",
        attempt=1,
        nodes=("n-01",),
        time_limit_seconds=60,
    )
    backend.start(launch)
    seen = wait_for_end(backend, launch.key)
    lines = log_of(backend, launch.key).decode().strip("\0").split("\0")
    environment = dict(line.split("=", 1) for line in lines)
    job = backend.folders.root / "j-env/home"
    assert "ALLMENDE_DATABASE_URL" not in environment
    # Below what outgoing connections usually get: nobody gets it by chance.
    assert 20_000 <= int(environment["MASTER_PORT"]) < 30_000
    deadline = seen.started_at.timestamp() + 60
    assert abs(int(environment["ALLMENDE_DEADLINE_EPOCH"]) - deadline) <= 1
    contract = {
        "ALLMENDE_JOB_ID": "j-env",
        "ALLMENDE_ATTEMPT": "1",
        "ALLMENDE_OUT": str(job / "out"),
        "ALLMENDE_CHECKPOINTS": str(job / "checkpoints"),
        "ALLMENDE_PROGRESS": str(job / "progress.jsonl"),
        "ALLMENDE_DATA": str(job / "data"),
        "ALLMENDE_NODES": "1",
        "ALLMENDE_NODE_RANK": "0",
        "ALLMENDE_GPUS_PER_NODE": "0",
        "MASTER_ADDR": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "SEED": "1",
    }
    assert {name: environment.get(name) for name in contract} == contract


def test_links_out_of_the_output_folder_are_neither_listed_nor_read(backend, tmp_path):
    (tmp_path / "secret").write_text("secret")
    script = (
        f'cd "$ALLMENDE_OUT"; ln -s {tmp_path}/secret link; ln -s {tmp_path} folder;'
        "mkfifo pipe; echo ok > plain"
    )
    job_id = run(backend, script).key.removesuffix(".1")
    assert backend.list_output(job_id) == {"plain": 3}
    for name in ("link", "folder/secret", "pipe"):
        with pytest.raises(NotFound):
            backend.read_output(job_id, name)


def test_an_output_folder_that_became_a_link_shows_nothing(backend, tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private/key").write_text("secret")
    script = f'rmdir "$ALLMENDE_OUT"; ln -s {tmp_path}/private "$ALLMENDE_OUT"'
    job_id = run(backend, script).key.removesuffix(".1")
    assert backend.list_output(job_id) == {}
    with pytest.raises(NotFound):
        backend.read_output(job_id, "key")


def test_full_disk_refuses_the_start_before_anything_is_half_done(tmp_path):
    backend = LocalBackend(tmp_path / "work", minimum_free_bytes=2**60)
    launch = a_launch()
    with pytest.raises(DiskFull) as refusal:
        backend.start(launch)
    assert refusal.value.status == 507
    assert list((tmp_path / "work").iterdir()) == []
    assert observe(backend, launch.key).state is AttemptState.UNKNOWN
    LocalBackend(tmp_path / "work", minimum_free_bytes=0).start(launch)
    assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED


def test_node_that_cannot_start_says_why_and_runs_nothing(backend):
    other = a_launch("echo ran")
    folder = folder_of(backend, other.key)
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text("{}")
    with pytest.raises(NodeNotStarted, match="time_limit_seconds") as refusal:
        backend.start(other)
    assert refusal.value.status == 503
    assert observe(backend, other.key).state is AttemptState.UNKNOWN


def test_output_too_large_to_pass_on_is_refused(backend):
    script = 'truncate -s 300M "$ALLMENDE_OUT/large"'
    job_id = run(backend, script).key.removesuffix(".1")
    assert backend.list_output(job_id) == {"large": 300 * 2**20}
    with pytest.raises(OutputTooLarge):
        backend.read_output(job_id, "large")


def test_second_attempt_is_refused_while_the_first_runs(backend):
    first = a_launch("echo begun; sleep 60")
    backend.start(first)
    with pytest.raises(EarlierAttemptRuns):
        backend.start(a_launch(job_id=first.job_id, attempt=2))
    backend.stop(first.key, reason=EndReason.CANCELLED, grace_seconds=0)
    wait_for_end(backend, first.key)
    assert run(backend, job_id=first.job_id, attempt=2).reason is EndReason.COMPLETED


def test_observing_starts_no_process_and_reads_little(backend, monkeypatch):
    keys = [run(backend).key for _ in range(3)]
    monkeypatch.setattr(os, "fork", None)
    monkeypatch.setattr(subprocess, "Popen", None)
    begun = time.process_time()
    seen = backend.observe(keys * 100)
    assert time.process_time() - begun < 1
    assert {each.state for each in seen} == {AttemptState.ENDED}


def test_end_is_written_in_whole_or_not_at_all(backend):
    seen = run(backend)
    folder = folder_of(backend, seen.key)
    end = json.loads((folder / "ended.json").read_text())
    assert end["ended_at"] - end["started_at"] > 0
    wait_until(lambda: not list_drafts(folder))


def test_node_runner_needs_the_standard_library_only():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import allmende.backends.nodes.runner;"
        "print(*(m for m in sys.modules if m.startswith('allmende')))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(SOURCE)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    own = {"allmende", "allmende.backends"}
    assert {name for name in loaded if not name.startswith("allmende.backends.nodes")} == own


def test_script_of_the_how_to_is_stopped_and_goes_on(backend, tmp_path):
    page = (PROJECT / "docs/howto/run-your-own-script.md").read_text()
    script = tmp_path / "train.py"
    text = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    # It waits for its stop, which may be long in coming: after forty steps it would be too late.
    waits, step = "while step == 12 and not asked_to_stop: time.sleep(0.1)", "    time.sleep(0.1)"
    script.write_text(text.replace(step, f"    {waits}\n{step}"))
    first = a_launch(command=("python3", str(script)))
    backend.start(first)
    wait_until(lambda: backend.read_progress(first.job_id).count(b"\n") == 12)
    script.write_text(text)
    backend.stop(first.key, reason=EndReason.PREEMPTED, grace_seconds=90)
    assert wait_for_end(backend, first.key).reason is EndReason.PREEMPTED
    second = run(backend, job_id=first.job_id, attempt=2, command=("python3", str(script)))
    assert second.reason is EndReason.COMPLETED
    assert json.loads(backend.read_output(first.job_id, "result.json")) == {"steps": 40}
    steps = [json.loads(line)["step"] for line in backend.read_progress(first.job_id).splitlines()]
    assert steps == list(range(1, 41))


def test_reference_names_every_variable_of_the_contract(backend):
    page = (PROJECT / "docs/reference/local-backend.md").read_text()
    seen = run(backend, command=("/usr/bin/env",))
    names = {line.split(b"=")[0].decode() for line in log_of(backend, seen.key).splitlines()}
    for name in names:
        if name.startswith(("ALLMENDE_", "MASTER_")):
            assert f"`{name}`" in page


def test_reference_names_every_file_of_an_attempt_and_every_reason(backend):
    page = (PROJECT / "docs/reference/local-backend.md").read_text()
    launch = a_launch("sleep 300")
    backend.start(launch)
    wait_until((folder_of(backend, launch.key) / "alive.json").exists)
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=1)
    wait_for_end(backend, launch.key)
    wait_until(lambda: not list_drafts(folder_of(backend, launch.key)))
    for path in folder_of(backend, launch.key).iterdir():
        assert f"    {path.name}" in page
    for reason in EndReason:
        assert f"`{reason}`" in page
