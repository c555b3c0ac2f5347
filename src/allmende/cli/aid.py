"""State aid that this factory granted, for the central register."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show, write_new
from allmende.domain.access.aid import AidEntry, write_euros
from allmende.domain.basics.sentences import Sentence
from allmende.services import aid

app = typer.Typer()

COLUMNS = ("id", "award_id", "beneficiary", "euros", "granted_on", "due_at", "reference", "is_late")


@app.command("list")
def list_aid(json: AsJson = False) -> None:
    """List all aid that was granted here, what has to be registered first."""
    found = [_with_marks(each) for each in aid.list_every_entry(acting_person())]
    show(found, json=json, columns=COLUMNS, empty=Sentence("No aid yet."))


@app.command("show")
def show_aid(entry_id: str, json: AsJson = False) -> None:
    """Show one grant with its arithmetic."""
    show(_with_marks(aid.get_entry(acting_person(), entry_id)), json=json)


@app.command("register")
def register_aid(
    entry_id: str,
    reference: Annotated[str, typer.Option(help="The number that the central register shows.")],
    json: AsJson = False,
) -> None:
    """Note that a grant stands in the central register."""
    entry = aid.register_entry(acting_deed(), entry_id, reference=reference)
    show(_with_marks(entry), json=json, columns=COLUMNS)


@app.command("export")
def export_aid(file: Annotated[Path, typer.Argument(help="A new CSV file.")]) -> None:
    """Write all aid as CSV, one grant a line."""
    entries = aid.list_every_entry(acting_person())
    write_new(file, aid.render_csv(entries, now=wiring.now()).encode())
    facts = {"count": len(entries), "file": str(file)}
    say(Sentence("{count} grants are in {file}.", facts))


def _with_marks(entry: AidEntry) -> dict[str, Any]:
    known = {each.name: getattr(entry, each.name) for each in fields(entry)}
    return {**known, "euros": write_euros(entry.cents), "is_late": entry.is_late(wiring.now())}
