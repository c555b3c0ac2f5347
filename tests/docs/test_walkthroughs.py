"""Every command of the tutorial and the how-tos is run as the page says, and prints what it says.

Each page begins in an empty folder. What stands beside a command is compared word by word; numbers
and ids may differ, `…` stands for anything.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tools.slurm_lab import Lab, find_missing

from allmende.backends.jobs.ports import find_free_port
from tests.docs.pages import PROJECT, Step, list_walkthroughs, read_steps
from tests.docs.reading import Reader

STARTED = ("serve", "daemon", "agent")
SECONDS = 300
# The page has its folder in its text, for a cluster does not run just anywhere; in its place, as in
# that of ports, stands here what no other run of these tests uses.
WITH_A_CLUSTER, CLUSTER = "connect-a-slurm-cluster", "/tmp/slurm-howto"
PORTS = ("8742", "8753")


class Walk:
    """A newcomer with a terminal, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader = Reader()
        self.cluster = Path(f"{CLUSTER}-{os.getpid()}")
        self.stands_for = {CLUSTER: str(self.cluster)}
        self.stands_for |= {port: str(find_free_port()) for port in PORTS}
        self.beside: list[subprocess.Popen] = []
        kept = {name: value for name, value in os.environ.items() if "ALLMENDE_" not in name}
        environments = PROJECT / "var/environments"
        self.environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}",
            "DJANGO_SETTINGS_MODULE": "allmende.wiring.settings",
            "ALLMENDE_LANGUAGE": "en",
            "ALLMENDE_GATE_PORT": str(find_free_port()),  # each page has a gate of its own
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
        for ours, other in self.stands_for.items():
            text = text.replace(ours, other)
        if step.kind.startswith("file "):
            path = self.folder / step.kind.removeprefix("file ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif step.kind == "beside":
            self._start(shlex.split(text))
        elif step.kind in ("run", "until"):
            give_up_at = time.monotonic() + (SECONDS if step.kind == "until" else 0)
            while problem := self._find_problem(step, text):
                assert time.monotonic() < give_up_at, problem
                time.sleep(0.5)

    def _find_problem(self, step: Step, text: str) -> str:
        """Run a command; return what is wrong with what comes of it, or nothing."""
        code, printed = self._run(text)
        where = f"line {step.line}: $ {text}\n{printed}"
        missing = self.reader.find_missing(step.expected, printed)
        if code != step.exit_code:
            return where
        return f"{where}\nnot printed: {missing}" if missing else ""

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
            words += ["--port", str(find_free_port())]  # 8000 may be taken while tests run
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = subprocess.Popen(words, cwd=self.folder, env=self.environment, **quiet)
        self.beside.append(started)

    def end(self) -> None:
        """End everything that was started."""
        for process in self.beside:
            process.send_signal(signal.SIGTERM)
        for process in self.beside:
            process.wait(SECONDS)
        self.shell.stdin.close()
        self.shell.wait(SECONDS)
        self.shell.stdout.close()


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
            end_cluster(walk.cluster)


def end_cluster(folder: Path) -> None:
    """End the cluster of the page, wherever on the page something went wrong."""
    if folder.is_dir():
        Lab.find(folder).stop(and_forget=True)


def test_few_commands_are_left_out_and_each_says_why():
    steps = [step for page in list_walkthroughs() for step in read_steps(page)]
    left_out = [step for step in steps if step.kind == "not run"]
    run = [step for step in steps if step.kind in ("run", "until")]
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
