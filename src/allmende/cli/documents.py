"""Files of an application: added to a draft, listed, taken away, downloaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show, write_new
from allmende.domain.access.documents import Document, DocumentKind
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import documents
from allmende.wiring.documents import shelf

app = typer.Typer()

COLUMNS = ("id", "kind", "name", "pages", "size_bytes", "sha256")
CHUNK_BYTES = 1 << 16


@app.command("add")
def add_document(
    application_id: str,
    file: Path,
    kind: Annotated[DocumentKind, typer.Option(help="What it is.")] = DocumentKind.OTHER,
    json: AsJson = False,
) -> None:
    """Add a PDF to a draft; the same file again is the same."""
    deed = acting_deed()
    documents.check_draft_of(deed.actor, application_id)
    with shelf().receive(_read(file)) as incoming:
        added = documents.add_document(
            deed, application_id, kind=kind, name=file.name, incoming=incoming, shelf=shelf()
        )
    _show(added, json=json)


@app.command("list")
def list_documents(
    application_id: str,
    reusable: Annotated[
        bool, typer.Option("--reusable", help="Those of your other applications instead.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List the documents of an application."""
    found = (documents.list_reusable if reusable else documents.list_documents)(
        acting_person(), application_id
    )
    show(list(found), json=json, columns=COLUMNS, empty=Sentence("No document."))


@app.command("reuse")
def reuse_document(application_id: str, document_id: str, json: AsJson = False) -> None:
    """Add a document of another application of yours to a draft."""
    _show(documents.reuse_document(acting_deed(), application_id, document_id), json=json)


@app.command("remove")
def remove_document(application_id: str, document_id: str, json: AsJson = False) -> None:
    """Take a document from a draft."""
    documents.remove_document(acting_deed(), application_id, document_id)
    if json:
        show({"removed": document_id}, json=True)
    else:
        say(Sentence("It is no longer part of the draft."))


@app.command("download")
def download_document(
    application_id: str,
    document_id: str,
    file: Annotated[Path, typer.Argument(help="Where it goes; nothing is written over.")],
    as_reviewer: Annotated[
        bool, typer.Option("--review", help="For a review that you accepted.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Download a document, compared with its hash."""
    if as_reviewer:
        document, opened = documents.open_for_review(
            acting_deed(), application_id, document_id, shelf=shelf()
        )
    else:
        document, opened = documents.open_document(
            acting_person(), application_id, document_id, shelf=shelf()
        )
    with opened:
        write_new(file, opened.read())
    _show(document, json=json)


def _read(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while piece := opened.read(CHUNK_BYTES):
                yield piece
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        problem = Sentence("There is no file to read here.")
        raise InvalidInput(field=str(file), problem=problem) from error


def _show(document: Document, *, json: bool) -> None:
    show(document, json=json, columns=COLUMNS)
