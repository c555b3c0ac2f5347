"""Handing out a model, for the portal and the API: as one zip, and its record as a document."""

import tempfile

from django.http import FileResponse, HttpResponse

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.services import model_papers
from allmende.wiring.record_sheets import render_record

# Up to this a package stays in memory; a larger one waits on the disk, in a file without a name.
BYTES_IN_MEMORY = 16 * 2**20


def hand_out_package(reader: Person, model_id: str) -> FileResponse:
    """Return the whole model as one zip; nothing is sent before all of it was checked."""
    file = tempfile.SpooledTemporaryFile(max_size=BYTES_IN_MEMORY)  # noqa: SIM115 - the answer closes it
    try:
        model = model_papers.pack_model(
            reader, model_id, into=file, backend_of=wiring.workshop().backend_of
        )
    except BaseException:
        file.close()
        raise
    file.seek(0)
    name = f"{model.id}-v{model.version}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


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
