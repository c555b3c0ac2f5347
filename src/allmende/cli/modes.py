"""Access modes: in force on a day, every version, and a new one from a file."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.access.modes import AccessMode
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import plain_hours
from allmende.services import modes
from allmende.wiring.access_rules import load_access_rules, read_modes

app = typer.Typer()
OnDay = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], help="A day in Berlin; today where it is left out."),
]


@app.command("list")
def list_modes(on: OnDay = None, json: AsJson = False) -> None:
    """List the access modes in force on a day."""
    day = on.date() if on else day_of(wiring.now())
    found = modes.list_modes(acting_person(), rules=load_access_rules(), on=day)
    show(found if json else [_row(mode) for mode in found], json=json)


@app.command("show")
def show_versions(mode_id: str, json: AsJson = False) -> None:
    """Show every version of a mode, the latest first, with what it changed."""
    found = modes.list_versions(acting_person(), mode_id, rules=load_access_rules())
    rows = [
        {
            "from": each.mode.valid_from,
            "until before": each.mode.valid_to,
            "changes": [change.field for change in each.changes],
            "written by": each.author or "config/modes.toml",
            "written at": each.added_at,
            "source": each.mode.source,
        }
        for each in found
    ]
    show(found if json else rows, json=json)


@app.command("add")
def add_version(
    file: Annotated[Path, typer.Argument(help="One [[modes]] row, as in config/modes.toml.")],
    json: AsJson = False,
) -> None:
    """Add a version of a mode, or a new mode; adding it again changes nothing."""
    rows = read_modes(file)
    if len(rows) != 1:
        problem = Sentence("Write exactly one [[modes]] row; this file has {n}.", {"n": len(rows)})
        raise InvalidInput(field=file.name, problem=problem)
    added = modes.add_mode_version(acting_deed(), rows[0], rules=load_access_rules())
    show(added if json else _row(added), json=json)


def _row(mode: AccessMode) -> dict[str, object]:
    most = mode.size_max_seconds
    return {
        "id": mode.id,
        "name": mode.names["en"],
        "up to": f"{plain_hours(most)} {mode.unit.hours_name}" if most else "",
        "months": mode.durations_months,
        "working days": mode.decision_working_days,
        "selection": mode.selection,
        "in force from": mode.valid_from,
        "source": mode.source,
    }
