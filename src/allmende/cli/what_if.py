"""What if: other shares, another demand, fewer nodes; what it does to everybody."""

from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.services import outcomes, what_if
from allmende.wiring import languages
from allmende.wiring.factory import load_factory

COLUMNS = (
    *("group", "jobs", "guarantee", "share", "wait_seconds_mean", "wait_seconds_p90"),
    *("worst_lag_node_seconds", "lag_bound_node_seconds"),
)


def ask_what_if(
    machine: Annotated[str, typer.Option(help="A partition; else the largest.")] = "",
    workload: Annotated[str, typer.Option(help="invented or recorded.")] = "invented",
    today: Annotated[int | None, typer.Option(help="Guarantee of the SMEs today, in %.")] = None,
    guarantee: Annotated[int | None, typer.Option(help="What if it were, in %.")] = None,
    others_weight: Annotated[int | None, typer.Option(help="Weight of all others.")] = None,
    demand: Annotated[int | None, typer.Option(help="Part that SMEs ask for, in %.")] = None,
    load: Annotated[int | None, typer.Option(help="All demand, in % of the machine.")] = None,
    days: Annotated[int | None, typer.Option(help="How many days to play.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of an invented workload.")] = None,
    power: Annotated[int | None, typer.Option(help="Nodes that may run, in %.")] = None,
    failing_nodes: Annotated[int | None, typer.Option(help="Nodes that fail.")] = None,
    failing_hours: Annotated[int | None, typer.Option(help="For how many hours.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Up to when records count: 2026-03-01T12:00Z.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page.")] = None,
    json: AsJson = False,
) -> None:
    """Ask what other shares would do to everybody, as the portal's page What if? does."""
    said = {name: value for name, value in locals().items() if value not in (None, "")}
    said = {name: value for name, value in said.items() if name in what_if.PARAMETERS}
    reader, factory, now = acting_person(), load_factory(), wiring.now()
    question = what_if.complete(said, factory=factory, now=now)
    outcome = outcomes.answer(what_if.prepare(reader, question, factory=factory, now=now))
    if report is not None:
        text = outcomes.write_report(outcome, translate=languages.translate)
        report.write_text(text, encoding="utf-8")
    document = outcome.to_json(languages.translate)
    if json:
        show(document, json=True)
        return
    say(outcome.verdict)
    say(outcome.price)
    for sentence in (outcome.energy, *outcome.energy_method):
        if sentence:
            say(sentence)
    for each in document["scenarios"]:
        say("")
        say(each["name"])
        rows = [{"group": name, **row} for name, row in each["groups"].items()]
        show([{name: _short(row[name]) for name in COLUMNS} for row in rows])
    if report is not None:
        say(Sentence("The report is {path}.", {"path": str(report)}))


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value
