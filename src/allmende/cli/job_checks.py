"""Prints what the check of a job file found, and where a job would run."""

import typer

from allmende.cli.output import say, show
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.brokering import Choice
from allmende.services import check_sheets
from allmende.services.job_checks import JobCheck, Outlook
from allmende.services.workshop import Workshop
from allmende.wiring.code_folders import CodeFolder
from allmende.wiring.job_texts import place_findings


def show_check(
    found: JobCheck, *, text: str, workshop: Workshop, code: CodeFolder | None, json: bool
) -> None:
    """Print the mistakes with their lines in the text of the job file, or the outlook.

    `code` is the folder that would come along.
    """
    placed = place_findings(text, found.problems)
    if json:
        facts = check_sheets.as_facts(found, workshop)
        facts["code"] = code and {"files": len(code.entries), "size_bytes": code.size_bytes}
        facts["problems"] = [vars(finding) | {"line": line} for line, finding in placed]
        show(facts, json=True)
    elif found.outlook is None:
        for line, finding in placed:
            where = {"line": line, "what": finding.sentence}
            say(Sentence("Line {line}: {what}", where) if line else finding.sentence)
    else:
        _show_outlook(found.outlook, workshop, code)


def _show_outlook(outlook: Outlook, workshop: Workshop, code: CodeFolder | None) -> None:
    show(check_sheets.tell(outlook, workshop))
    if code is not None:
        amount = {"files": len(code.entries), "bytes": code.size_bytes}
        say(Sentence("{files} files and folders with {bytes} bytes would come along.", amount))
    for sentence in check_sheets.list_sooner(outlook):
        say(sentence)
    if outlook.preview.choice is not None:
        typer.echo()
        say_choice(outlook.preview.choice)
    for warning in check_sheets.list_warnings(outlook, workshop):
        say(warning, style="yellow")
    say(Sentence("Nothing has been submitted."))


def say_choice(choice: Choice) -> None:
    """Say for each partition why it was taken or not."""
    for verdict in choice.verdicts:
        facts = {"place": verdict.name, "why": verdict.sentence}
        if verdict is choice.chosen:
            say(Sentence("It runs on {place}. {why}", facts))
        else:
            say(Sentence("Not on {place}. {why}", facts))
