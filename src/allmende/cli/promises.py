"""What was promised, and whether it is kept."""

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.exits import ExitCode
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.verdicts import PromiseResult, Verdict
from allmende.services import promises
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.factory import load_factory

app = typer.Typer()

COLUMNS = ("promise_id", "verdict", "target", "value")


@app.command("list")
def list_promises(json: AsJson = False) -> None:
    """List every promise with its newest result."""
    results = promises.list_promises(acting_person())
    empty = Sentence("No promise was judged yet. Run: allmende promise check")
    show(results, json=json, columns=COLUMNS, empty=empty)


@app.command("show")
def show_promise(promise_id: str, json: AsJson = False) -> None:
    """Show one promise with the records that prove it."""
    result = promises.get_promise(acting_person(), promise_id)
    if json:
        show(result, json=True)
        return
    show(
        result,
        columns=("title", "promised_to", "source", "target", "value", "verdict", "evaluated_at"),
    )
    show(result.rows, empty=Sentence("No record speaks for or against it."))


@app.command("check")
def check_promises(json: AsJson = False) -> None:
    """Judge every promise by the evidence as it stands now. Exit code 1 if one is broken."""
    results = promises.evaluate_promises(
        acting_deed(), factory=load_factory(), rules=load_access_rules()
    )
    show(results, json=json, columns=COLUMNS)
    if not json:
        say(_summary(results))
    if any(result.verdict is Verdict.BROKEN for result in results):
        raise typer.Exit(ExitCode.REFUSED)


def _summary(results: tuple[PromiseResult, ...]) -> Sentence:
    verdicts = [result.verdict for result in results]
    return Sentence(
        "{kept} kept, {broken} broken, {open} without evidence",
        {
            "kept": verdicts.count(Verdict.KEPT),
            "broken": verdicts.count(Verdict.BROKEN),
            "open": verdicts.count(Verdict.NO_EVIDENCE),
        },
    )
