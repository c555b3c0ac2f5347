"""`allmende session shell`: what it says where no shell comes about, and how a script ends."""

import asyncio
import io
import json
import socket
import sys
from dataclasses import replace

import pytest

from allmende import cli
from allmende.cli import session_shell
from allmende.cli import sessions as commands
from allmende.cli.session_shell import MARK, LineWasCut, ScriptScreen
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.training.sessions import SessionIsOver
from allmende.storage import jobs as job_store
from allmende.wiring.session_visits import GateDoesNotAnswer, enter
from tests.web.world import build_world


class Line:
    """Takes down what is typed."""

    def __init__(self) -> None:
        self.typed: list[list[str]] = []

    async def send(self, text: str) -> None:
        self.typed.append(json.loads(text))


@pytest.mark.parametrize(
    ("said", "shown", "status"),
    [
        ([MARK, "one\n", f"two\n{MARK}0"], "one\ntwo\n", "0"),
        ([MARK, f"{MARK}", "12", "7"], "", "127"),
        ([MARK, f"a{MARK}b{MARK}3"], f"a{MARK}b", "3"),
        ([MARK, f"a{MARK}", "more", f"{MARK}0"], f"a{MARK}more", "0"),
        ([MARK, "cut"], "cut", ""),
    ],
)
def test_a_script_begins_once_and_its_exit_code_is_not_shown(capsys, said, shown, status):
    screen, line = ScriptScreen(), Line()
    for text in said:
        asyncio.run(screen.show(text, line))
    assert line.typed == [["stdin", "\n"]]
    assert (capsys.readouterr().out, screen.status) == (shown, status)


def test_a_script_that_is_too_long_is_refused_before_anything_is_asked(monkeypatch):
    monkeypatch.setattr(session_shell, "LONGEST_SCRIPT_BYTES", 3)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"pwd\n")))
    with pytest.raises(session_shell.ScriptTooLong):
        session_shell.use_shell(None)


def test_a_gate_that_does_not_run_is_told_with_the_way_out():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://j-x.localhost:{free.getsockname()[1]}"
        # It is kept, so that nobody else listens there, and refuses who calls.
        with pytest.raises(GateDoesNotAnswer, match=r"refused. It runs with `allmende serve`"):
            enter("j-x", f"{address}/session/j-x/enter?ticket=t")


@pytest.mark.django_db
def test_one_names_a_session_or_a_project(capsys):
    for words in ([], ["j-x", "--project", "prj-x"]):
        assert cli.run(["session", "shell", *words]) == 1
        assert "allmende session shell JOB" in " ".join(capsys.readouterr().err.split())


def fail(refusal):
    def run(*_):
        raise refusal

    return run


@pytest.fixture
def open_new(monkeypatch, capsys, tmp_path):
    """Start a session and a shell in it, in which something goes wrong."""
    world, started = build_world(), []
    who, project = world.people["applicant"].id, world.ids["project_id"]
    file = tmp_path / "job.yaml"
    file.write_text("name: shell\nrun: sleep 9\nmax_duration: 30s\n")  # no session needs be built

    def start(*_, **__) -> list[Job]:
        cli.run(["--as", who, "job", "submit", str(file), "--project", project, "--json"])
        started.append(json.loads(capsys.readouterr().out)[0]["id"])
        return [job_store.get_job(started[0])]

    monkeypatch.setattr(commands, "_start", start)
    monkeypatch.setattr(commands, "wait_for_ticket", lambda _: "")
    monkeypatch.setattr(commands, "enter", lambda *_: "inside")
    monkeypatch.setattr(commands, "use_shell", lambda _: "0")
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(**steps) -> tuple[JobState, str]:
        for name, refusal in steps.items():
            monkeypatch.setattr(commands, name, fail(refusal))
        cli.run(["--as", who, "session", "shell", "--project", project])
        return job_store.get_job(started[0]).state, capsys.readouterr().err

    return run


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["wait_for_ticket", "use_shell"])
def test_a_session_that_was_started_for_a_script_is_not_left_behind(open_new, step):
    state, said = open_new(**{step: LineWasCut(job="j-x")})
    assert state is JobState.CANCELLED
    assert "The line to j-x was cut" in said


@pytest.mark.django_db
def test_why_a_session_did_not_come_about_is_told_though_it_has_ended(open_new, monkeypatch):
    def end(job_id):
        job = job_store.get_job(job_id)
        job_store.save_job(replace(job, state=JobState.FAILED, hold_id=""))
        raise SessionIsOver(job=job_id)

    monkeypatch.setattr(commands, "wait_for_ticket", end)
    state, said = open_new()
    assert state is JobState.FAILED
    assert "has already ended" not in said


@pytest.mark.django_db
def test_where_the_line_to_a_terminal_was_cut_the_session_goes_on(open_new, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    state, said = open_new(use_shell=LineWasCut(job="j-x"))
    assert state is JobState.PENDING
    assert "goes on. End it with: allmende job stop" in " ".join(said.split())
