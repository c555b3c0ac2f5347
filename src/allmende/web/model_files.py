"""Handing out a model, for the portal and the API: files, one zip, its record as a document."""

import tempfile
from collections.abc import Callable
from typing import IO, cast

from django.http import FileResponse, HttpResponse

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.services import model_papers, models
from allmende.wiring.record_sheets import render_record

# Up to this an answer stays in memory; a larger one waits on the disk, in a file without a name.
BYTES_IN_MEMORY = 16 * 2**20


def hand_out_package(reader: Person, model_id: str) -> FileResponse:
    """Return the whole model as one zip; nothing is sent before all of it was checked."""
    backend_of = wiring.workshop().backend_of
    model = models.get_model(reader, model_id)
    return _hand_out(
        lambda file: model_papers.pack_model(reader, model_id, into=file, backend_of=backend_of),
        name=f"{model.id}-v{model.version}.zip",
        content_type="application/zip",
    )


def hand_out_file(reader: Person, model_id: str, name: str) -> FileResponse:
    """Return a file of a model; nothing is sent before all of it was checked."""
    backend_of = wiring.workshop().backend_of
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return _hand_out(
        lambda file: models.copy_model_file(
            reader, model_id, name, into=file, backend_of=backend_of
        ),
        name=safe,
        content_type="application/octet-stream",
    )


def _hand_out(
    write: Callable[[IO[bytes]], object], *, name: str, content_type: str
) -> FileResponse:
    file = tempfile.SpooledTemporaryFile(max_size=BYTES_IN_MEMORY)  # noqa: SIM115 - the answer closes it
    try:
        write(cast("IO[bytes]", file))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)


def hand_out_record(reader: Person, model_id: str, *, language: str) -> HttpResponse:
    """Return the training record as a PDF."""
    papers = model_papers.gather_record(reader, model_id)
    content = render_record(
        papers.model, papers.summary, provider=papers.provider, language=language
    )
    response = HttpResponse(content, content_type="application/pdf")
    name = f"{model_id}-training-record.pdf"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
