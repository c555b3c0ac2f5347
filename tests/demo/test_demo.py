"""The demo as a person plays it: the command, its table, its exit code, its repetition."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from allmende.cli.demo_stage import Stage
from allmende.services import cycle
from allmende.storage.cycles import LeaseRow
from allmende.wiring import stage

COMMAND = [sys.executable, "-m", "allmende", "demo"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ALLMENDE_HOME": str(home), "ALLMENDE_LANGUAGE": "en"}


def play(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )


def ids_of(home: Path) -> list[str]:
    with sqlite3.connect(home / "allmende.sqlite3") as database:
        rows = database.execute("SELECT id FROM application UNION SELECT id FROM project")
        return sorted(row[0] for row in rows)


@pytest.mark.slow
def test_the_demo_keeps_every_promise_and_its_evidence_verifies(tmp_path: Path):
    played = play(tmp_path, "--json")
    assert played.returncode == 0, played.stdout + played.stderr
    summary = json.loads(played.stdout)
    assert summary["is_kept"] is True
    assert all(summary["checks"].values())
    verdicts = {each["id"]: each["verdict"] for each in summary["promises"]}
    assert "broken" not in verdicts.values()
    assert list(verdicts.values()).count("kept") >= 12
    verified = subprocess.run(
        [sys.executable, "-m", "allmende", "verify", str(tmp_path / "evidence"), "--json"],
        env={**environment(tmp_path / "elsewhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.slow
def test_the_same_seed_tells_the_same_story_and_a_stage_can_be_chosen(tmp_path: Path):
    first = play(tmp_path / "a", "--stage", "award", "--seed", "5")
    again = play(tmp_path / "b", "--stage", "award", "--seed", "5")
    other = play(tmp_path / "c", "--stage", "award", "--seed", "6")
    assert (first.returncode, again.returncode, other.returncode) == (0, 0, 0), first.stderr
    assert ids_of(tmp_path / "a") == ids_of(tmp_path / "b") != ids_of(tmp_path / "c")
    assert "allmende-demo" in first.stdout


@pytest.mark.slow
def test_the_large_scale_round_goes_through_every_step(tmp_path: Path):
    played = play(tmp_path, "--stage", "review", "--seed", "3")
    assert played.returncode == 0, played.stdout + played.stderr
    for told in ("not asked about Herzklar", "declares a conflict", "60 of 60", "40 of 60"):
        assert told in played.stdout, told
    with sqlite3.connect(tmp_path / "allmende.sqlite3") as database:
        states = database.execute("SELECT state FROM review ORDER BY state").fetchall()
        hours = database.execute(
            "SELECT seconds / 3600 FROM award WHERE content LIKE '%large-scale%' ORDER BY seconds"
        ).fetchall()
        steps = {row[0] for row in database.execute("SELECT action FROM audit_event")}
    assert [state for (state,) in states] == ["conflicted", *["submitted"] * 4]
    assert hours == [(40,), (60,)]
    assert {
        "application.submitted", "application.assessed", "review.invited", "review.submitted",
        "application.reviews_complete", "reviews.answered", "application.ranked",
        "application.awarded",
    } <= steps  # fmt: skip
    auditor, evidence = "auditor@demo.example", str(tmp_path / "evidence")
    for command in (["--as", auditor, "export-evidence", evidence], ["verify", evidence]):
        done = subprocess.run(
            [sys.executable, "-m", "allmende", *command],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_interrupted_in_the_middle_the_next_demo_starts_clean(tmp_path: Path):
    process = subprocess.Popen(
        COMMAND, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 360
    while not list(tmp_path.glob("work/*/attempts/1/started.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ends_by = time.monotonic() + 240
    while process.poll() is None:  # as people do: again and again, until it obeys
        assert time.monotonic() < ends_by
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    process.communicate()
    assert process.returncode == 130
    ends_by = time.monotonic() + 60
    while left := processes_of(tmp_path):  # killed, and on a busy machine gone a little later
        assert time.monotonic() < ends_by, left
        time.sleep(0.1)
    assert play(tmp_path, "--stage", "people").returncode == 0


def processes_of(home: Path) -> list[str]:
    """Return the command lines of processes that still belong to jobs of this home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(home).encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.django_db
def test_a_demo_that_loses_its_lead_in_the_middle_of_a_heartbeat_goes_on(monkeypatch):
    run_cycle, begun = cycle.run_cycle, []

    def overtaken(*told, **more):
        begun.append(LeaseRow.objects.update(holder="a daemon"))
        return run_cycle(*told, **more)

    monkeypatch.setattr(cycle, "run_cycle", overtaken)
    playing = Stage(console=Console(quiet=True), new_id=stage.seeded_ids(1))
    for _ in range(2):
        playing._beat()
    assert begun == [1], "the second heartbeat is that of the daemon"


def test_a_real_installation_is_never_replaced_by_a_demo(tmp_path: Path):
    (tmp_path / "allmende.sqlite3").write_text("somebody's work")
    refused = play(tmp_path, "--stage", "people")
    assert refused.returncode == 1
    assert "no demo" in refused.stderr
    assert (tmp_path / "allmende.sqlite3").read_text() == "somebody's work"


def test_an_unknown_stage_is_refused_with_the_stages_there_are(tmp_path: Path):
    refused = play(tmp_path, "--stage", "tomorrow")
    assert refused.returncode == 2
    assert "eligibility" in refused.stderr
