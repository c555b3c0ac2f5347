"""`allmende session shell`: what it says where no shell comes about, and how a script ends."""

import asyncio
import io
import json
import socket
import sys

import pytest

from allmende import cli
from allmende.cli import session_shell
from allmende.cli.session_shell import MARK, ScriptScreen
from allmende.wiring.session_visits import GateDoesNotAnswer, enter


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
    with pytest.raises(GateDoesNotAnswer, match=r"refused. It runs with `allmende serve`"):
        enter("j-x", f"{address}/session/j-x/enter?ticket=t")


@pytest.mark.django_db
def test_one_names_a_session_or_a_project(capsys):
    for words in ([], ["j-x", "--project", "prj-x"]):
        assert cli.run(["session", "shell", *words]) == 1
        assert "allmende session shell JOB" in " ".join(capsys.readouterr().err.split())
