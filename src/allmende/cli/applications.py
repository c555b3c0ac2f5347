"""Requests for compute time, from the draft to the technical assessment."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
import yaml

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.cli.sizes import estimate_size, known
from allmende.domain.access.applications import Application, ApplicationState
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import (
    application_marks,
    applications,
    expert_reviews,
    forms,
    rebuttals,
    reviews,
)
from allmende.services.application_marks import MarkNotice
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.job_texts import read_job_text
from allmende.wiring.languages import get_language

app = typer.Typer()
app.command("size")(estimate_size)

COLUMNS = ("id", "state", "call_id", "organisation_id", "submitted_at", "due_at", "decision")


@app.command("start")
def start_application(call_id: str, organisation_id: str, json: AsJson = False) -> None:
    """Start a draft under a call."""
    draft = applications.start_application(
        acting_deed(), call_id=call_id, organisation_id=organisation_id
    )
    _show(draft, json=json)


@app.command("copy")
def copy_application(application_id: str, call_id: str, json: AsJson = False) -> None:
    """Start a draft under a call with the answers of an earlier application."""
    copied = applications.copy_application(
        acting_deed(), application_id, call_id=call_id, rules=load_access_rules()
    )
    _show(copied, json=json)


@app.command("questions")
def list_questions(call_id: str, json: AsJson = False) -> None:
    """List what an application under a call has to answer, and the words that it declares."""
    form = forms.describe_form(acting_person(), call_id, rules=load_access_rules())
    if json:
        show(form, json=True)
        return
    show(list(form.questions), columns=("section", "name", "kind", "is_required", "label"))
    for each in form.declarations:
        say(f"\n{each.name} ({each.version}): {each.texts[get_language()]}")
        if each.document:
            say(each.document)


@app.command("edit")
def edit_application(
    application_id: str,
    answers: Annotated[
        list[str] | None,
        typer.Argument(help="Such as title=… requested_hours=4; rows are written as JSON."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--answers", exists=True, dir_okay=False, help="YAML or JSON with answers."),
    ] = None,
    was: Annotated[
        list[str] | None,
        typer.Option(help="What you saw, such as title=…: changed since, it is not replaced."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Set answers of a draft."""
    changes = (_read_file(file) if file else {}) | _read_answers(answers)
    edited = applications.edit_application(
        acting_deed(), application_id, changes=changes, based_on=_read_answers(was)
    )
    _show(edited, json=json)


@app.command("missing")
def list_findings(application_id: str, json: AsJson = False) -> None:
    """List what is still missing or wrong in a draft."""
    found = applications.list_findings(
        acting_person(), application_id, rules=load_access_rules(), now=now()
    )
    show(list(found), json=json, empty=Sentence("Nothing is missing: it can be submitted."))


@app.command("marks")
def list_marks(application_id: str, json: AsJson = False) -> None:
    """List the marks of the AI Act that it passes, or could with the hours it asks for."""
    found = application_marks.list_notices(acting_person(), application_id, **known(), now=now())
    if json:
        show(found, json=True)
        return
    _tell_marks(found)
    if not found:
        say(Sentence("It passes no mark of the AI Act."))


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


@app.command("answer-reviews")
def answer_reviews(
    application_id: str,
    text: Annotated[str, typer.Option(help="What you say to the experts' texts.")],
    json: AsJson = False,
) -> None:
    """Answer the reviews before the panel ranks, once; `show` has the experts' texts."""
    answered = rebuttals.answer_reviews(acting_deed(), application_id, text=text)
    show(answered, json=json)


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
    show(found, json=json, columns=COLUMNS, empty=Sentence("No application yet."))


@app.command("show")
def show_application(application_id: str, json: AsJson = False) -> None:
    """Show one application with its answers."""
    application = applications.get_application(acting_person(), application_id)
    _show(application, json=json)
    if not json:
        show(application.form)
        if application.frozen:
            columns = ("name", "is_given", "version", "content_hash", "answered_at")
            empty = Sentence("No declaration.")
            show(list(application.frozen.declarations), columns=columns, empty=empty)
        for opinions in expert_reviews.list_opinions(acting_person(), application_id):
            show(list(opinions), columns=("criterion_id", "text"))


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
        acting_deed(), application_id, is_eligible=eligible, why=why, rules=load_access_rules()
    )
    _show(settled, json=json)


def _read_answers(written: list[str] | None) -> dict[str, object]:
    answers: dict[str, object] = {}
    for answer in written or ():
        name, equals, value = answer.partition("=")
        if not equals:
            raise InvalidInput(field=answer, problem=Sentence("Write an answer as name=value."))
        answers[name] = value
    return answers


def _read_file(file: Path) -> dict[str, object]:
    try:
        content = read_job_text(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = Sentence("It is neither YAML nor JSON: {error}", {"error": str(error)})
        raise InvalidInput(field=file.name, problem=problem) from error
    if not isinstance(content, dict):
        problem = Sentence("Write each answer as name: value.")
        raise InvalidInput(field=file.name, problem=problem)
    return {str(name): value for name, value in content.items()}


def _show(application: Application, *, json: bool) -> None:
    show(application, json=json, columns=COLUMNS)
    if not json:
        _tell_marks(application_marks.foresee_marks(application, **known(), now=now()))


def _tell_marks(notices: Iterable[MarkNotice]) -> None:
    for each in notices:
        say(each.sentence, style="yellow")
        say(each.origin, style="dim")
