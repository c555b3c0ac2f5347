"""The rules of a day: every number that decides, with its source."""

from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.modes import OnDay
from allmende.cli.output import AsJson, show
from allmende.domain.access.working_days import day_of
from allmende.services import rules
from allmende.wiring.access_rules import load_access_rules


def list_rules(
    name: Annotated[str, typer.Argument(help="Only rules whose name begins so.")] = "",
    on: OnDay = None,
    json: AsJson = False,
) -> None:
    """List the rules in force on a day; as JSON with the modes, calls and cut-offs of that day."""
    day = on.date() if on else day_of(wiring.now())
    found = rules.list_in_force(acting_person(), rules=load_access_rules(), on=day)
    rows = [
        {
            "rule": row.rule,
            "for": ", ".join(f"{key} {value}" for key, value in row.applies_if.items()),
            "value": row.value,
            "unit": row.unit,
            "since": row.valid_from,
            "source": row.source,
        }
        for row in found.rules
        if row.rule.startswith(name)
    ]
    show(found if json else rows, json=json)
