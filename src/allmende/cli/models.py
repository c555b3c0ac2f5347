"""Trained models, their cards and records."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, new_file, say, show, write_new
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.models import Visibility
from allmende.domain.training.summaries import render_summary
from allmende.services import model_papers, model_terms, models
from allmende.wiring.languages import translate
from allmende.wiring.record_sheets import render_record, say_card

app = typer.Typer()

COLUMNS = ("id", "family", "version", "project_id", "job_id", "visibility", "licence")


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
    empty = Sentence("No model yet: a finished training leaves one.")
    show(found, json=json, columns=COLUMNS, empty=empty)


@app.command("show")
def show_model(model_id: str, json: AsJson = False) -> None:
    """Show a model's card in your language; with --json also its training record."""
    model = models.get_model(acting_person(), model_id)
    show(model if json else say_card(model), json=json)


@app.command("share")
def set_terms(
    model_id: str,
    visibility: Annotated[Visibility, typer.Argument(help="Who sees it and takes its files.")],
    licence: Annotated[str | None, typer.Option(help="Without it, the one it has.")] = None,
    keep_until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day of its files; without it, as it is."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say who sees a model of yours, under which licence, and until when its files are kept."""
    deed = acting_deed()
    model = models.get_model(deed.actor, model_id)
    terms = model_terms.Terms(
        visibility=visibility,
        licence=model.licence if licence is None else licence,
        keep_until=keep_until.date() if keep_until else model.keep_until,
    )
    show(model_terms.set_terms(deed, model_id, terms), json=json, columns=COLUMNS)


@app.command("delete-files")
def delete_files(model_id: str, json: AsJson = False) -> None:
    """Delete the files of a model of yours for good; card, record and certificate stay."""
    model = model_terms.delete_files(
        acting_deed(), model_id, backend_of=wiring.workshop().backend_of
    )
    show(model_terms.get_certificate(acting_person(), model.id), json=json)


@app.command("certificate")
def show_certificate(model_id: str, json: AsJson = False) -> None:
    """Show the certificate of a deletion, with its place in the audit chain."""
    show(model_terms.get_certificate(acting_person(), model_id), json=json)


@app.command("versions")
def list_versions(model_id: str, json: AsJson = False) -> None:
    """List the versions of a model, the oldest first."""
    reader = acting_person()
    found = models.list_versions(reader, models.get_model(reader, model_id))
    show(found, json=json, columns=COLUMNS)


@app.command("lineage")
def show_lineage(model_id: str, json: AsJson = False) -> None:
    """Show where a model comes from: data, code, job, attempts, energy, and what came of it."""
    graph = model_papers.find_lineage(acting_person(), model_id)
    if json:
        show(graph, json=True)
        return
    show(graph.nodes, json=False, columns=("kind", "label", "detail"))


@app.command("bill")
def show_bill(model_id: str) -> None:
    """Print the bill of materials of a model, as CycloneDX 1.6 in JSON."""
    show(model_papers.build_bill(acting_person(), model_id), json=True)


@app.command("summary")
def show_summary(model_id: str, json: AsJson = False) -> None:
    """Show the public summary of what a model was trained on, in its three parts."""
    parts = model_papers.summarise_data(acting_person(), model_id)
    if json:
        show(render_summary(parts), json=True)
        return
    rows = [
        {"part": translate(part.title), "entry": translate(line.label), "value": line.value}
        for part in parts
        for line in part.lines
    ]
    show(rows, json=False, columns=("part", "entry", "value"))


@app.command("record")
def write_record(
    model_id: str,
    file: Annotated[Path, typer.Argument(help="A new PDF file.")],
    language: Annotated[str, typer.Option(help="de or en; without it, that of mails to you.")] = "",
) -> None:
    """Write the training record as an accessible PDF; show --json has it for programs."""
    reader = acting_person()
    papers = model_papers.gather_record(reader, model_id)
    spoken = language or reader.language
    content = render_record(papers.model, papers.summary, provider=papers.provider, language=spoken)
    write_new(file, content)
    say(Sentence("The training record is in {file}.", {"file": str(file)}))


@app.command("package")
def write_package(
    model_id: str, file: Annotated[Path, typer.Argument(help="A new zip file.")]
) -> None:
    """Write a model into one zip: files, card, record, bill, summary, and their checksums."""
    reader, backend_of = acting_person(), wiring.workshop().backend_of
    with new_file(file) as opened:
        model_papers.pack_model(reader, model_id, into=opened, backend_of=backend_of)
    say(Sentence("The model is in {file}.", {"file": str(file)}))


@app.command("check")
def verify_model(model_id: str, json: AsJson = False) -> None:
    """Compare files and record with what was registered; exit code 1 when something changed."""
    reader, backend_of = acting_person(), wiring.workshop().backend_of
    findings = models.verify_model_files(reader, model_id, backend_of=backend_of)
    if json:
        show({"model": model_id, "findings": findings}, json=True)
    elif not findings and models.get_model(reader, model_id).is_kept:
        say(Sentence("Every file and the record are as they were registered."))
    elif not findings:
        say(Sentence("The files were deleted; the record is as it was registered."))
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
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file in model.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)  # of a download that ended half-way
        with new_file(part) as opened:
            models.copy_model_file(reader, model_id, file.name, into=opened, backend_of=backend_of)
        part.replace(path)
        written.append({"file": str(path), "size_bytes": file.size_bytes, "sha256": file.sha256})
    show(written, json=json, empty=Sentence("The model has no files."))
