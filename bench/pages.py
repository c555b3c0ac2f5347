"""How fast the office's pages are with ten thousand applications and three thousand reviews.

Each page is asked for as a browser does, through all of Django but the socket: how long it takes,
how many questions it asks the database, and how large it is.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

ROUNDS = 15
CPU_TARGET_MS = 300  # on a busy machine the clock says little


@dataclass(frozen=True, kw_only=True)
class Result:
    """A page: its middle and its slow answer, what of it is our own work, and its questions."""

    page: str
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    queries: int
    kilobytes: int


def measure() -> tuple[list[Result], float]:
    """Ask for every page in the database of $ALLMENDE_DATABASE_URL, else in a new SQLite file."""
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as home:
        os.environ["ALLMENDE_HOME"] = home
        from allmende import wiring  # noqa: PLC0415 - the settings read the environment just set

        wiring.start()
        from django.conf import settings  # noqa: PLC0415
        from django.core.management import call_command  # noqa: PLC0415

        settings.ALLOWED_HOSTS = ["testserver"]
        settings.MIGRATION_MODULES = dict.fromkeys(
            path.rpartition(".")[2] for path in settings.INSTALLED_APPS
        )
        call_command("migrate", run_syncdb=True, verbosity=0)
        started = time.perf_counter()
        from bench.page_cases import build_crowd  # noqa: PLC0415

        crowd = build_crowd()
        filled_seconds = time.perf_counter() - started
        return [ask(*page) for page in list_pages(crowd)], filled_seconds


def list_pages(crowd: object) -> list[tuple[str, str, object]]:
    """Return name, address and reader of every page."""
    from allmende.web.pages.panels import write_cut_off  # noqa: PLC0415

    office, reviewer, member = crowd.officer, crowd.reviewer, crowd.member
    panel = f"/rounds/{crowd.round_call}/{write_cut_off(crowd.cut_off)}"
    pages = [
        ("desk of the office", "/home", office),
        ("applications that wait", "/programme", office),
        ("an application to decide", f"/programme/{crowd.waiting_id}", office),
        ("an application before a panel", f"/programme/{crowd.panel_id}", office),
        ("rounds", "/rounds", office),
        ("panel of 400 applications", panel, office),
        ("who reviews what, 100 to assign", f"{panel}/reviewers", office),
        ("reviews of a reviewer", "/reviews", reviewer),
        ("desk of an applicant with 50 projects", "/home", member),
        ("a project", f"/projects/{crowd.project_id}", office),
        ("projects (API)", "/api/v1/projects", office),
        ("applications (API)", "/api/v1/applications", office),
        ("State aid", "/aid", office),
        ("figures", f"/programme/figures?span={crowd.year}", office),
        ("figures by every property", figures_by_all(crowd.year), office),
        (
            "applications behind a figure",
            f"/programme/figures/applications?span={crowd.year}&stage=awarded",
            office,
        ),
        ("projects behind a figure", f"/programme/figures/projects?span={crowd.year}", office),
        ("data of a year (ZIP)", f"/programme/years/{crowd.year}.zip", office),
        ("public figures", "/figures", None),
        ("sites and ceilings", "/sites", None),
    ]
    wanted = sys.argv[1:]
    return [page for page in pages if not wanted or any(word in page[0] for word in wanted)]


def figures_by_all(year: int) -> str:
    """Return the address of the largest table that the office can ask for."""
    from allmende.domain.access.programme_figures import Dimension  # noqa: PLC0415

    return f"/programme/figures?span={year}" + "".join(f"&by={each.value}" for each in Dimension)


def ask(name: str, address: str, reader: object) -> Result:
    """Ask once to warm up and to count, then so many times to measure."""
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    browser = Client()
    if reader is not None:
        browser.force_login(reader)
    asked = []
    with connection.execute_wrapper(lambda run, *call: asked.append(call[0]) or run(*call)):
        answer = browser.get(address)
    assert answer.status_code == 200, (name, address, answer.status_code)
    took, worked = [], []
    for _ in range(ROUNDS):
        started, begun = time.perf_counter(), time.process_time()
        browser.get(address)
        took.append(1000 * (time.perf_counter() - started))
        worked.append(1000 * (time.process_time() - begun))
        if sum(took) > 20_000:  # a page this slow needs no more proof
            break
    return Result(
        page=name,
        p50_ms=round(statistics.median(took), 1),
        p95_ms=round(sorted(took)[-(-95 * len(took) // 100) - 1], 1),
        cpu_ms=round(statistics.median(worked), 1),
        queries=len(asked),
        kilobytes=len(answer.content) // 1000,
    )


def main() -> None:
    """Print a table for people and one line of JSON for programs."""
    results, filled_seconds = measure()
    table = Table("page", "p50 ms", "p95 ms", "CPU ms", "queries", "kB", box=None)
    for each in results:
        slow = "" if each.cpu_ms <= CPU_TARGET_MS else " *"
        table.add_row(
            each.page,
            f"{each.p50_ms:,}",
            f"{each.p95_ms:,}",
            f"{each.cpu_ms:,}{slow}",
            str(each.queries),
            str(each.kilobytes),
        )
    title = "Pages with 10,000 applications and 3,000 reviews"
    Console().print(f"{title} (filled in {filled_seconds:.0f} s)", style="bold")
    Console().print(table)
    print(json.dumps([asdict(each) for each in results]))


if __name__ == "__main__":
    main()
