"""Every command of the tutorial and the how-tos is run as the page says, and prints what it says.

Each page begins in an empty folder. What stands beside a command is compared word by word; numbers
and ids may differ, `…` stands for anything.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tools.slurm_lab import Lab, find_missing

from tests.docs.pages import PROJECT, Step, list_walkthroughs, read_steps
from tests.docs.reading import Reader

STARTED = ("serve", "daemon", "agent")
SECONDS = 60
# The page has its folder in its text, for a cluster does not run just anywhere.
WITH_A_CLUSTER, CLUSTER = "connect-a-slurm-cluster", Path("/tmp/slurm-howto")


class Walk:
    """A newcomer with a terminal, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader = Reader()
        self.beside: list[subprocess.Popen] = []
        kept = {name: value for name, value in os.environ.items() if "ALLMENDE_" not in name}
        environments = PROJECT / "var/environments"
        self.environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}",
            "DJANGO_SETTINGS_MODULE": "allmende.wiring.settings",
            "ALLMENDE_LANGUAGE": "en",
            "ALLMENDE_GATE_PORT": find_free_port(),  # each page has a gate of its own
            "ALLMENDE_ENVIRONMENTS": os.environ.get("ALLMENDE_ENVIRONMENTS", str(environments)),
        }
        self.shell = subprocess.Popen(
            [sys.executable, "-m", "tests.docs.shell"],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def take(self, step: Step) -> None:
        """Do what a step says, and compare what comes of it."""
        text = self.reader.translate(step.text)
        if step.kind.startswith("file "):
            path = self.folder / step.kind.removeprefix("file ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif step.kind == "beside":
            self._start(shlex.split(text))
        elif step.kind == "run":
            code, printed = self._run(text)
            where = f"line {step.line}: $ {text}\n{printed}"
            assert code == step.exit_code, where
            missing = self.reader.find_missing(step.expected, printed)
            assert missing is None, f"{where}\nnot printed: {missing}"

    def _run(self, text: str) -> tuple[int, str]:
        name, _, value = text.removeprefix("export ").partition("=")
        if text.startswith("export "):
            self.environment[name] = value.replace("$PWD", str(self.folder))
            return 0, ""
        words = shlex.split(text)
        if words[0] != "allmende":
            done = subprocess.run(
                ["bash", "-c", text], cwd=self.folder, env=self.environment, timeout=SECONDS,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout
        ask = {"arguments": words[1:], "environment": self.environment}
        self.shell.stdin.write(json.dumps(ask) + "\n")
        self.shell.stdin.flush()
        answer = json.loads(self.shell.stdout.readline())
        return answer["code"], answer["text"]

    def _start(self, words: list[str]) -> None:
        assert words[0] == "allmende"
        assert words[1] in STARTED, "only these run beside the others"
        if words[1] == "serve" and "--port" not in words:
            words += ["--port", find_free_port()]  # 8000 may be taken while tests run
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = subprocess.Popen(words, cwd=self.folder, env=self.environment, **quiet)
        self.beside.append(started)

    def end(self) -> None:
        """End everything that was started."""
        for process in self.beside:
            process.send_signal(signal.SIGTERM)
        for process in self.beside:
            process.wait(30)
        self.shell.stdin.close()
        self.shell.wait(30)
        self.shell.stdout.close()


def find_free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.fixture
def walk(tmp_path):
    walk = Walk(tmp_path)
    yield walk
    walk.end()


@pytest.mark.slow
@pytest.mark.parametrize("path", list_walkthroughs(), ids=lambda path: path.stem)
def test_every_command_of_the_page_does_what_the_page_says(path, walk):
    if path.stem == WITH_A_CLUSTER and find_missing():
        pytest.skip(find_missing())
    try:
        for step in read_steps(path):
            walk.take(step)
    finally:
        if path.stem == WITH_A_CLUSTER:
            end_cluster()


def end_cluster() -> None:
    """End the cluster of the page, wherever on the page something went wrong."""
    if CLUSTER.is_dir():
        Lab.find(CLUSTER).stop(and_forget=True)


def test_few_commands_are_left_out_and_each_says_why():
    steps = [step for page in list_walkthroughs() for step in read_steps(page)]
    left_out = [step for step in steps if step.kind == "not run"]
    run = [step for step in steps if step.kind == "run"]
    assert len(run) > 40
    assert len(left_out) <= len(run) / 5


def test_a_page_that_shows_something_else_is_found():
    reader = Reader()
    printed = "id    org-s72m54e6\nname  Herzklar\nsize  small\n"
    assert reader.find_missing(("id org-00000000", "name Herzklar", "size …"), printed) is None
    assert reader.translate("show org-00000000") == "show org-s72m54e6"
    assert reader.find_missing(("id org-00000000",), "id org-s72m54e7") == "id org-00000000"
    assert reader.find_missing(("size medium",), printed) == "size medium"
    assert reader.find_missing(("size small", "name Herzklar"), printed) == "name Herzklar"
