"""A session opens from its job's page, in JupyterLab a cell runs, and signing out closes it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.blueprints.labs import python_of
from tests.browser.conftest import PROJECT, SCREENSHOTS, Portal, Visitor

pytestmark = pytest.mark.browser

SECONDS = 60_000


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    python_of("notebook")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    places = {
        "ALLMENDE_HOME": str(tmp_path),
        "ALLMENDE_GATE_PORT": port,
        "ALLMENDE_GATE_ADDRESS": f"http://localhost:{port}",
        "PYTHONPATH": "src:.",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.serve_session"],
        cwd=PROJECT,
        env={**os.environ, **places},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the portal did not start"
    yield Visitor(browser, Portal(**json.loads(line)))
    for context in browser.contexts:
        context.close()
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()


def test_a_cell_runs_in_a_real_jupyterlab(visitor: Visitor):
    job = visitor.portal.ids["job"]
    page = visitor.open(f"/jobs/{job}", who="founder").page
    page.screenshot(path=SCREENSHOTS / "session-page.png")
    with page.expect_popup() as opening:
        page.get_by_role("button", name="Open").click()
    lab = opening.value
    lab.locator(".jp-LauncherCard[data-category=Notebook]").first.click(timeout=SECONDS)
    expect(lab.get_by_text("(ipykernel) | Idle")).to_be_visible(timeout=SECONDS)
    cell = lab.locator(".jp-Cell .cm-content").first
    cell.click(timeout=SECONDS)
    lab.keyboard.type("6 * 7")
    lab.keyboard.press("Shift+Enter")
    expect(lab.locator(".jp-OutputArea-output").first).to_have_text("42", timeout=SECONDS)
    lab.screenshot(path=SCREENSHOTS / "session-lab.png")
    assert "ticket" not in lab.url
    lab.keyboard.press("Control+s")
    page.wait_for_timeout(500)
    page.reload()
    expect(page.get_by_role("link", name="Untitled.ipynb")).to_be_visible()
    page.goto("/account/logout/")
    page.get_by_role("main").get_by_role("button").click()
    answer = lab.goto(lab.url)
    assert answer is not None
    assert answer.status == 403
