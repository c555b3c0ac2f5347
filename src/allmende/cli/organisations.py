"""Organisations, their figures and their size class."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.basics.sentences import Sentence
from allmende.services import mergers, organisations
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.ownership_files import read_ownership_file

app = typer.Typer()

MERGER_COLUMNS = ("organisation_id", "into_id", "on", "reason", "recorded_at")
COLUMNS = ("id", "name", "kind", "country", "size_class")


@app.command("register")
def register_organisation(
    name: str,
    kind: Annotated[OrganisationKind, typer.Option(help="What it is.")],
    country: Annotated[str, typer.Option(help="Where it is established.")] = "DE",
    start_up: Annotated[bool, typer.Option(help="It calls itself a start-up.")] = False,
    nace_code: Annotated[str, typer.Option(help="Its sector, such as 62.01.")] = "",
    vat_number: Annotated[str, typer.Option(help="Its VAT number, such as DE136695976.")] = "",
    json: AsJson = False,
) -> None:
    """Register an organisation; you become its first member."""
    organisation = organisations.register_organisation(
        acting_deed(),
        name=name,
        kind=kind,
        country=country,
        is_start_up=start_up,
        nace_code=nace_code,
        vat_number=vat_number,
    )
    show(organisation, json=json, columns=COLUMNS)


@app.command("figures")
def update_figures(
    organisation_id: str,
    file: Annotated[Path, typer.Argument(help="Firms and holdings as JSON or TOML.", exists=True)],
    json: AsJson = False,
) -> None:
    """Set figures and owners from a file, and compute the size class."""
    ownership = read_ownership_file(file.read_bytes(), name=file.name)
    organisation = organisations.update_figures(
        acting_deed(), organisation_id, ownership=ownership, rules=load_access_rules()
    )
    show(organisation, json=json, columns=COLUMNS)


@app.command("list")
def list_organisations(after: str = "", limit: int = 100, json: AsJson = False) -> None:
    """List the organisations that you may see."""
    found = organisations.list_organisations(acting_person(), after=after, limit=limit)
    show(found, json=json, columns=COLUMNS, empty=Sentence("No organisation yet."))


@app.command("show")
def show_organisation(organisation_id: str, json: AsJson = False) -> None:
    """Show one organisation."""
    organisation = organisations.get_organisation(acting_person(), organisation_id)
    show(organisation, json=json, columns=COLUMNS)


@app.command("merge")
def record_merger(
    organisation_id: str,
    into_id: str,
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day of the merger.")],
    why: Annotated[str, typer.Option(help="How it is known, such as an entry in a register.")],
    json: AsJson = False,
) -> None:
    """Record that an organisation merged into another one; that stays."""
    merger = mergers.record_merger(
        acting_deed(), organisation_id, into_id=into_id, on=on.date(), reason=why
    )
    show(merger, json=json, columns=MERGER_COLUMNS)


@app.command("mergers")
def list_mergers(json: AsJson = False) -> None:
    """List the mergers of organisations, the latest first."""
    found = [view.merger for view in mergers.list_mergers(acting_person())]
    show(found, json=json, columns=MERGER_COLUMNS, empty=Sentence("No merger is recorded."))
