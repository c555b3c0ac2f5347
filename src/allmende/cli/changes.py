"""Requests of running projects for more months or hours."""

from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.access.application_forms import read_hours
from allmende.domain.access.changes import ChangeState, ProjectChange
from allmende.domain.basics.sentences import Sentence
from allmende.services import changes
from allmende.wiring.access_rules import load_access_rules

app = typer.Typer()

COLUMNS = (
    *"id project_id state months seconds partition_id back_seconds".split(),
    *"given_months given_seconds given_back_seconds asked_at reason answer".split(),
)
PLACE_COLUMNS = ("partition_id", "unit", "hardware", "price")
Hours = Annotated[str, typer.Option(help="Hours more, such as 2.5.")]


@app.command("ask")
def ask_for_change(
    project_id: str,
    reason: Annotated[str, typer.Option(help="Why; the office reads it.")],
    months: Annotated[int, typer.Option(min=0, help="By how many the end moves.")] = 0,
    hours: Hours = "",
    partition: Annotated[str, typer.Option(help="The hours are to be on this one.")] = "",
    back: Annotated[str, typer.Option(help="Hours of the award that go back for them.")] = "",
    json: AsJson = False,
) -> None:
    """Ask for a later end, or more hours."""
    asked = changes.ask_for_change(
        acting_deed(),
        project_id,
        rules=load_access_rules(),
        months=months,
        seconds=read_hours(hours, field="hours") or 0,
        partition_id=partition,
        back_seconds=read_hours(back, field="back") or 0,
        reason=reason,
    )
    _show(asked, json=json)


@app.command("places")
def list_places(project_id: str, json: AsJson = False) -> None:
    """List the other partitions on which a project can ask for hours, and what one is there."""
    found = changes.list_places(
        acting_person(), project_id, rules=load_access_rules(), now=wiring.now()
    )
    empty = Sentence("There is no other partition for it.")
    show(found, json=json, columns=PLACE_COLUMNS, empty=empty)
    if not json:
        for each in found:
            say(each.sentence)


@app.command("list")
def list_changes(
    project: Annotated[str, typer.Option(help="Only of this project.")] = "",
    state: Annotated[ChangeState | None, typer.Option(help="Only these.")] = None,
    after: str = "",
    limit: int = 100,
    json: AsJson = False,
) -> None:
    """List what projects asked for: of one project, or for the office of all."""
    reader = acting_person()
    found = (
        changes.list_changes_of(reader, project)
        if project
        else changes.list_changes(reader, state=state, after=after, limit=limit)
    )
    show(found, json=json, columns=COLUMNS, empty=Sentence("Nobody asked for more."))


@app.command("approve")
def approve_change(
    change_id: str,
    months: Annotated[int | None, typer.Option(min=0, help="Fewer than asked for.")] = None,
    hours: Hours = "",
    back: Annotated[str, typer.Option(help="Hours of the award that go back.")] = "",
    why: Annotated[str, typer.Option(help="The project reads it.")] = "",
    json: AsJson = False,
) -> None:
    """Give what was asked for, or a part of it."""
    given = changes.approve_change(
        acting_deed(),
        change_id,
        rules=load_access_rules(),
        months=months,
        seconds=read_hours(hours, field="hours"),
        back_seconds=read_hours(back, field="back"),
        answer=why,
    )
    _show(given, json=json)


@app.command("decline")
def decline_change(
    change_id: str,
    why: Annotated[str, typer.Option(help="The project reads it.")],
    json: AsJson = False,
) -> None:
    """Say no, with the reason."""
    declined = changes.decline_change(acting_deed(), change_id, answer=why)
    show(declined, json=json, columns=COLUMNS)


@app.command("withdraw")
def withdraw_change(change_id: str, json: AsJson = False) -> None:
    """Take a request back."""
    show(changes.withdraw_change(acting_deed(), change_id), json=json, columns=COLUMNS)


def _show(change: ProjectChange, *, json: bool) -> None:
    show(change, json=json, columns=COLUMNS)
    if not json:
        for sentence in change.comparison:
            say(sentence)
