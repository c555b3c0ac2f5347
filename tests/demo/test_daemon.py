"""Two daemons as real processes: the leader is killed in the middle of running jobs."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.waiting import wait_until

from allmende.wiring import stage

ALLMENDE = [sys.executable, "-m", "allmende"]
FOUNDER = "founder@demo.example"
LEASES = "SELECT holder, expires_at FROM lease"


@pytest.mark.slow
def test_killed_in_the_middle_the_other_daemon_carries_on_and_every_job_runs_once(tmp_path: Path):
    home, go = tmp_path / "home", tmp_path / "go"
    run(home, "demo", "--stage", "award")
    (project,) = json.loads(run(home, "project", "list", "--json"))
    file = tmp_path / "job.json"
    script = (
        f"echo $ALLMENDE_JOB_ID.$ALLMENDE_ATTEMPT >> {tmp_path}/ran; "
        f"for i in $(seq 2500); do [ -e {go} ] && exit 0; sleep 0.1; done; exit 9"
    )
    file.write_text(json.dumps({"name": "long", "run": script, "max_duration": "5m"}))
    submit = ("job", "submit", str(file), "--project", project["id"], "--json")
    job_ids = [
        json.loads(run(home, *submit, "--key", f"k{number}"))[0]["id"] for number in range(3)
    ]
    with a_daemon(home) as leader, a_daemon(home) as standby:
        wait_until(lambda: len(leases(home)) == 1)
        if f":{standby.pid}:" in leases(home)[0]:
            leader, standby = standby, leader
        wait_until(lambda: (tmp_path / "ran").exists() and len(ran(tmp_path)) >= 2)
        os.kill(leader.pid, signal.SIGKILL)
        leader.wait(timeout=60)
        # What runs goes on without any daemon; the standby leads once the lease has run out.
        go.touch()
        wait_until(lambda: f":{standby.pid}:" in leases(home)[0])
        wait_until(lambda: states(home, job_ids) == {"completed"})
        refused = call(home, "demo", "--stage", "people")  # not under the feet of a daemon
        assert (refused.returncode, "make serve" in refused.stderr) == (1, True)
        standby.send_signal(signal.SIGTERM)
        assert standby.wait(timeout=120) == 0
    assert leases(home) == []  # given back, so that the next one leads at once
    assert ran(tmp_path) == Counter({f"{job_id}.1": 1 for job_id in job_ids})
    assert run(home, "ledger", "check", who="auditor@demo.example")


@pytest.mark.slow
def test_while_a_demo_plays_a_daemon_stands_by_and_a_second_demo_is_refused(tmp_path: Path):
    home = tmp_path / "home"
    demo = subprocess.Popen(
        [*ALLMENDE, "demo"],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: any(home.glob("work/*/attempts/1/started.json")))
        with a_daemon(home) as standby:
            refused = call(home, "demo", "--stage", "people")
            assert (refused.returncode, "Another demo plays" in refused.stderr) == (1, True)
            (lease,) = ask(home, LEASES)
            for _ in range(30):
                until, (lease,) = lease[1], ask(home, LEASES)
                # A demo that gets no turn for six seconds loses the lead, and not before.
                assert lease[0].startswith("demo:") or until < f"{datetime.now(UTC):%F %T.%f}"
                time.sleep(0.1)
            demo.send_signal(signal.SIGINT)
            assert demo.wait(timeout=240) == 130
            assert "demo" not in str(leases(home))  # given back, so that the daemon leads at once
            wait_until(lambda: f":{standby.pid}:" in str(leases(home)))
    finally:
        demo.kill()
        demo.wait()
        stage.end_running(home / "work")  # the daemon went on with what the demo had submitted


def run(home: Path, *arguments: str, who: str = FOUNDER) -> str:
    done = call(home, *arguments, who=who)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def call(home: Path, *arguments: str, who: str = FOUNDER) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*ALLMENDE, *arguments],
        env=environment(home) | {"ALLMENDE_PERSON": who},
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ALLMENDE_HOME": str(home), "ALLMENDE_LANGUAGE": "en"}


@contextmanager
def a_daemon(home: Path) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        [*ALLMENDE, "daemon"],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def leases(home: Path) -> list[str]:
    return [row[0] for row in ask(home, LEASES)]


def states(home: Path, job_ids: list[str]) -> set[str]:
    rows = ask(home, "SELECT id, state FROM job")
    return {state for job_id, state in rows if job_id in job_ids}


def ask(home: Path, question: str) -> list[tuple[str, ...]]:
    with sqlite3.connect(home / "allmende.sqlite3", timeout=30) as database:
        return database.execute(question).fetchall()


def ran(folder: Path) -> Counter[str]:
    return Counter((folder / "ran").read_text().split())
