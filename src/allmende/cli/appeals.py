"""Appeals against decisions."""

from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.access.appeals import AppealState
from allmende.domain.basics.sentences import Sentence
from allmende.services import appeals
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

COLUMNS = ("id", "application_id", "state", "filed_at", "due_at", "answered_at", "answer")


@app.command("file")
def file_appeal(
    application_id: str,
    reason: Annotated[str, typer.Option(help="Why the decision is wrong.")],
    json: AsJson = False,
) -> None:
    """Appeal against the decision on your application; somebody else of the office answers."""
    filed = appeals.file_appeal(
        acting_deed(), application_id, reason=reason, rules=load_access_rules()
    )
    show(filed, json=json, columns=COLUMNS)


@app.command("list")
def list_appeals(
    state: Annotated[AppealState | None, typer.Option(help="Only these.")] = None,
    after: str = "",
    limit: int = 100,
    json: AsJson = False,
) -> None:
    """List all appeals, for the office."""
    found = appeals.list_appeals(acting_person(), state=state, after=after, limit=limit)
    show(found, json=json, columns=COLUMNS, empty=Sentence("No appeal."))


@app.command("show")
def show_appeals(application_id: str, json: AsJson = False) -> None:
    """Show the appeals on an application."""
    found = appeals.list_appeals_of(acting_person(), application_id)
    show(found, json=json, columns=COLUMNS, empty=Sentence("No appeal on this application."))


@app.command("answer")
def answer_appeal(
    appeal_id: str,
    uphold: Annotated[bool, typer.Option("--uphold/--reject", help="Take the decision back?")],
    why: Annotated[str, typer.Option(help="The applicant reads it.")],
    json: AsJson = False,
) -> None:
    """Take the decision back, or let it stand; not by whom it was taken."""
    answered = appeals.answer_appeal(
        acting_deed(), appeal_id, is_upheld=uphold, answer=why, rules=load_access_rules()
    )
    show(answered, json=json, columns=COLUMNS)
