"""Who did what, when and why."""

from typing import Annotated

import typer

from allmende.cli.acting import acting_person
from allmende.cli.exits import ExitCode
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.services import audit, recomputations

app = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")]


@app.command("list")
def list_events(
    after: Annotated[int, typer.Option(help="Begin after this event.")] = 0,
    subject: Annotated[str, typer.Option(help="Only events about this id.")] = "",
    limit: Limit = 100,
    json: AsJson = False,
) -> None:
    """List events, oldest first."""
    events = audit.list_events(acting_person(), after=after, limit=limit, subject=subject)
    columns = ("number", "at", "actor_id", "action", "subject", "why")
    show(events, json=json, columns=columns, empty=Sentence("No such event."))


@app.command("head")
def show_head(json: AsJson = False) -> None:
    """Show the end of the chain: note it, and nothing before it can be changed unnoticed."""
    show(audit.get_head(acting_person()), json=json)


@app.command("decisions")
def recompute_decisions(json: AsJson = False) -> None:
    """Work out every decision on access once more. Exit code 1 if anything does not follow."""
    found = recomputations.recompute_decisions(acting_person())
    if json:
        show({"is_clean": not found.findings, **vars(found)}, json=True)
    elif found.findings:
        show(found.findings)
    else:
        facts = {"applications": found.applications, "awards": found.awards}
        say(
            Sentence(
                "{applications} applications and {awards} awards follow from their grounds.", facts
            )
        )
    if found.findings:
        raise typer.Exit(ExitCode.REFUSED)


@app.command("check")
def check_audit(json: AsJson = False) -> None:
    """Recompute the whole chain. Exit code 1 if anything was changed, removed or inserted."""
    reader = acting_person()
    findings, head = audit.check_audit(reader), audit.get_head(reader)
    if json:
        show({"is_clean": not findings, "head": head, "findings": findings}, json=True)
    elif findings:
        show(findings)
    else:
        say(Sentence("The chain of {events} events is unbroken.", {"events": head.number}))
    if findings:
        raise typer.Exit(ExitCode.REFUSED)
