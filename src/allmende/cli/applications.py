"""Requests for compute time, from the draft to the technical assessment."""

from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import applications, reviews
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

COLUMNS = ("id", "state", "call_id", "organisation_id", "submitted_at", "due_at", "decision")


@app.command("start")
def start_application(
    call_id: str,
    organisation_id: str,
    copy: Annotated[
        str | None, typer.Option(help="An earlier application whose answers are used again.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Start a draft under a call."""
    draft = applications.start_application(
        acting_deed(), call_id=call_id, organisation_id=organisation_id, copy_of=copy
    )
    _show(draft, json=json)


@app.command("edit")
def edit_application(
    application_id: str,
    answers: Annotated[list[str], typer.Argument(help="Such as title=… requested_hours=4")],
    was: Annotated[
        list[str] | None,
        typer.Option(help="What you saw, such as title=…: changed since, it is not replaced."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Set answers of a draft."""
    edited = applications.edit_application(
        acting_deed(), application_id, changes=_read_answers(answers), based_on=_read_answers(was)
    )
    _show(edited, json=json)


@app.command("missing")
def list_findings(application_id: str, json: AsJson = False) -> None:
    """List what is still missing or wrong in a draft."""
    found = applications.list_findings(acting_person(), application_id)
    show(list(found), json=json, empty="Nothing is missing: it can be submitted.")


@app.command("submit")
def submit_application(application_id: str, json: AsJson = False) -> None:
    """Hand a draft in; after that nothing about it changes."""
    submitted = applications.submit_application(
        acting_deed(), application_id, rules=load_access_rules()
    )
    _show(submitted, json=json)


@app.command("withdraw")
def withdraw_application(application_id: str, json: AsJson = False) -> None:
    """Take an application back before it is decided."""
    _show(applications.withdraw_application(acting_deed(), application_id), json=json)


@app.command("list")
def list_applications(
    state: Annotated[list[ApplicationState] | None, typer.Option(help="Only these.")] = None,
    after: str = "",
    limit: int = 100,
    json: AsJson = False,
) -> None:
    """List your applications; for the office, all that were handed in."""
    found = applications.list_applications(
        acting_person(), states=state or (), after=after, limit=limit
    )
    show(found, json=json, columns=COLUMNS, empty="No application yet.")


@app.command("show")
def show_application(application_id: str, json: AsJson = False) -> None:
    """Show one application with its answers."""
    application = applications.get_application(acting_person(), application_id)
    _show(application, json=json)
    if not json:
        show(application.form)


@app.command("assess")
def assess_application(
    application_id: str,
    feasible: Annotated[bool, typer.Option("--feasible/--infeasible", help="Will it run?")],
    notes: Annotated[str, typer.Option(help="The applicant reads them.")] = "",
    json: AsJson = False,
) -> None:
    """Record the technical assessment of the hosting entity."""
    assessed = reviews.record_technical_assessment(
        acting_deed(), application_id, is_feasible=feasible, notes=notes
    )
    _show(assessed, json=json)


@app.command("settle")
def settle_eligibility(
    application_id: str,
    eligible: Annotated[bool, typer.Option("--eligible/--ineligible", help="May they?")],
    why: Annotated[str, typer.Option(help="The applicant reads it.")],
    json: AsJson = False,
) -> None:
    """Decide on eligibility where the rules leave it to a person."""
    settled = reviews.record_eligibility(
        acting_deed(), application_id, is_eligible=eligible, why=why
    )
    _show(settled, json=json)


def _read_answers(written: list[str] | None) -> dict[str, str]:
    answers = {}
    for answer in written or ():
        name, equals, value = answer.partition("=")
        if not equals:
            raise InvalidInput(field=answer, problem=Sentence("Write an answer as name=value."))
        answers[name] = value
    return answers


def _show(application: Application, *, json: bool) -> None:
    show(application, json=json, columns=COLUMNS)
