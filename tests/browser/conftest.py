"""A real Chromium against a real server; nothing outside this machine can be reached."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
AXE = (PROJECT / "tests/vendor/axe-core-4.14.1/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENSHOTS = PROJECT / "var" / "screenshots"
PHONE: Any = {"width": 390, "height": 844}
DESKTOP: Any = {"width": 1280, "height": 860}
# How long anything is waited for: it costs nothing where it comes at once, and a machine that is
# busy with other tests takes many times as long.
PATIENCE_SECONDS = 120
expect.set_options(timeout=PATIENCE_SECONDS * 1000)
# Language, colours, whether on a phone: two visits that meet each of them once.
EACH_ONCE = [("en", "light", False), ("de", "dark", True)]


@dataclass(frozen=True)
class Portal:
    """Where the portal is, who can come in, and what there is to see."""

    url: str
    sessions: dict[str, str]
    ids: dict[str, str]


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    home = tmp_path_factory.mktemp("portal")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.serve"],
        cwd=PROJECT,
        env={**os.environ, "ALLMENDE_HOME": str(home), "PYTHONPATH": "src:."},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the portal did not start"
    yield Portal(**json.loads(line))
    process.stdin.close()
    process.wait(timeout=PATIENCE_SECONDS)
    process.stdout.close()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed: apt-get install chromium")
    return {
        "executable_path": CHROMIUM,
        "timeout": PATIENCE_SECONDS * 1000,
        "headless": True,
        "args": [
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost",
        ],
    }


@dataclass
class Visit:
    """An open page and what the browser complained about."""

    page: Page
    complaints: list[str]

    def find_violations(self) -> list[str]:
        """Return what axe finds, as rule and place."""
        self.page.evaluate(AXE)
        result = self.page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", TAGS
        )
        return [
            f"{violation['id']}: {node['html'][:160]}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]

    def is_wider_than_the_screen(self) -> bool:
        """Say whether somebody would have to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@dataclass
class Visitor:
    """Opens pages as somebody, in a language, in colours, on a screen."""

    browser: Browser
    portal: Portal
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(
        self,
        path: str,
        *,
        who: str = "",
        language: str = "en",
        theme: str = "light",
        phone: bool = False,
        script: bool = True,
    ) -> Visit:
        """Open a page in a context of its own."""
        size = PHONE if phone else DESKTOP
        context = self.browser.new_context(
            viewport=size,
            color_scheme=theme,
            java_script_enabled=script,
            base_url=self.portal.url,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.contexts.append(context)
        cookies = {"django_language": language}
        if who:
            cookies["sessionid"] = self.portal.sessions[who]
        context.add_cookies(
            [{"name": k, "value": v, "url": self.portal.url} for k, v in cookies.items()]
        )
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return Visit(page, complaints)

    def close(self) -> None:
        """Close what was opened."""
        for context in self.contexts:
            context.close()


@dataclass
class Onlooker(Visitor):
    """Looks at many pages and changes nothing, so one window a person and language is enough."""

    windows: dict[tuple[str, str], Visit] = field(default_factory=dict)

    def look(self, path: str, *, who: str, language: str) -> Visit:
        """Open a page where the one before stood: it takes half the time of a new window."""
        visit = self.windows.get((who, language))
        if visit is None:
            visit = self.windows[who, language] = self.open(path, who=who, language=language)
            return visit
        visit.page.goto("about:blank")  # what the page before still says ends with it
        visit.complaints.clear()
        visit.page.set_viewport_size(DESKTOP)
        visit.page.goto(path)
        return visit


@pytest.fixture
def visitor(browser: Browser, portal: Portal) -> Iterator[Visitor]:
    visitor = Visitor(browser, portal)
    yield visitor
    visitor.close()


@pytest.fixture(scope="module")
def onlooker(browser: Browser, portal: Portal) -> Iterator[Onlooker]:
    onlooker = Onlooker(browser, portal)
    yield onlooker
    onlooker.close()
