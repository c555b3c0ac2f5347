"""Handing out a model, for the portal and the API: files, one zip, its record as a document."""

from django.http import FileResponse, HttpResponse

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.services import model_papers, models
from allmende.web.downloads import hand_out_written
from allmende.wiring.record_sheets import render_record


def hand_out_package(reader: Person, model_id: str) -> FileResponse:
    """Return the whole model as one zip; nothing is sent before all of it was checked."""
    backend_of = wiring.workshop().backend_of
    model = models.get_model(reader, model_id)
    return hand_out_written(
        lambda file: model_papers.pack_model(reader, model_id, into=file, backend_of=backend_of),
        name=f"{model.id}-v{model.version}.zip",
        content_type="application/zip",
    )


def hand_out_file(reader: Person, model_id: str, name: str) -> FileResponse:
    """Return a file of a model; nothing is sent before all of it was checked."""
    backend_of = wiring.workshop().backend_of
    return hand_out_written(
        lambda file: models.copy_model_file(
            reader, model_id, name, into=file, backend_of=backend_of
        ),
        name=name,
    )


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
