"""Writes the pages that are made from the code; `python -m tools.docs --check` only compares.

The state diagrams come from the tables of moves, so that a picture can never be wrong.
"""

import sys
from pathlib import Path

from allmende.domain.access import appeals, applications, changes, projects, reports
from allmende.domain.basics.lifecycle import Lifecycle
from allmende.domain.scheduling import jobs, reservations
from tools.access_rules import render_access_rules
from tools.interfaces import render_api, render_commands
from tools.published_runs import render_published_runs

PROJECT = Path(__file__).resolve().parents[1]
LIFECYCLES = {
    "Application": applications.LIFECYCLE,
    "Appeal": appeals.LIFECYCLE,
    "Project": projects.LIFECYCLE,
    "Change of a project": changes.LIFECYCLE,
    "Report": reports.LIFECYCLE,
    "Job": jobs.LIFECYCLE,
    "Reservation": reservations.LIFECYCLE,
}


def render_lifecycles() -> str:
    """Return the page of state diagrams."""
    parts = [
        "# Lifecycles",
        "",
        "The states of each thing and the only moves between them. `make docs` draws this page "
        "from the tables in the code; a test fails when it is stale.",
    ]
    for name, lifecycle in LIFECYCLES.items():
        parts += ["", f"## {name}", "", "```mermaid", _drawn(lifecycle), "```"]
    return "\n".join(parts) + "\n"


def _drawn(lifecycle: Lifecycle) -> str:
    return lifecycle.render_mermaid().rstrip()


PAGES = {
    PROJECT / "docs/reference/lifecycles.md": render_lifecycles,
    PROJECT / "docs/reference/cli.md": render_commands,
    PROJECT / "docs/reference/api.md": render_api,
    PROJECT / "docs/reference/access-rules.md": render_access_rules,
    PROJECT / "docs/reference/published-runs.md": render_published_runs,
}


def stale_pages() -> list[str]:
    """Return the pages that no longer say what the code says."""
    return [
        str(path.relative_to(PROJECT))
        for path, render in PAGES.items()
        if not path.exists() or path.read_text() != render()
    ]


def main() -> None:
    """Write every generated page, or with --check exit 1 when one is stale."""
    if "--check" in sys.argv:
        sys.exit("\n".join(stale_pages()) or 0)
    for path, render in PAGES.items():
        path.write_text(render())


if __name__ == "__main__":
    main()
