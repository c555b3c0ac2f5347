"""A session opens from its job's page and in a terminal; signing out closes it."""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from allmende.backends.jobs.ports import find_free_port
from tests.blueprints.labs import python_of
from tests.browser.conftest import PATIENCE_SECONDS, PROJECT, SCREENSHOTS, Portal, Visitor

pytestmark = pytest.mark.browser


@dataclass
class House:
    """A portal and a gate with a session, and what a terminal beside them has to know."""

    portal: Portal
    environment: dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    python_of("notebook")
    port = str(find_free_port())
    places = {
        "ALLMENDE_HOME": str(tmp_path_factory.mktemp("session")),
        "ALLMENDE_GATE_PORT": port,
        "ALLMENDE_GATE_ADDRESS": f"http://localhost:{port}",
        "PYTHONPATH": "src:.",
    }
    environment = {**os.environ, **places}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.serve_session"],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the portal did not start"
    yield House(Portal(**json.loads(line)), environment)
    process.stdin.close()
    process.wait(timeout=PATIENCE_SECONDS)
    process.stdout.close()


@pytest.fixture
def visitor(browser: Browser, house: House) -> Iterator[Visitor]:
    yield Visitor(browser, house.portal)
    for context in browser.contexts:
        context.close()


class Terminal:
    """A terminal of 77 columns and 33 rows in which somebody types a command of `allmende`."""

    def __init__(self, house: House, *words: str) -> None:
        self.screen, self.end = os.openpty()
        self.resize(rows=33, columns=77)
        self.settings = termios.tcgetattr(self.end)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "allmende", "--as", "founder@demo.example", *words],
            env=house.environment,
            cwd=PROJECT,
            stdin=self.end,
            stdout=self.end,
            stderr=self.end,
        )

    def resize(self, *, rows: int, columns: int) -> None:
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def read_until(self, wanted: str) -> None:
        """Read until something was printed; what comes after it stays."""
        said, latest = "", time.monotonic() + PATIENCE_SECONDS
        while wanted not in said:
            assert select.select([self.screen], [], [], latest - time.monotonic())[0], said
            said += os.read(self.screen, 1).decode(errors="replace")

    def wait(self) -> int:
        """Return the exit code, once the command has ended and left the terminal as it was."""
        code = self.process.wait(PATIENCE_SECONDS)
        assert termios.tcgetattr(self.end) == self.settings
        return code


@pytest.fixture
def terminal(house: House) -> Iterator[Terminal]:
    terminal = Terminal(house, "session", "shell", house.portal.ids["job"])
    yield terminal
    terminal.process.kill()
    terminal.process.wait()
    os.close(terminal.screen)
    os.close(terminal.end)


def test_a_shell_in_ones_own_terminal(house: House, terminal: Terminal):
    job = house.portal.ids["job"]
    terminal.type("stty size; pwd\r")
    terminal.read_until("33 77\r\n")
    terminal.read_until(f"/{job}/home/out/notebooks\r\n")
    # It says so itself, for a Ctrl-C while the shell still begins it may be lost.
    terminal.type("sh -c 'echo up; exec sleep 600'\r")
    terminal.read_until("up\r\n")
    terminal.type("\x03")  # Ctrl-C ends what runs in the shell, and nothing here
    terminal.read_until("^C")
    terminal.resize(rows=20, columns=60)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.type('until [ "$(stty size)" = "20 60" ]; do :; done; echo s""mall\r')
    terminal.read_until("small\r\n")
    terminal.type("exit\r")
    terminal.read_until(f"Session {job} goes on. End it with: allmende job stop {job}")
    assert terminal.wait() == 0


def test_a_cell_runs_in_a_real_jupyterlab(visitor: Visitor):
    job = visitor.portal.ids["job"]
    page = visitor.open(f"/jobs/{job}", who="founder").page
    page.screenshot(path=SCREENSHOTS / "session-page.png")
    with page.expect_popup() as opening:
        page.get_by_role("button", name="Open").click()
    lab = opening.value
    lab.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    expect(lab.get_by_text("(ipykernel) | Idle")).to_be_visible()
    cell = lab.locator(".jp-Cell .cm-content").first
    cell.click()
    lab.keyboard.type("6 * 7")
    lab.keyboard.press("Shift+Enter")
    expect(lab.locator(".jp-OutputArea-output").first).to_have_text("42")
    lab.screenshot(path=SCREENSHOTS / "session-lab.png")
    assert "ticket" not in lab.url
    page.reload()
    expect(page.get_by_role("link", name="Untitled.ipynb")).to_be_visible()
    page.goto("/account/logout/")
    page.get_by_role("main").get_by_role("button").click()
    answer = lab.goto(lab.url)
    assert answer is not None
    assert answer.status == 403
