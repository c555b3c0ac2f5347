"""Ceilings of the machines' time, and what is left under each."""

from dataclasses import fields
from typing import Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.access.ceilings import Contingent
from allmende.domain.basics.units import plain_hours
from allmende.services import ceilings
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

COLUMNS = ("partition_id", "access_share", "year", "name", "percent", "limit_hours", "given_hours",
           "left_hours")  # fmt: skip


@app.command("list")
def list_ceilings(json: AsJson = False) -> None:
    """List what each kind of use may have of each machine this year, and what is left."""
    found = ceilings.list_contingents(acting_person(), rules=load_access_rules(), now=wiring.now())
    show([_facts(each) for each in found], json=json, columns=COLUMNS)


def _facts(contingent: Contingent) -> dict[str, Any]:
    known = {each.name: getattr(contingent, each.name) for each in fields(contingent)}
    seconds = {
        "limit_seconds": contingent.limit_seconds,
        "given_seconds": contingent.given_seconds,
        "left_seconds": contingent.left_seconds,
    }
    hours = {
        name.replace("seconds", "hours"): plain_hours(value) for name, value in seconds.items()
    }
    return {**known, **seconds, **hours}
