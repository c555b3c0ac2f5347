"""Decisions that give time, and those that do not."""

from pathlib import Path
from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show, write_new
from allmende.domain.access.answers import read_hours
from allmende.domain.basics.sentences import Sentence
from allmende.services import awards
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.letters import render_letter

app = typer.Typer()

COLUMNS = ("id", "application_id", "project_id", "seconds", "price", "legal_basis", "granted_at")


@app.command("give")
def award_application(
    application_id: str,
    hours: Annotated[str, typer.Option(help="Less than was asked.")] = "",
    award_id: Annotated[str, typer.Option("--id", help="Makes a repetition harmless.")] = "",
    condition: Annotated[str, typer.Option(help="What the applicant accepts first.")] = "",
    json: AsJson = False,
) -> None:
    """Award an assessed application: project, budget and letter."""
    award = awards.award_application(
        acting_deed(),
        application_id,
        rules=load_access_rules(),
        seconds=read_hours(hours, field="hours"),
        award_id=award_id,
        condition=condition,
    )
    show(award, json=json, columns=COLUMNS)


@app.command("accept")
def accept_condition(award_id: str, json: AsJson = False) -> None:
    """Accept the condition of an award of yours: the project can start."""
    award = awards.accept_condition(acting_deed(), award_id)
    show(award, json=json, columns=(*COLUMNS, "condition_accepted_at"))


@app.command("refuse")
def refuse_application(
    application_id: str,
    why: Annotated[str, typer.Option(help="The applicant reads it.")],
    json: AsJson = False,
) -> None:
    """Refuse an assessed application."""
    refused = awards.refuse_application(
        acting_deed(), application_id, why=why, rules=load_access_rules()
    )
    show(refused, json=json, columns=("id", "state", "decision"))


@app.command("list")
def list_awards(after: str = "", limit: int = 100, json: AsJson = False) -> None:
    """List all awards."""
    found = awards.list_awards(acting_person(), after=after, limit=limit)
    show(found, json=json, columns=COLUMNS, empty=Sentence("No award yet."))


@app.command("letter")
def write_letter(
    award_id: str,
    file: Annotated[Path, typer.Argument(help="A new PDF file.")],
    language: Annotated[str, typer.Option(help="de or en; without it, that of mails to you.")] = "",
) -> None:
    """Write the letter of an award of yours as an accessible PDF."""
    reader = acting_person()
    award = awards.get_letter(reader, award_id)
    authority = load_access_rules().authority
    content = render_letter(award, authority=authority, language=language or reader.language)
    write_new(file, content)
    say(Sentence("The letter is in {file}.", {"file": str(file)}))


@app.command("show")
def show_award(award_id: str, json: AsJson = False) -> None:
    """Show an award with its letter."""
    award = awards.get_award(acting_person(), award_id)
    show(award, json=json, columns=COLUMNS)
    if not json:
        for paragraph in award.letter:
            say(paragraph)
