"""Reports of projects, interim and final."""

from pathlib import Path
from typing import Annotated, Any

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.access.reports import Report, ReportKind
from allmende.domain.basics.sentences import Sentence
from allmende.services import reports
from allmende.services.reports import ReportView
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

COLUMNS = "project_id kind number state handed_in_at decided_at reason lifted_because".split()
LIST_COLUMNS = (
    "project_id state due_at is_overdue unused_seconds has_large_rest data_deadline is_data_due"
).split()
Why = Annotated[str, typer.Option(help="The members read it.")]
Kind = Annotated[ReportKind, typer.Option(help="Of a project that runs, or of one that is over.")]
TextFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False)]


@app.command("list")
def list_reports(
    with_closed: bool = False, after: str = "", limit: int = 100, json: AsJson = False
) -> None:
    """List ended projects: report, unused rest, and until when their data stay."""
    found = reports.list_reports(
        acting_person(),
        rules=load_access_rules(),
        now=now(),
        with_closed=with_closed,
        after=after,
        limit=limit,
    )
    rows = [_row(each) for each in found]
    show(rows, json=json, columns=LIST_COLUMNS, empty=Sentence("No project has ended."))


@app.command("show")
def show_report(project_id: str, kind: Kind = ReportKind.FINAL, json: AsJson = False) -> None:
    """Show the report of a project, and when it is due; or its latest interim report."""
    reader, rules = acting_person(), load_access_rules()
    view = reports.get_report(reader, project_id, rules=rules, now=now(), kind=kind)
    show(_row(view), json=json)


@app.command("facts")
def show_facts(project_id: str, kind: Kind = ReportKind.FINAL, json: AsJson = False) -> None:
    """Show what nobody has to write: hours, jobs, models, energy, the acknowledgement."""
    rules = load_access_rules()
    facts = reports.gather_facts(acting_person(), project_id, rules=rules, kind=kind)
    show(facts, json=json)


@app.command("write")
def write_report(
    project_id: str,
    results: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A text file.")],
    publications: TextFile = None,
    feedback: TextFile = None,
    kind: Kind = ReportKind.FINAL,
    json: AsJson = False,
) -> None:
    """Write the texts of your project's report, from files."""
    written = reports.write_report(
        acting_deed(),
        project_id,
        results=results.read_text(),
        publications=publications.read_text() if publications else "",
        feedback=feedback.read_text() if feedback else "",
        kind=kind,
    )
    _show(written, json=json)


@app.command("hand-in")
def hand_in_report(project_id: str, kind: Kind = ReportKind.FINAL, json: AsJson = False) -> None:
    """Hand in the report of your project: once it has ended, an interim one while it runs."""
    rules = load_access_rules()
    _show(reports.hand_in_report(acting_deed(), project_id, rules=rules, kind=kind), json=json)


@app.command("accept")
def accept_report(project_id: str, kind: Kind = ReportKind.FINAL, json: AsJson = False) -> None:
    """Accept a report; a final one closes its project."""
    _show(reports.accept_report(acting_deed(), project_id, kind=kind), json=json)


@app.command("return")
def return_report(
    project_id: str, why: Why, kind: Kind = ReportKind.FINAL, json: AsJson = False
) -> None:
    """Return a report to its project."""
    _show(reports.return_report(acting_deed(), project_id, why=why, kind=kind), json=json)


@app.command("waive")
def waive_report(project_id: str, why: Why, json: AsJson = False) -> None:
    """Ask for no report any more, which closes the project."""
    _show(reports.waive_report(acting_deed(), project_id, why=why), json=json)


@app.command("lift-bar")
def lift_bar(project_id: str, why: Why, json: AsJson = False) -> None:
    """Let those behind an overdue report apply; the report stays due."""
    rules = load_access_rules()
    _show(reports.lift_bar(acting_deed(), project_id, why=why, rules=rules), json=json)


def _row(view: ReportView) -> dict[str, Any]:
    return {
        "project_id": view.project.id,
        "kind": view.report.kind.value,
        "state": view.report.state.value,
        "due_at": view.due_at,
        "is_overdue": view.is_overdue,
        "unused_seconds": view.project.unused_seconds,
        "has_large_rest": view.has_large_rest,
        "data_deadline": view.data_deadline,
        "is_data_due": view.is_data_due,
        "reason": view.report.reason,
        "lifted_because": view.report.lifted_because,
    }


def _show(report: Report, *, json: bool) -> None:
    show(report, json=json, columns=COLUMNS)
