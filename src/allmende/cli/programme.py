"""Figures of the programme, and the data of a year that a hosting entity owes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.evidence import check_empty
from allmende.cli.output import AsJson, say, show, write_new
from allmende.domain.access.programme_figures import SUMS, Dimension, Hours, Stage, sum_hours
from allmende.domain.access.spans import parse_span, year_span
from allmende.domain.access.working_days import BERLIN
from allmende.domain.accounting.ledger import render_hours
from allmende.domain.basics.sentences import Sentence
from allmende.services import access_years, programme_figures
from allmende.services.programme_figures import OfficeFigures
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

SpanName = Annotated[
    str, typer.Argument(metavar="[SPAN]", help="A year, a quarter or a month; else this year.")
]
STAGES = tuple(stage.value for stage in Stage)
TIMES = ("mode_id", "decided", "missing", "in_time", "median_days", "nine_in_ten_days")
AMOUNTS = ("granted_hours", "used_hours", "expired_hours", "unit")


@app.command("funnel")
def show_funnel(span: SpanName = "", json: AsJson = False) -> None:
    """Show how many applications of each call reached each stage."""
    figures = _get_figures(span)
    rows = [{"call_id": each.call_id, **each.counts} for each in figures.funnels]
    show(rows, json=json, columns=("call_id", *STAGES))


@app.command("times")
def show_times(span: SpanName = "", json: AsJson = False) -> None:
    """Show how many working days decisions took, and which came late."""
    figures = _get_figures(span)
    rows = [{name: getattr(each, name) for name in (*TIMES, "late")} for each in figures.times]
    show(rows, json=json, columns=TIMES)
    late = [each for times in figures.times for each in times.late]
    if late and not json:
        show(late, columns=("application_id", "mode_id", "due_at", "decided_at"))


@app.command("hours")
def show_hours(
    span: SpanName = "",
    by: Annotated[
        list[Dimension] | None, typer.Option(help="A property; may be given several times.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show whose hours were awarded, used and expired."""
    figures = _get_figures(span)
    dimensions = by or [Dimension.SIZE]
    rows = [_facts(each, dimensions) for each in sum_hours(figures.hours, dimensions)]
    show(rows, json=json, columns=(*(each.value for each in dimensions), *AMOUNTS))


@app.command("public")
def show_public(
    span: Annotated[str, typer.Argument(help="A quarter that is over, such as 2026-Q3.")],
    json: AsJson = False,
) -> None:
    """Show what everybody may read of a quarter that is over."""
    person, quarter = acting_person(), parse_span(span)
    found = programme_figures.get_public_figures(person, quarter, now=wiring.now())
    if json:
        show(found, json=True)
        return
    rows = [
        {"figure": figure.name, "by": dimension, "category": category, "amount": amount}
        for figure in found
        for dimension, table in figure.tables.items()
        for category, amount in (*table.named.items(), ("(others)", table.others))
        if amount is not None
    ]
    show(rows, empty=Sentence("Nothing that could be said without naming somebody."))


@app.command("year")
def export_year(
    year: Annotated[int, typer.Argument(help="A year, such as 2026.")],
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A new folder for the files.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Write the data on the access time of a year, due by 31 January, into a new folder."""
    built = access_years.build_year(
        acting_person(), year, rules=load_access_rules(), now=wiring.now()
    )
    if directory is not None:
        check_empty(directory)
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in built.list_files().items():
            write_new(directory / name, text.encode())
    if json:
        show({"data": built.data, "manifest": built.manifest}, json=True)
    elif directory is None:
        show(built.data["hours"], columns=tuple(each.value for each in Dimension) + SUMS)
    else:
        facts = {"count": len(built.data["hours"]), "folder": str(directory)}
        say(Sentence("{count} rows of hours are in {folder}.", facts))
        say(
            Sentence(
                "The head of the audit trail is event {events}: {hash}", built.manifest["audit"]
            )
        )


def _get_figures(span: str) -> OfficeFigures:
    now = wiring.now()
    asked = parse_span(span) if span else year_span(now.astimezone(BERLIN).year)
    return programme_figures.get_figures(acting_person(), asked, now=now)


def _facts(hours: Hours, dimensions: list[Dimension]) -> dict[str, Any]:
    return {
        **{each.value: getattr(hours, each) for each in dimensions},
        **{name: getattr(hours, name) for name in SUMS},
        **{name.replace("_seconds", "_hours"): render_hours(getattr(hours, name)) for name in SUMS},
        "unit": hours.unit.hours_name,
    }
