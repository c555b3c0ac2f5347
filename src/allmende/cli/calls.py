"""What is open, and opening it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import plain_hours
from allmende.services import calls
from allmende.services.calls import CallView
from allmende.wiring.access_rules import load_access_rules, read_calls

app = typer.Typer()


@app.command("list")
def list_calls(json: AsJson = False) -> None:
    """List the calls under which one can apply now."""
    views = calls.list_open_calls(acting_person(), now=wiring.now())
    empty = Sentence("No call is open. The programme office opens one with: allmende call open ID")
    show(views if json else [_row(view) for view in views], json=json, empty=empty)


@app.command("show")
def show_call(call_id: str, json: AsJson = False) -> None:
    """Show a call with its terms."""
    view = calls.get_call(acting_person(), call_id, now=wiring.now())
    more = {"description": view.call.descriptions["en"], "terms": view.call.terms_text}
    show(view if json else {**_row(view), **more}, json=json)


@app.command("open")
def open_call(
    call_id: str,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="Take it from this file, written as config/calls.toml."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Open a call of config/calls.toml, or of another file; opening it again changes nothing."""
    rules = load_access_rules()
    if file is not None:
        rules = replace(rules, calls=read_calls(file, rules.modes, rules.partitions))
    call = calls.open_call(acting_deed(), call_id, rules=rules)
    view = calls.get_call(acting_person(), call.id, now=wiring.now())
    show(view if json else _row(view), json=json)


def _row(view: CallView) -> dict[str, object]:
    call = view.call
    return {
        "id": call.id,
        "name": call.names["en"],
        "state": view.state,
        "mode": call.mode_id,
        "partition": call.partition_id,
        "up to": f"{plain_hours(call.size_max_seconds)} {call.unit.hours_name}",
        "cents per hour": call.price_cents_per_hour,
        "next cut-off": view.next_cut_off,
    }
