"""Trained models, their cards and records."""

from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.services import models

app = typer.Typer()

COLUMNS = ("id", "name", "project_id", "job_id", "licence", "created_at")


class ModelIsChanged(Refusal):
    """Model {model} is not as it was registered: {first}"""


@app.command("list")
def list_models(
    project: Annotated[str, typer.Option(help="Of this project only.")] = "",
    after: Annotated[str, typer.Option(help="Begin after this model.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: AsJson = False,
) -> None:
    """List models, the newest first."""
    found = models.list_models(acting_person(), project_id=project, after=after, limit=limit)
    show(found, json=json, columns=COLUMNS, empty="No model yet: a finished training leaves one.")


@app.command("show")
def show_model(model_id: str, json: AsJson = False) -> None:
    """Show a model's card; with --json also its training record."""
    model = models.get_model(acting_person(), model_id)
    show(model if json else model.card, json=json)


@app.command("check")
def verify_model(model_id: str, json: AsJson = False) -> None:
    """Compare files and record with what was registered; exit code 1 when something changed."""
    backend_of = wiring.workshop().backend_of
    findings = models.verify_model_files(acting_person(), model_id, backend_of=backend_of)
    if json:
        show({"model": model_id, "findings": findings}, json=True)
    elif not findings:
        say(Sentence("Every file and the record are as they were registered."))
    if findings:
        raise ModelIsChanged(model=model_id, first=findings[0])


@app.command("download")
def download_model(
    model_id: str,
    folder: Annotated[Path, typer.Argument(help="Where the files go; it is made if need be.")],
    json: AsJson = False,
) -> None:
    """Download the files of a model of yours, each compared with what was registered."""
    reader, backend_of = acting_person(), wiring.workshop().backend_of
    model = models.get_model(reader, model_id)
    written = []
    for file in model.files:
        content = models.read_model_file(reader, model_id, file.name, backend_of=backend_of)
        path = folder / Path(file.name).name
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append({"file": str(path), "size_bytes": len(content), "sha256": file.sha256})
    show(written, json=json, empty="The model has no files.")
